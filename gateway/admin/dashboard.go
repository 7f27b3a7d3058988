package admin

import (
	"embed"
	"io/fs"
	"net/http"
)

// This file serves the dashboard: one page, its style and its scripts, all of them in the binary.
// The rules are:
//
//   - it needs nothing from elsewhere, and may get nothing from elsewhere: see policy;
//   - its data comes from /status, /refused, /shadow, /config and /explain, like any other client's;
//   - origins are chosen by the senders of requests: they are shown as text, never as markup.

//go:embed dashboard
var files embed.FS

// policy is the page's Content-Security-Policy: its own files, and nothing that is written into the
// page. Trusted Types has the browser refuse every sink that would make markup of a string.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

func dashboard() http.Handler {
	sub, err := fs.Sub(files, "dashboard")
	if err != nil {
		panic("BUG: the dashboard is not in the binary: " + err.Error())
	}
	server := http.FileServerFS(sub)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		server.ServeHTTP(w, r)
	})
}
