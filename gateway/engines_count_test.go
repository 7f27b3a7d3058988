package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/google/go-cmp/cmp"
)

// counters returns what a gateway has counted, but for times and sizes.
func counters(t testing.TB, g *gateway.Gateway) (lines []string) {
	t.Helper()
	families, err := g.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if c := m.GetCounter(); c != nil && c.GetValue() > 0 && !strings.HasPrefix(f.GetName(), "go_") && !strings.HasPrefix(f.GetName(), "process_") {
				lines = append(lines, fmt.Sprint(f.GetName(), m.GetLabel(), " ", c.GetValue()))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// TestEnginesCountAlike: what is counted does not depend on the engine either.
func TestEnginesCountAlike(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 2\r\n\r\nok"})
	const h = " HTTP/1.1\r\nHost: h\r\n"
	scripts := []struct {
		text    string
		answers int // that an upstream gives, for which a client must stay
	}{
		{"GET /" + h + "\r\nGET /fixed" + h + "\r\nHEAD /" + h + "Origin: https://myapp.com\r\n\r\n", 3},
		{"OPTIONS /" + h + "Origin: https://myapp.com\r\nAccess-Control-Request-Method: METHOD-ONE\r\n\r\nGET /" + h + "Origin: https://evil.example\r\n\r\n", 2},
		{"OPTIONS /" + h + "Origin: https://evil.example\r\nAccess-Control-Request-Method: METHOD-ONE\r\n\r\n", 0},
		{"POST /" + h + "Content-Length: 5\r\n\r\nhel", 0}, // truncated
		{"POST /fixed" + h + "Content-Length: 5\r\n\r\nhel", 0},
		{"POST /" + h + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", 0},
		{"POST /" + h + "Transfer-Encoding: chunked\r\n\r\nx\r\n", 0},
		{"POST /" + h + "Transfer-Encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n0\r\n\r\n", 0}, // more than is allowed
		{"POST /" + h + "Content-Length: 20\r\n\r\n01234567890123456789GET /" + h + "\r\n", 0},
		{"GET /" + h + "Content-Length: x\r\n\r\n", 0},
		{"GET / HTTP/1.0\r\n\r\n", 1},
		{"GET /half", 0},
	}
	config := strings.ReplaceAll(policy(d.url(), "ONE"), "cors     = \"app\"", "body_bytes = 10\ncors     = \"app\"")
	outcomes, gateways := map[string][]string{}, map[string]*gateway.Gateway{}
	for _, engine := range []string{looped, blocking} {
		g, address := serveOn(t, engine, config)
		gateways[engine] = g
		for _, s := range scripts {
			c := dial(t, address)
			if _, err := io.WriteString(c, s.text); err != nil {
				t.Fatal(err)
			}
			var response []byte
			for buf := make([]byte, 4<<10); bytes.Count(response, []byte("HTTP/1.1 ")) < s.answers; {
				n, err := c.Read(buf)
				if err != nil {
					t.Fatalf("%s, %q: %v", engine, s.text, err)
				}
				response = append(response, buf[:n]...)
			}
			c.CloseWrite()
			rest, err := io.ReadAll(c)
			if err != nil {
				t.Fatalf("%s, %q: %v", engine, s.text, err)
			}
			response = append(response, rest...)
			outcomes[engine] = append(outcomes[engine], s.text+" => "+dates.ReplaceAllString(requestIDs.ReplaceAllString(string(response), ""), "Date: NOW"))
		}
	}
	countAlike(t, outcomes, gateways)
}

// countAlike wants the same outcomes and counters of both engines. What has ended for a client may be about to be counted.
func countAlike(t *testing.T, outcomes map[string][]string, gateways map[string]*gateway.Gateway) {
	t.Helper()
	var diff string
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		on := func(engine string) []string {
			return append(slices.Clip(outcomes[engine]), counters(t, gateways[engine])...)
		}
		if diff = cmp.Diff(on(blocking), on(looped)); diff == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("(-on goroutines +on the loop):\n%s", diff)
		}
	}
}

// TestEnginesPanicAlike: a panic is a 500 for its own request on either engine.
func TestEnginesPanicAlike(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
	outcomes, gateways := map[string][]string{}, map[string]*gateway.Gateway{}
	for _, engine := range []string{looped, blocking} {
		g, address := serveOn(t, engine, policy(d.url(), "ONE"))
		gateways[engine] = g
		other := dial(t, address)
		g.Break()
		for _, method := range []string{"GET", "HEAD", "POST"} {
			c := dial(t, address)
			fmt.Fprintf(c, "%s / HTTP/1.1\r\nHost: h\r\nOrigin: https://myapp.com\r\n\r\n", method)
			response, err := io.ReadAll(c)
			if err != nil || !strings.HasPrefix(string(response), "HTTP/1.1 500 ") {
				t.Errorf("%s: %q, %v", engine, response, err)
			}
			outcomes[engine] = append(outcomes[engine], dates.ReplaceAllString(requestIDs.ReplaceAllString(string(response), ""), "Date: NOW"))
		}
		fmt.Fprint(other, "OPTIONS / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nOrigin: https://myapp.com\r\nAccess-Control-Request-Method: METHOD-ONE\r\n\r\n")
		if response, err := io.ReadAll(other); err != nil || !strings.HasPrefix(string(response), "HTTP/1.1 204 ") {
			t.Errorf("%s, another connection: %q, %v", engine, response, err)
		}
	}
	countAlike(t, outcomes, gateways)
}
