package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// TestPerLoop: the loops tell how many connections each has, and those of the other engine are not among them.
func TestPerLoop(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			g, address := serveOn(t, engine, "[route.a]\nrespond = { body = \"a\" }\n")
			const connections = 16
			for range connections {
				c := dial(t, address)
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
					t.Fatal(err)
				}
			}
			want := 0
			if engine == looped && runtime.GOOS == "linux" {
				want = connections
			}
			sum := 0
			for _, line := range metric(g, "corsgate_loop_connections{") {
				var n int
				if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' '):], &n); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				sum += n
			}
			if sum != want {
				t.Errorf("the loops have %d connections, want %d", sum, want)
			}
		})
	}
}
