package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream/conn"
)

// TestLateContent: what an upstream sends where there can be no content is nobody's response, also when it comes late.
func TestLateContent(t *testing.T) {
	const late = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"
	for _, c := range []struct{ method, head string }{
		{"HEAD", "200 OK\r\nContent-Length: 60"},
		{"HEAD", "200 OK\r\nTransfer-Encoding: chunked"},
		{"HEAD", "200 OK"},
		{"GET", "304 Not Modified\r\nContent-Length: 60"},
		{"GET", "304 Not Modified"},
		{"GET", "204 No Content\r\nContent-Length: 60"},
		{"GET", "204 No Content"},
		{"DELETE", "204 No Content"},
	} {
		onEngines(t, func(t *testing.T, engine string) {
			var took atomic.Int64
			url := conversing(t, func(c2 *net.TCPConn, r *bufio.Reader) {
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					if req.URL.Path == "/honest" {
						io.WriteString(c2, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhonest")
						continue
					}
					io.WriteString(c2, "HTTP/1.1 "+c.head+"\r\n\r\n")
					start := time.Now()
					time.Sleep(2 * time.Millisecond)
					io.WriteString(c2, late)
					took.Store(int64(time.Since(start)))
				}
			})
			_, address := serveOn(t, engine, "[upstream.api]\nendpoints = [\""+url+"\"]\n[route.api]\nupstream = \"api\"\n")
			client := dialPlain(t, address)
			defer client.Close()
			r := bufio.NewReader(client)
			ask := func(method, path string) string {
				t.Helper()
				fmt.Fprintf(client, "%s %s HTTP/1.1\r\nHost: h\r\n\r\n", method, path)
				res, err := http.ReadResponse(r, &http.Request{Method: method})
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				if err != nil {
					t.Fatal(err)
				}
				return string(body)
			}
			for range 20 {
				ask(c.method, "/broken")
				// On a machine that is busy it may come later than anybody waits.
				if got := ask("GET", "/honest"); got != "honest" && time.Duration(took.Load()) < conn.ShortRest/2 {
					t.Fatalf("%s, %q: the next request is answered %q", c.method, strings.SplitN(c.head, "\r\n", 2), got)
				}
			}
		})
	}
}
