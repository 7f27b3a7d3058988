package fetch_test

import (
	"fmt"
	"net/http"

	"github.com/corsgate/corsgate/gateway/fetch"
)

// A page of one origin puts JSON to another: what the browser asks first, and what it makes of the answer.
func Example() {
	r, err := fetch.NewRequest(fetch.Question{
		Origin:  "https://app.example.com",
		Method:  "PUT",
		URL:     "https://api.example.com/items/1",
		Headers: []string{"Content-Type: application/json"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, line := range r.Preflight() {
		fmt.Println(line)
	}
	answer := &fetch.Answer{Status: 204, Header: http.Header{
		"Access-Control-Allow-Origin":  {"https://app.example.com"},
		"Access-Control-Allow-Methods": {"PUT"},
	}}
	v := r.Evaluate(false, answer, nil)
	fmt.Println("sent:", v.Sent)
	fmt.Println(v.Failure())
	// Output:
	// OPTIONS /items/1 HTTP/1.1
	// Host: api.example.com
	// Origin: https://app.example.com
	// Sec-Fetch-Site: same-site
	// Sec-Fetch-Mode: cors
	// Access-Control-Request-Method: PUT
	// Access-Control-Request-Headers: content-type
	// sent: false
	// Access-Control-Allow-Headers does not have content-type
}
