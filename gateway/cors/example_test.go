package cors_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/cors"
)

// A CORS middleware of net/http in 20 lines. Package nethttp is the complete one: it also replaces CORS fields that the
// handler sets, and reads requests with several field lines of one name.
func Example() {
	policy, _ := cors.New(cors.Config{Origins: []string{"https://app.example.com"}, Methods: []string{"PUT"}})
	add := func(h http.Header, fields []byte) {
		for line := range strings.Lines(string(fields)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			h.Add(name, value)
		}
	}
	middleware := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			origin, method := []byte(r.Header.Get("Origin")), []byte(r.Header.Get("Access-Control-Request-Method"))
			lines := len(r.Header["Origin"])
			if cors.IsPreflight([]byte(r.Method), origin, lines, method) {
				fields, reason := policy.AppendPreflight(nil, &cors.Preflight{Origin: origin, OriginLines: lines, Method: method,
					MethodLines: 1, Headers: [][]byte{[]byte(r.Header.Get("Access-Control-Request-Headers"))}})
				if add(w.Header(), fields); reason != cors.Allowed {
					http.Error(w, reason.String(), http.StatusForbidden)
				}
				return // 200 for what is allowed
			}
			fields, _ := policy.AppendActual(nil, origin, lines)
			add(w.Header(), cors.AppendVary(fields, nil, "Origin"))
			next.ServeHTTP(w, r)
		})
	}

	w, r := httptest.NewRecorder(), httptest.NewRequest("OPTIONS", "/items/7", nil)
	r.Header.Set("Origin", "https://app.example.com")
	r.Header.Set("Access-Control-Request-Method", "PUT")
	middleware(http.NotFoundHandler()).ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Access-Control-Allow-Methods"))
	// Output: 200 PUT
}

// New is also a linter: all mistakes come at once, and each is an error with the place where it was made.
func ExampleNew() {
	_, problems := cors.New(cors.Config{
		Origins:     []string{"https://App.example.com", "*"},
		Methods:     []string{"GET"},
		Credentials: true,
	})
	for _, p := range problems {
		fmt.Println(p)
	}
	// Output:
	// origins[0]: pattern "https://App.example.com": upper-case letter 'A'; browsers send lower case (write https://app.example.com)
	// origins[1]: "*" with credentials: every site can read what a signed-in user may see (list the origins, or leave credentials out; dangerously_reflect_any_origin = true accepts the risk)
	// origins[1]: "*" makes all other entries redundant (remove the others, or "*")
	// methods[0]: not needed: GET; browsers may always send GET, HEAD and POST (remove them, or leave them for readers)
}

func ExamplePolicy_AppendPreflight() {
	maxAge := 10 * time.Minute
	policy, _ := cors.New(cors.Config{
		Origins:        []string{"https://app.example.com"},
		Methods:        []string{"PUT"},
		RequestHeaders: []string{"Authorization"},
		MaxAge:         &maxAge,
	})
	for _, headers := range []string{"authorization", "authorization,x-debug"} {
		fields, reason := policy.AppendPreflight(nil, &cors.Preflight{
			Origin: []byte("https://app.example.com"), OriginLines: 1,
			Method: []byte("PUT"), MethodLines: 1,
			Headers: [][]byte{[]byte(headers)},
		})
		fmt.Printf("%s\n%s", reason, strings.ReplaceAll(string(fields), "\r\n", "\n"))
	}
	// Output:
	// allowed
	// Access-Control-Allow-Origin: https://app.example.com
	// Access-Control-Allow-Methods: PUT
	// Access-Control-Allow-Headers: Authorization
	// Access-Control-Max-Age: 600
	// Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers
	// header-not-allowed
	// Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers
}

func ExamplePolicy_AppendActual() {
	policy, _ := cors.New(cors.Config{Origins: []string{"https://app.example.com"}, Credentials: true})
	for _, origin := range []string{"https://app.example.com", "https://app.example.com.evil.example"} {
		fields, reason := policy.AppendActual(nil, []byte(origin), 1)
		fmt.Printf("%s\n%s", reason, strings.ReplaceAll(string(fields), "\r\n", "\n"))
	}
	// Output:
	// allowed
	// Access-Control-Allow-Origin: https://app.example.com
	// Access-Control-Allow-Credentials: true
	// origin-not-allowed
}

// A guard of WebSocket handshakes, which CORS does not cover.
func ExamplePolicy_AllowedOrigin() {
	policy, _ := cors.New(cors.Config{Origins: []string{"https://example.com", "https://*.example.com"}})
	for _, origin := range []string{"https://chat.example.com", "https://example.org", "null"} {
		fmt.Println(policy.AllowedOrigin([]byte(origin)))
	}
	// Output:
	// 1 allowed
	// -1 origin-not-allowed
	// -1 origin-null-not-allowed
}

// The lines of a response become one. Nothing is said twice.
func ExampleAppendVary() {
	existing := [][]byte{[]byte("Accept-Encoding"), []byte("origin, Accept-Language")}
	fmt.Printf("%q\n", cors.AppendVary(nil, existing, "Origin"))
	// Output:
	// "Vary: Accept-Encoding, origin, Accept-Language\r\n"
}
