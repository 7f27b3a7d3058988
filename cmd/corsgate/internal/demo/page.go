package demo

import (
	_ "embed"
	"encoding/json"
	"io"
	"net/http"
)

//go:embed demo.html
var page string

// facts are what the page needs to know.
type facts struct {
	Origin  string `json:"origin"`  // of the page itself
	Allowed string `json:"allowed"` // the origin that the policies list
	Denied  string `json:"denied"`  // the one that they do not
	Gateway string `json:"gateway"`
	API     string `json:"api"`
	Config  string `json:"config"`
	Calls   []Call `json:"calls"`
}

// pages serves the page on one of its two origins, and on the same origin what the page could
// not find out from where it stands.
func (d *Demo) pages(origin string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		io.WriteString(w, page) // the client has gone
	})
	mux.HandleFunc("GET /demo.json", func(w http.ResponseWriter, _ *http.Request) {
		send(w, facts{
			Origin: origin, Allowed: d.Allowed, Denied: d.Denied, Gateway: d.Gateway, API: d.API,
			Config: d.Config, Calls: calls(),
		})
	})
	mux.HandleFunc("POST /replay/{id}", func(w http.ResponseWriter, r *http.Request) {
		call, ok := callOf(r.PathValue("id"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		// Cookies know no ports: the one that the gateway's API has set comes here, too.
		var cookie string
		if c, err := r.Cookie(session); err == nil && c.Value == user {
			cookie = session + "=" + user
		}
		replay, err := d.replay(origin, cookie, call)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		send(w, replay)
	})
	var foreign http.CrossOriginProtection
	return foreign.Handler(mux)
}

func send(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(value) // the client has gone
}
