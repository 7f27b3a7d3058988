package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/pires/go-proxyproto"
)

// proxyHeader is what a load balancer would send.
func proxyHeader(t testing.TB, version byte, source string) string {
	t.Helper()
	a := netip.MustParseAddrPort(source)
	to := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 80), Port: 443}
	if a.Addr().Is6() {
		to.IP = net.ParseIP("2001:db8::80")
	}
	b, err := proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(a), to).Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// serveProxied runs a gateway that a load balancer on loopback stands in front of, on one of the engines.
func serveProxied(t *testing.T, engine, text string) (*gateway.Gateway, string) {
	t.Helper()
	cfg := parseFor(t, engine, "[trust]\nproxies = [\"127.0.0.1\"]\n"+text)
	cfg.Listeners[0].ProxyProtocol = true
	return serveConfig(t, cfg)
}

// TestProxyProtocol: the address that a trusted proxy names is the client's, on every engine.
func TestProxyProtocol(t *testing.T) {
	for _, engine := range []string{looped, blocking, secure, secureBlocking} {
		t.Run(engine, func(t *testing.T) {
			seen := make(chan string, 1)
			up := newUpstream(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				seen <- r.Header.Get("X-Forwarded-For") + " " + r.Header.Get("X-Forwarded-Proto")
			}))
			_, address := serveProxied(t, engine, policy(up, "ONE"))
			scheme := "http"
			if isSecure(engine) {
				scheme = "https"
			}
			f := func(header, want string, pieces int) {
				t.Helper()
				raw := dialPlain(t, address)
				var c io.ReadWriter = raw
				request := "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n"
				switch {
				case isSecure(engine):
					io.WriteString(raw, header)
					c = overTLS(t, raw)
				case pieces == 0: // at once, with the first request
					request = header + request
				default:
					for ; pieces > 1; pieces-- {
						io.WriteString(raw, header[:1])
						time.Sleep(time.Millisecond) // or the kernel may make one of two
						header = header[1:]
					}
					io.WriteString(raw, header)
				}
				r := bufio.NewReader(c)
				for i := range 3 {
					io.WriteString(c, request)
					if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != 200 {
						t.Errorf("%q: %v, %v", header, res, err)
						return
					}
					if got := <-seen; got != want+" "+scheme {
						t.Errorf("%q: the upstream hears of %q, want %q", header, got, want)
					}
					request = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n"
					if i == 0 { // this one is not for the loop
						request = fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 9.9.9.9\r\nContent-Length: %d\r\n\r\n%s", 100<<10, strings.Repeat("x", 100<<10))
					}
				}
				raw.Close()
			}
			for _, pieces := range []int{0, 1, 5} {
				f(proxyHeader(t, 1, "203.0.113.7:5000"), "203.0.113.7", pieces)
				f(proxyHeader(t, 2, "203.0.113.7:5000"), "203.0.113.7", pieces)
				f(proxyHeader(t, 1, "[2001:db8::7]:5000"), "2001:db8::7", pieces)
				f(proxyHeader(t, 2, "[2001:db8::7]:5000"), "2001:db8::7", pieces)
				f(proxyHeader(t, 2, "[::ffff:203.0.113.7]:5000"), "203.0.113.7", pieces)
			}
			// The proxy's own connections: it is trusted, so what it says of others is believed.
			f("PROXY UNKNOWN\r\n", "9.9.9.9, 127.0.0.1", 0)
			f("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", "9.9.9.9, 127.0.0.1", 1)
			// A client without an address: the real one counts, and what follows is skipped.
			f("\r\n\r\n\x00\r\nQUIT\n\x21\x00\x00\x00", "9.9.9.9, 127.0.0.1", 0)
			f("\r\n\r\n\x00\r\nQUIT\n\x21\x00\x02\x58"+strings.Repeat("x", 600), "9.9.9.9, 127.0.0.1", 1)
			// A line in pieces, each of which is a segment.
			f("PROXY UNKNOWN\r\n", "9.9.9.9, 127.0.0.1", 15)
		})
	}
}

// TestProxyProtocolRefused: what has no proper header, or is not from a trusted proxy, is closed without a word.
func TestProxyProtocolRefused(t *testing.T) {
	const request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, engine := range []string{looped, blocking, secure, secureBlocking} {
		g, address := serveProxied(t, engine, "[timeouts]\nheader = \"1m\"\n[limits]\nconnections_per_ip = 1\n"+respond)
		f := func(octets string) {
			t.Helper()
			c := dialPlain(t, address)
			defer c.Close()
			io.WriteString(c, octets)
			if got, err := io.ReadAll(c); len(got) > 0 || err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("%s: %.30q: %q, %v, want the end", engine, octets, got, err)
			}
		}
		f(request)
		f("PROXY TCP4 203.0.113.7 192.0.2.80 5000\r\n" + request)
		f("PROXY TCP4 203.0.113.300 192.0.2.80 5000 443\r\n" + request)
		f("PROXY " + strings.Repeat("x", 200))
		f("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x04abcd" + request)
		f("\r\n\r\n\x00\r\nQUIT\n\x21\x12\x00\x0cabcdefghijkl" + request) // UDP
		counted(t, g, `corsgate_proxy_protocol_errors_total{reason="header"}`, 6)
		g, address = serveProxied(t, engine, "[timeouts]\nheader = \"100ms\"\n[limits]\nconnections_per_ip = 1\n"+respond)
		f("")
		f("\r\n\r\n\x00\r\nQUIT\n\x21\x11")
		counted(t, g, `corsgate_proxy_protocol_errors_total{reason="timeout"}`, 2)
		// Connections are counted by the address that is named, not by the proxy's. These may take their time.
		g, address = serveProxied(t, engine, "[limits]\nconnections_per_ip = 1\n"+respond)
		var c []net.Conn
		for i := range 3 {
			c = append(c, dialPlain(t, address))
			io.WriteString(c[i], proxyHeader(t, 2, fmt.Sprintf("203.0.113.%d:5000", i)))
			var rw io.ReadWriter = c[i]
			if isSecure(engine) {
				rw = overTLS(t, c[i])
			}
			io.WriteString(rw, request)
			if res, err := http.ReadResponse(bufio.NewReader(rw), nil); err != nil || res.StatusCode != 200 {
				t.Errorf("%s: connection %d: %v, %v", engine, i, res, err)
			}
		}
		f(proxyHeader(t, 2, "203.0.113.1:5000"))
		counted(t, g, `corsgate_proxy_protocol_errors_total{reason="address"}`, 1)
		for _, c := range c {
			c.Close()
		}
		counted(t, g, `corsgate_connections{listener="http"}`, 0)
		if err := g.Reload(func() *config.Config {
			cfg := parseFor(t, engine, "[trust]\nproxies = [\"192.0.2.1\"]\n"+respond)
			cfg.Listeners[0].ProxyProtocol = true
			return cfg
		}()); err != nil {
			t.Fatal(err)
		}
		f(proxyHeader(t, 2, "203.0.113.9:5000") + request)
		counted(t, g, `corsgate_proxy_protocol_errors_total{reason="untrusted"}`, 1)
	}
}
