package proxy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
)

// clientFor returns the client of a request with the given values of X-Forwarded-For.
func clientFor(t testing.TB, peer string, values ...string) netip.Addr {
	t.Helper()
	head := "GET / HTTP/1.1\r\nHost: h\r\n"
	for _, v := range values {
		head += "X-Forwarded-For: " + v + "\r\n"
	}
	c := &client{req: new(wire.Request)}
	if _, fault := c.req.Parse([]byte(head+"\r\n"), wire.Limits{HeadBytes: 64 << 10, Fields: 128}); fault != nil {
		t.Skip(fault)
	}
	c.arrive(&snapshot.Snapshot{Proxies: trustedProxies}, netip.MustParseAddr(peer), nil, false)
	return c.address
}

var trustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ffff::/48")}

func TestClient(t *testing.T) {
	f := func(want, peer string, values ...string) {
		t.Helper()
		if got := clientFor(t, peer, values...); got != netip.MustParseAddr(want) {
			t.Errorf("X-Forwarded-For %q from %s: the client is %v, want %s", values, peer, got, want)
		}
		if got := slowClient(peer, values); got != want {
			t.Errorf("X-Forwarded-For %q from %s: the twin says %s, want %s", values, peer, got, want)
		}
	}
	f("10.0.0.1", "10.0.0.1")
	f("192.0.2.7", "10.0.0.1", "192.0.2.7")
	f("192.0.2.9", "192.0.2.9", "192.0.2.7") // not believed
	// Each proxy appends: what a client invents stands to the left of what is believed.
	f("192.0.2.7", "10.0.0.1", "203.0.113.1, 192.0.2.7")
	f("192.0.2.7", "10.0.0.1", "203.0.113.1, 192.0.2.7, 10.0.0.3 ,10.0.0.2")
	f("192.0.2.7", "10.0.0.1", "203.0.113.1", "192.0.2.7, 10.0.0.3", "10.0.0.2")
	// All trusted: the farthest.
	f("10.0.0.9", "10.0.0.1", "10.0.0.9, 10.0.0.2")
	// What is no address ends the walk at who said it.
	f("10.0.0.2", "10.0.0.1", "192.0.2.7, unknown, 10.0.0.2")
	f("10.0.0.1", "10.0.0.1", "192.0.2.7, evil.example")
	f("10.0.0.1", "10.0.0.1", "1.2.3")
	f("10.0.0.1", "10.0.0.1", "192.0.2.7:")
	f("10.0.0.1", "10.0.0.1", "192.0.2.7:x")
	f("10.0.0.1", "10.0.0.1", "192.0.2.7:123456")
	f("10.0.0.1", "10.0.0.1", "[192.0.2.7]")
	f("10.0.0.1", "10.0.0.1", "[2001:db8::1")
	f("10.0.0.1", "10.0.0.1", "[2001:db8::1]80")
	f("10.0.0.1", "10.0.0.1", "[]")
	f("10.0.0.1", "10.0.0.1", ":80")
	f("10.0.0.1", "10.0.0.1", "fe80::1%eth0")
	f("10.0.0.1", "10.0.0.1", `"192.0.2.7"`)
	// Empty members of a list are none.
	f("192.0.2.7", "10.0.0.1", "192.0.2.7,, ,")
	f("10.0.0.1", "10.0.0.1", "")
	f("10.0.0.1", "10.0.0.1", ",")
	// As proxies write it.
	f("192.0.2.7", "10.0.0.1", "192.0.2.7:50000")
	f("2001:db8::1", "10.0.0.1", "2001:db8::1")
	f("2001:db8::1", "10.0.0.1", "[2001:db8::1]")
	f("2001:db8::1", "10.0.0.1", "[2001:DB8::1]:50000, 2001:db8:ffff::2")
	f("192.0.2.7", "10.0.0.1", "::ffff:192.0.2.7")
	f("192.0.2.7", "10.0.0.1", "192.0.2.7, ::ffff:10.0.0.2")
}

// slowClient is clientOf by the standard library alone.
func slowClient(peer string, values []string) string {
	trusts := func(a netip.Addr) bool {
		return slices.ContainsFunc(trustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	client := netip.MustParseAddr(peer)
	members := strings.Split(strings.Join(values, ","), ",")
	slices.Reverse(members)
	for _, m := range members {
		m = strings.Trim(m, " \t")
		if m == "" {
			continue
		}
		if !trusts(client) {
			break
		}
		a, err := netip.ParseAddr(m)
		if inner, ok := strings.CutPrefix(m, "["); ok && strings.HasSuffix(inner, "]") {
			if a, err = netip.ParseAddr(strings.TrimSuffix(inner, "]")); a.Is4() {
				break
			}
		} else if ap, portErr := netip.ParseAddrPort(m); err != nil && portErr == nil {
			a, err = ap.Addr(), nil
		}
		if err != nil || a.Zone() != "" {
			break
		}
		client = a.Unmap()
	}
	return client.String()
}

func FuzzClient(f *testing.F) {
	f.Add("203.0.113.1, 192.0.2.7", "10.0.0.3 ,[2001:db8:ffff::2]:80")
	f.Add("fe80::1%eth0,, ", "::ffff:10.0.0.2")
	f.Fuzz(func(t *testing.T, first, second string) {
		if strings.ContainsAny(first+second, "\r\n") {
			t.Skip("no value of a field")
		}
		got := clientFor(t, "10.0.0.1", first, second).String()
		if want := slowClient("10.0.0.1", []string{first, second}); got != want {
			t.Errorf("X-Forwarded-For %q, %q: %s, the twin says %s", first, second, got, want)
		}
	})
}

func TestClientAllocations(t *testing.T) {
	c, s, peer := &client{req: new(wire.Request)}, &snapshot.Snapshot{Proxies: trustedProxies}, netip.MustParseAddr("10.0.0.1")
	head := "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 2001:db8:1:2:3:4:5:6, 10.0.0.2\r\n\r\n"
	if _, fault := c.req.Parse([]byte(head), wire.Limits{HeadBytes: 1 << 10, Fields: 16}); fault != nil {
		t.Fatal(fault)
	}
	if got := testing.AllocsPerRun(100, func() { c.arrive(s, peer, nil, false) }); got > 0 {
		t.Errorf("%v allocations, want none", got)
	}
}
