package gateway_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/report"
)

const faultsConfig = `
[listener.http]
[log]
access = "errors"
[timeouts]
header = HEADER
[cors.app]
origins = ["https://app.example"]
[route.a]
hosts = ["h"]
path = "/a"
cors = "app"
respond = {}
`

// TestFaults: a head that is refused is answered so that its page can read it, also where Origin comes later than what is
// wrong; the log has the request, the limit and the id, and so has the list of refusals.
func TestFaults(t *testing.T) {
	const start, host, origin = "GET /a/x?secret HTTP/1.1\r\n", "Host: h\r\n", "Origin: https://app.example\r\n"
	long := strings.Repeat("x", 17000)
	for _, engine := range []string{looped, blocking} {
		for _, c := range []struct {
			name, status string
			pieces       []string
			readable     bool
			short, limit string
		}{
			{"431", "431", []string{start + host + "Cookie: " + long + "\r\n" + origin + "\r\n"}, true, "GET h /a/x 431 a - - allowed head-size https://app.example", "limits.header_bytes = 16KiB"},
			{"431 in pieces", "431", []string{start + host + "Cookie: " + long, long, "\r\n", origin, "\r\n"}, true, "GET h /a/x 431 a - - allowed head-size https://app.example", "limits.header_bytes = 16KiB"},
			{"fields", "431", []string{start + host + strings.Repeat("X: y\r\n", 200), origin + "\r\n"}, true, "GET h /a/x 431 a - - allowed head-size https://app.example", "limits.header_fields = 128"},
			{"414", "414", []string{"GET /a/x?" + long, " HTTP/1.1\r\n", host + origin + "\r\n"}, true, "GET h /a/x 414 a - - allowed target https://app.example", "limits.header_bytes = 16KiB"},
			{"400 in pieces", "400", []string{start + host + "X Y: 1\r\n", origin, "\r\n"}, true, "GET h /a/x 400 a - - allowed field-name https://app.example", ""},
			{"late", "408", []string{start + host + origin}, true, "GET h /a/x 408 a - - allowed timeout https://app.example", "timeouts.header = 3s"},
			{"431 without an end", "431", []string{start + host + "Cookie: " + long}, false, "GET h /a/x 431 a - - - head-size -", "limits.header_bytes = 16KiB"},
			{"two origins", "431", []string{start + host + origin + "Cookie: " + long + "\r\n", "origin\t: x\r\n\r\n"}, false, "GET h /a/x 431 a - - origin-repeated head-size -", "limits.header_bytes = 16KiB"},
		} {
			t.Run(engine+"/"+c.name, func(t *testing.T) {
				// Where no more comes, that is to show soon; where more does, it has the time that it needs.
				header := `"1m"`
				if c.name == "late" || c.name == "431 without an end" {
					t.Parallel()
					header = `"3s"`
				}
				var response string
				var refusals []report.Refusal
				lines := loggedOf(t, engine, strings.Replace(faultsConfig, "HEADER", header, 1), func(g *gateway.Gateway, address string) {
					nc, err := net.Dial("tcp", address)
					if err != nil {
						t.Fatal(err)
					}
					defer nc.Close()
					for _, piece := range c.pieces {
						if _, err := io.WriteString(nc, piece); err != nil {
							t.Fatal(err)
						}
						time.Sleep(5 * time.Millisecond) // so that they come one by one; it holds if they do not
					}
					b, err := io.ReadAll(nc)
					if err != nil {
						t.Fatal(err)
					}
					response = string(b)
					refusals = g.Refusals()
				})
				_, id, _ := strings.Cut(response, "\r\nX-Request-Id: ")
				id, _, _ = strings.Cut(id, "\r\n")
				if !strings.HasPrefix(response, "HTTP/1.1 "+c.status+" ") || strings.Contains(response, "\r\nAccess-Control-Allow-Origin: https://app.example\r\n") != c.readable ||
					!strings.Contains(response, "\r\nVary: Origin\r\n") || !strings.Contains(response, "\r\nConnection: close\r\n") || id == "" {
					t.Errorf("%s, want %s, readable %t", response, c.status, c.readable)
				}
				if len(lines) != 1 || lines[0].short() != c.short || lines[0].Limit != c.limit || lines[0].ID != id {
					t.Errorf("log %+v, want %s, limit %q, id %s", lines, c.short, c.limit, id)
				}
				if listed := len(refusals) == 1 && refusals[0].Limit == c.limit; listed != strings.Contains(response, "\r\nVary") && c.short[len(c.short)-1] != '-' {
					t.Errorf("refusals %+v, want the limit %q", refusals, c.limit)
				}
			})
		}
	}
}
