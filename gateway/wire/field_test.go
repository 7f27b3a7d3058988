package wire_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

func TestIdentify(t *testing.T) {
	f := func(name string, want wire.FieldID) {
		t.Helper()
		if got := wire.Identify([]byte(name)); got != want {
			t.Errorf("Identify(%q) = %d, want %d", name, got, want)
		}
	}
	for name, id := range fieldIDs {
		f(name, id)
		f(strings.ToUpper(name), id)
		// A neighbour in length, in either end or in the middle is another field.
		for _, other := range []string{name + "x", name[:len(name)-1], "y" + name[1:], name[:len(name)-1] + "~", name[:1] + "~" + name[min(2, len(name)):]} {
			f(other, slowIdentify(other))
		}
	}
	f("", wire.Other)
	f("x", wire.Other)
	f("Accept", wire.Other)
	f("Cookie", wire.Other)
	// The family of X-Forwarded, at every length.
	f("X-Forwarded", wire.Other)
	f("X-Forwarded-", wire.Other)
	f("X-Forwarded-X", wire.XForwardedOther)
	f("X-Forwarded-By", wire.XForwardedOther)
	f("X-Forwarded-Port", wire.XForwardedOther)
	f("x-forwarded-ssl", wire.XForwardedOther)
	f("X-Forwarded-Prefix", wire.XForwardedOther)
	f("X-Forwarded-Client-Cert", wire.XForwardedOther)
}

func TestFieldGroups(t *testing.T) {
	for name, id := range fieldIDs {
		hop := slices.Contains([]string{"connection", "transfer-encoding", "upgrade", "te", "trailer", "keep-alive", "proxy", "proxy-connection",
			"proxy-authenticate", "proxy-authorization", "http2-settings"}, name)
		forwarding := name == "forwarded" || slices.Contains([]string{"x-real-ip", "x-original-url", "x-rewrite-url", "x-original-uri", "x-rewrite-uri",
			"x-original-host", "x-host", "x-http-host-override", "x-envoy-original-path", "x-script-name", "x-client-ip", "x-cluster-client-ip",
			"true-client-ip", "cf-connecting-ip", "fastly-client-ip", "x-original-forwarded-for"}, name) ||
			strings.HasPrefix(name, "x-forwarded-")
		if id.HopByHop() != hop || id.Forwarding() != forwarding {
			t.Errorf("%s: HopByHop %t, Forwarding %t, want %t, %t", name, id.HopByHop(), id.Forwarding(), hop, forwarding)
		}
	}
	if wire.Other.HopByHop() || wire.Other.Forwarding() || wire.Lookalike.HopByHop() || wire.Lookalike.Forwarding() {
		t.Error("Other or Lookalike is in a group")
	}
}

func TestValidHost(t *testing.T) {
	f := func(h string, want bool) {
		t.Helper()
		if got := wire.ValidHost([]byte(h)); got != want {
			t.Errorf("ValidHost(%q) = %t, want %t", h, got, want)
		}
		if slowValidHost(h) != want {
			t.Errorf("the twin takes %q: %t, want %t", h, !want, want)
		}
	}
	// RFC 9110, section 7.2: uri-host [ ":" port ]; RFC 3986, section 3.2.2.
	for _, h := range []string{"a", "A.test", "a_b-c.test", "a.test.", "127.0.0.1", "a:0", "a:80", "a:65535", "[::1]", "[::1]:80", "[2001:DB8::1]",
		"[::ffff:192.0.2.1]", strings.Repeat("a", 255), strings.Repeat("a", 255) + ":80"} {
		f(h, true)
	}
	for _, h := range []string{"", ".", ".a", "a..b", "a..", ":80", "a:", "a:b", "a:65536", "a:000080", "a:-1", "a:80:81", "a b", "a,b", "u@a", "a/b", "a#b",
		"a?b", "a%41", "\xe9", "a\x00", "*.a", "[", "[]", "[::1", "::1", "[::1]a", "[::1]:", "[::1]]", "[fe80::1%25lo]", "[fe80::1%lo]", "[v1.a]",
		"[1.2.3.4]", "[:::1]", "[[::1]]", strings.Repeat("a", 256), "[" + strings.Repeat("0:", 30) + "1]", "a;b", "a'b", `"a"`} {
		f(h, false)
	}
}

func TestHostName(t *testing.T) {
	f := func(h, want string) {
		t.Helper()
		if got := string(wire.HostName([]byte(h))); got != want {
			t.Errorf("HostName(%q) = %q, want %q", h, got, want)
		}
	}
	f("", "")
	f("a.test", "a.test")
	f("a.test:80", "a.test")
	f("[::1]:80", "[::1]")
	f("[::1", "[::1")
	f(":80", "")
}

func TestEqualFold(t *testing.T) {
	f := func(s, u string, want bool) {
		t.Helper()
		if got := wire.EqualFold([]byte(s), u); got != want {
			t.Errorf("EqualFold(%q, %q) = %t, want %t", s, u, got, want)
		}
	}
	f("", "", true)
	f("aZ-9", "Az-9", true)
	f("a", "ab", false)
	f("@", "`", false) // as 'A' is to 'a', but no letters
	f("[", "{", false)
	f("\xc1", "\xe1", false)
	f("\u212a", "kkk", false) // the Kelvin sign
}

