package gateway_test

import (
	"io"
	"net/http"
	"testing"
)

// TestReliefContent: content over HTTP/2 that waits in its window until the upstream has room for the request is given up when memory
// is short, and the request is answered 503 when its turn has come.
func TestReliefContent(t *testing.T) {
	for _, engine := range []string{secure, secureBlocking} {
		t.Run(engine, func(t *testing.T) {
			first, release := make(chan bool), make(chan bool)
			url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/first" {
					first <- true
					<-release
				}
				io.Copy(io.Discard, r.Body)
			}))
			g, address := serveOn(t, engine, "[upstream.u]\nendpoints = [\""+url+"\"]\nmax_connections = 1\nqueue_timeout = \"600s\"\n[route.a]\nupstream = \"u\"\n")
			f := frames(t, address)
			defer f.c.Close()
			head := func(method, path string) []string {
				return []string{":method", method, ":scheme", "https", ":path", path, ":authority", "h"}
			}
			f.ask(1, true, head("GET", "/first")...)
			<-first
			f.ask(3, false, head("POST", "/large")...)
			f.WriteData(3, false, make([]byte, 16<<10))
			f.WriteData(3, false, make([]byte, 16<<10))
			until(t, "the large one gives its memory back", func() bool { return g.Relieve(30<<10) >= 30<<10 })
			close(release)
			if got := f.outcome(3); got != "503" {
				t.Errorf("a large one: %s, want 503", got)
			}
			counted(t, g, `corsgate_shed_total{reason="memory"}`, 1)
			f.ask(7, false, head("POST", "/next")...)
			f.WriteData(7, true, make([]byte, 100))
			if got := f.outcome(7); got != "200" {
				t.Errorf("the next one: %s, want 200", got)
			}
		})
	}
}
