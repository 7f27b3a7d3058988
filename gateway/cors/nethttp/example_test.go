package nethttp_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/cors/nethttp"
)

// One policy in front of all routes of a mux.
func ExampleHandler() {
	policy, problems := cors.New(cors.Config{
		Origins:        []string{"https://app.example.com", "https://*.preview.example.com"},
		Methods:        []string{"PUT", "DELETE"},
		RequestHeaders: []string{"Authorization"},
	})
	if policy == nil {
		log.Fatal(problems)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "[]") })
	handler := nethttp.Handler(policy, mux) // for http.ListenAndServe

	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/items", nil)
	r.Header.Set("Origin", "https://pr-7.preview.example.com")
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Access-Control-Allow-Origin"))

	w, r = httptest.NewRecorder(), httptest.NewRequest("OPTIONS", "/items", nil)
	r.Header.Set("Origin", "https://app.example.com")
	r.Header.Set("Access-Control-Request-Method", "PATCH")
	handler.ServeHTTP(w, r)
	fmt.Print(w.Code, " ", w.Body)
	// Output:
	// 200 https://pr-7.preview.example.com
	// 403 CORS preflight refused: method-not-allowed
}