// Every fault belongs to a class that metrics know.
func TestFaultClasses(t *testing.T) {
	classes := wire.Classes()
	for _, f := range []*wire.Fault{wire.FaultRequestLine, wire.FaultMethodLength, wire.FaultMethod, wire.FaultVersion, wire.FaultTarget,
		wire.FaultUnescaped, wire.FaultPercent, wire.FaultControl, wire.FaultFragment,
		wire.FaultTargetLength, wire.FaultLine, wire.FaultFold, wire.FaultName, wire.FaultValue, wire.FaultHeadSize, wire.FaultFieldCount,
		wire.FaultHost, wire.FaultLength, wire.FaultCoding, wire.FaultCodingNew, wire.FaultBothFramings, wire.FaultConnection, wire.FaultExpect,
		wire.FaultUpgrade, wire.FaultContentType, wire.FaultChunk, wire.FaultChunkSize, wire.FaultChunkWaste, wire.FaultTrailer,
		wire.FaultStatusLine, wire.FaultTruncated} {
		if !slices.Contains(classes, f.Class) || f.Status < 400 || f.Status > 599 || !strings.HasSuffix(f.Error(), "("+f.Class+")") {
			t.Errorf("%+v: status or class unknown", f)
		}
	}
	if slices.Sort(classes); len(slices.Compact(slices.Clone(classes))) != len(classes) {
		t.Errorf("Classes() = %q: twice the same", classes)
	}
}

func TestImpersonates(t *testing.T) {
	for _, name := range []string{"X_Real_IP", "x.real.ip", "X'Real-IP", "X_FORWARDED_ANYTHING_AT_ALL", "X.Forwarded-For", "Sec_Fetch_Mode", "Proxy!", "Proxy_X",
		"Content_Length", "TRANSFER.ENCODING", "X_Request_Id", "X_Original_URL", "Access_Control_Request_Method", "True_Client_IP",
		"x_forwarded_" + strings.Repeat("a", 100)} {
		if !wire.Impersonates([]byte(name)) {
			t.Errorf("Impersonates(%q) = false", name)
		}
	}
	for _, name := range []string{"api_key", "a_b", "x_forwarded", "Sec", "_", "X_Real_IPs", strings.Repeat("_", 200)} {
		if wire.Impersonates([]byte(name)) {
			t.Errorf("Impersonates(%q) = true", name)
		}
	}
}

func TestSameVariable(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		if got, back := wire.SameVariable([]byte(a), b), wire.SameVariable([]byte(b), a); got != want || back != want {
			t.Errorf("SameVariable(%q, %q) = %t, and %t the other way round, want %t", a, b, got, back, want)
		}
	}
	f("X-User", "x_user", true)
	f("X.User", "x!user", true)
	f("X-User", "X-User", true)
	f("X-User", "XxUser", false)
	f("X-User", "X-Users", false)
	f("X0", "X-", false)
	f("@", "`", true) // which are no letters of two cases
}

func TestValidForwarded(t *testing.T) {
	for _, s := range []string{"", "for=a", "For=_x;by=b", `for="[::1]:80";proto=https, for="a\"b"`, "for=a , for=b", ",,for=a,", "for=2001:db8::1", "for=[::1]"} {
		if !wire.ValidForwarded([]byte(s)) {
			t.Errorf("ValidForwarded(%q) = false", s)
		}
	}
	for _, s := range []string{`for="`, `for="a`, `for="a\`, `for="a\"`, "for", "for=", "=a", "for=a b", "for=a=b", "for =a", "for= a", `for="a"b`, "for=a\x80", `"`} {
		if wire.ValidForwarded([]byte(s)) {
			t.Errorf("ValidForwarded(%q) = true", s)
		}
	}
}

func TestLastForwarded(t *testing.T) {
	f := func(value, host, proto string, valid bool) {
		t.Helper()
		h, p, ok := wire.LastForwarded([]byte(value))
		if string(h) != host || string(p) != proto || ok != valid {
			t.Errorf("LastForwarded(%q) = %q, %q, %t, want %q, %q, %t", value, h, p, ok, host, proto, valid)
		}
	}
	f("", "", "", true)
	f("for=192.0.2.1", "", "", true)
	f("host=a.example;proto=https", "a.example", "https", true)
	f(`Host="a.example:8443" ; PROTO=http`, "a.example:8443", "http", true)
	f(`host=a.example, for="[2001:db8::1]:1"`, "", "", true) // the last element says nothing
	f(`host=a.example,for=192.0.2.1;host=b.example`, "b.example", "", true)
	f(`for="a, host=b.example"`, "", "", true)
	f(`host="a\.example"`, "", "", true)
	f(`host="a.example`, "", "", false)
	f(`host=`, "", "", false)
	f(`host a.example`, "", "", false)
}
