package gateway_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/corsgate/corsgate/gateway/internal/dnstest"
	"github.com/corsgate/corsgate/gateway/tooltest"
	"github.com/miekg/dns"
)

// listenOn listens at one port of several addresses of loopback.
func listenOn(t *testing.T, hosts ...string) (port string, list []net.Listener) {
	t.Helper()
	for range 100 {
		port = "0"
		for _, host := range hosts {
			ln, err := net.Listen("tcp", net.JoinHostPort(host, port))
			if err != nil {
				break
			}
			list = append(list, ln)
			_, port, _ = net.SplitHostPort(ln.Addr().String())
		}
		if len(list) == len(hosts) {
			return port, list
		}
		for _, ln := range list {
			ln.Close()
		}
		list = nil
	}
	tooltest.Missing(t, "no port is free on %v: does this host have them?", hosts)
	return "", nil
}

// onTwoAddresses runs two servers on one port of 127.0.0.1 and 127.0.0.2 until the test ends. Each answers with its
// address.
func onTwoAddresses(t *testing.T) (port string) {
	t.Helper()
	port, list := listenOn(t, "127.0.0.1", "127.0.0.2")
	for _, ln := range list {
		serveName(t, ln)
	}
	return port
}

// serveName answers every request on ln with the address, without the port.
func serveName(t *testing.T, ln net.Listener) *double {
	host, _, _ := net.SplitHostPort(ln.Addr().String())
	return doubleOn(t, ln, reply{octets: fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(host), host)})
}

// byName is a configuration whose upstream has these endpoints, and looks them up at resolver.
func byName(resolver string, endpoints ...string) string {
	return fmt.Sprintf("[listener.http]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"off\"\n[upstream.api]\nresolver = %q\nendpoints = [\"%s\"]\n[route.api]\nupstream = \"api\"\n",
		resolver, strings.Join(endpoints, `", "`))
}

// TestNames: a name's servers get the requests, others as soon as DNS has others, on both engines.
func TestNames(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			port := onTwoAddresses(t)
			ns := dnstest.Start(t)
			ns.Set("api.example. 0 A 127.0.0.1", "_api._tcp.example. 0 SRV 1 1 "+port+" b.example.", "b.example. 0 A 127.0.0.2")
			g, address := serveOn(t, engine, byName(ns.Address, "dns+http://api.example:"+port))
			want := func(host string) {
				t.Helper()
				until(t, host+" answers", func() bool {
					res, body := ask(t, address, "GET", "/")
					if res.StatusCode != 200 {
						t.Fatalf("status %d", res.StatusCode)
					}
					return body == host
				})
			}
			if res, body := ask(t, address, "GET", "/"); res.StatusCode != 200 || body != "127.0.0.1" {
				t.Errorf("the first request: %d %q", res.StatusCode, body)
			}
			ns.Set("api.example. 0 A 127.0.0.2")
			want("127.0.0.2")
			ns.Fail(dns.TypeA, dns.RcodeServerFailure)
			asked := ns.Asked("udp A api.example.")
			until(t, "it is looked up in vain", func() bool { return ns.Asked("udp A api.example.") > asked+1 })
			want("127.0.0.2")
			until(t, "the failure is counted", func() bool {
				return !strings.HasSuffix(strings.Join(metric(g, "corsgate_upstream_lookup_failures_total"), ""), " 0")
			})
			ns.Set("api.example. 0 A 127.0.0.1", "api.example. 0 A 127.0.0.2")
			want("127.0.0.1")
			want("127.0.0.2")
			if got := strings.Join(metric(g, "corsgate_upstream_discovered"), "\n"); !strings.HasSuffix(got, "2") || !strings.Contains(got, "dns+http://api.example:") {
				t.Errorf("metric %s", got)
			}
		})
	}
}

// TestServices: SRV records say where the servers are, and fixed ones may stand beside them.
func TestServices(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			port := onTwoAddresses(t)
			ns := dnstest.Start(t)
			ns.Set("_api._tcp.example. 60 SRV 1 1 "+port+" b.example.", "_api._tcp.example. 60 SRV 2 1 1 c.example.",
				"b.example. 60 A 127.0.0.2", "c.example. 60 A 127.0.0.1")
			_, address := serveOn(t, engine, byName(ns.Address, "srv+http://_api._tcp.example", "http://127.0.0.1:"+port)+"[upstream.api.ejection]\nfailures = 0\n")
			counts := map[string]int{}
			for range 100 {
				res, body := ask(t, address, "GET", "/")
				counts[fmt.Sprint(res.StatusCode, " ", body)]++
			}
			if counts["200 127.0.0.1"] == 0 || counts["200 127.0.0.2"] == 0 || len(counts) != 2 {
				t.Errorf("%v", counts)
			}
		})
	}
}

// TestUnknownName: a gateway starts, and takes a configuration, whose names lead nowhere. Requests are refused until
// they do. What did not change goes on as it was.
func TestUnknownName(t *testing.T) {
	port := onTwoAddresses(t)
	ns := dnstest.Start(t)
	text := byName(ns.Address, "dns+http://api.example:"+port)
	var log lockedBuffer
	g, address := serveLogged(t, parse(t, text), &log)
	for range 2 {
		if res, _ := ask(t, address, "GET", "/"); res.StatusCode != 503 {
			t.Errorf("status %d", res.StatusCode)
		}
	}
	asked := ns.Asked("udp A api.example.")
	until(t, "it is asked again", func() bool { return ns.Asked("udp A api.example.") > asked })
	if n := strings.Count(log.String(), "there is no such name"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
	ns.Set("api.example. 60 A 127.0.0.1")
	until(t, "it is found", func() bool { res, _ := ask(t, address, "GET", "/"); return res.StatusCode == 200 })
	asked = ns.Asked("udp A api.example.")
	if err := g.Reload(parse(t, text+"path = \"/\"\n")); err != nil {
		t.Fatal(err)
	}
	if res, _ := ask(t, address, "GET", "/"); res.StatusCode != 200 || ns.Asked("udp A api.example.") != asked {
		t.Errorf("after the reload: %d, and the name was asked for again", res.StatusCode)
	}
}

// A lockedBuffer can be read while others write to it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
