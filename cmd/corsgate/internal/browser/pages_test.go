package browser_test

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"sync"
)

//go:embed testdata/page.html
var page string

// pages serves the page of every origin under /-/, with the cases of that origin. Each page leads to that of the next
// origin; the last one lets the browser end.
type pages struct {
	origins []string // in the order of their turns
	cases   []*testCase
	sample  func(*result) // fills in what the servers have seen since the last result
	ended   chan struct{}

	mu      sync.Mutex
	results map[int]result // by testCase.ID
}

func newPages(cases []*testCase, sample func(*result)) *pages {
	p := &pages{cases: cases, sample: sample, ended: make(chan struct{}), results: map[int]result{}}
	seen := map[string]bool{}
	for _, c := range cases {
		if !seen[c.page] {
			seen[c.page] = true
			p.origins = append(p.origins, c.page)
		}
	}
	return p
}

func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /-/":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte(page))
	case "GET /-/plan":
		json.NewEncoder(w).Encode(p.plan(originOf(r)))
	case "POST /-/result":
		var got result
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p.sample(&got)
		p.mu.Lock()
		p.results[got.ID] = got
		p.mu.Unlock()
	case "POST /-/end":
		close(p.ended)
	case "GET /-/end.js":
		// It holds back the load event, which is when the browser ends.
		select {
		case <-p.ended:
		case <-r.Context().Done():
		}
	default:
		http.NotFound(w, r)
	}
}

// plan is what the page of one origin has to do.
type plan struct {
	Cases []*testCase `json:"cases"`
	Next  string      `json:"next"` // the page to go on to, or ""
}

func (p *pages) plan(origin string) (pl plan) {
	for i, o := range p.origins {
		if o == origin && i+1 < len(p.origins) {
			pl.Next = p.origins[i+1] + "/-/"
		}
	}
	for _, c := range p.cases {
		if c.page == origin {
			pl.Cases = append(pl.Cases, c)
		}
	}
	return pl
}

func originOf(r *http.Request) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
