package matcher_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/matcher"
)

func parse(t testing.TB, texts ...string) []matcher.Pattern {
	t.Helper()
	patterns := make([]matcher.Pattern, len(texts))
	for i, text := range texts {
		p, err := matcher.ParsePattern(text)
		if err != nil {
			t.Fatalf("ParsePattern(%q): %v", text, err)
		}
		patterns[i] = p
	}
	return patterns
}

func newSet(t testing.TB, texts ...string) *matcher.Set {
	t.Helper()
	return matcher.NewSet(parse(t, texts...)...)
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func TestVectors(t *testing.T) {
	var cases []struct {
		Pattern, Origin, Why string
		Match                bool
	}
	readJSON(t, "origins.json", &cases)
	if len(cases) < 200 {
		t.Fatalf("%d cases, want more", len(cases))
	}
	var all []string
	for _, c := range cases {
		all = append(all, c.Pattern)
	}
	full := newSet(t, all...)
	for _, c := range cases {
		if got := newSet(t, c.Pattern).Match([]byte(c.Origin)); got != c.Match {
			t.Errorf("set of %q: Match(%q) = %t, want %t: %s", c.Pattern, c.Origin, got, c.Match, c.Why)
		}
		if got := full.Match([]byte(c.Origin)); c.Match && !got {
			t.Errorf("set of all: Match(%q) = false, want true: %s", c.Origin, c.Why)
		}
		if c.Match && !matcher.ValidOrigin([]byte(c.Origin)) {
			t.Errorf("ValidOrigin(%q) = false, want true", c.Origin)
		}
		if got, want := matcher.ValidOrigin([]byte(c.Origin)), twinMatch("*", c.Origin) && c.Origin != "null"; got != want {
			t.Errorf("ValidOrigin(%q) = %t, want %t", c.Origin, got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	f := func(patterns, origin string, want bool) {
		t.Helper()
		texts := strings.Fields(patterns)
		if got := newSet(t, texts...).Match([]byte(origin)); got != want {
			t.Errorf("set of %s: Match(%q) = %t, want %t", patterns, origin, got, want)
		}
		if twin := twinFind(texts, origin) >= 0; twin != want {
			t.Errorf("twin of %s: match of %q = %t, want %t", patterns, origin, twin, want)
		}
	}
	long := strings.Repeat("a", 63)

	// Nothing is mixed from two patterns.
	f("https://foo.com https://bar.com", "https://barfoo.com", false)
	f("https://foo.com https://barfoo.com", "https://foo.com", true)
	f("https://a.com http://a.com:8080", "http://a.com", false)
	f("https://a.com http://a.com:8080", "https://a.com:8080", false)
	f("https://a.com http://a.com:8080", "http://a.com:8080", true)
	f("https://*.a.com:8443 https://a.com", "https://a.com:8443", false)
	f("https://*.a.com:8443 https://a.com", "https://x.a.com", false)
	f("https://www.a.b.com https://a.b.com", "https://b.com", false)
	f("https://www.a.b.com https://a.b.com", "https://a.b.com", true)
	f("https://www.a.b.com https://x.c.b.com", "https://www.c.b.com", false)

	// Runs of labels that are merged with one another, and their ends.
	f("https://a.b.c.d.com", "https://a.b.c.d.com", true)
	f("https://a.b.c.d.com", "https://b.c.d.com", false)
	f("https://a.b.c.d.com", "https://x.a.b.c.d.com", false)
	f("https://a.b.c.d.com", "https://.a.b.c.d.com", false)
	f("https://a.b.c.d.com", "https://xa.b.c.d.com", false)

	// Globs.
	f("https://*.b-*.example.com", "https://x.y.b-1.example.com", true)
	f("https://*.b-*.example.com", "https://b-1.example.com", false)
	f("https://*.b-*.example.com", "https://!.b-1.example.com", false)
	f("https://api.*.example.com", "https://api.x.example.com", true)
	f("https://api.*.example.com", "https://api.x.y.example.com", false)
	f("https://*.*.example.com", "https://x.example.com", false)
	f("https://*.*.example.com", "https://x.y.z.example.com", true)
	f("https://a*b*c.example.com", "https://a1b2c.example.com", true)
	f("https://a*b*c.example.com", "https://abbbc.example.com", true)
	f("https://a*b*c.example.com", "https://abbc.example.com", false)
	f("https://a*b*c.example.com", "https://a1b2cc.example.com", true)
	f("https://a*b*c.example.com", "https://a*b*c.example.com", false)
	f("https://a*c.example.com https://a*b*c.example.com", "https://a**c.example.com", false)
	f("https://a*.example.com", "https://a"+long+".example.com", false)
	f("https://a*.example.com", "https://"+long+".example.com", true)
	f("https://*a.example.com", "https://a.example.com", false)
	f("https://*-a.example.com https://*-b.example.com", "https://x-b.example.com", true)
	f("https://pr-*.example.com", "https://pr-*.example.com", false)
	f("https://pr-*.example.com", "https://pr-\x00.example.com", false)
	f("https://a*b*.c*.example.com", "https://axby.cz.example.com", true)
	f("https://a*b*.c*.example.com", "https://axby.c.example.com", false)

	// Ports.
	f("https://a.com:*", "https://a.com:443", false)
	f("http://a.com:*", "http://a.com:80", false)
	f("http://a.com:*", "http://a.com:443", true)
	f("https://a.com:*", "https://a.com:99999", false)
	f("https://a.com:*", "https://a.com:00001", false)
	f("tauri://a.com:80", "tauri://a.com:80", true)

	// Addresses.
	f("http://127.0.0.1:*", "http://127.0.0.1:3000", true)
	f("http://127.0.0.1:*", "http://27.0.0.1:3000", false)
	f("http://[::1]:*", "http://[::1]", true)
	f("http://[::1]:*", "http://[0::1]", false)
	f("https://*.1a.com", "https://127.0.0.1", false)

	// Any, null, other schemes.
	f("*", "https://x.test:1", true)
	f("*", "null", true)
	f("*", "NULL", false)
	f("*", "*", false)
	f("*", "", false)
	f("*", "https://", false)
	f("*", "https://1.2.3", false)
	f("*", "https://a.0x1f", false)
	f("*", "https://a.0x", false)
	f("*", "https://a.0xg", true)
	f("*", "https://[::ffff:1.2.3.4]", false)
	f("*", "https://[::ffff:102:304]", true)
	f("*", "https://[2001:db8::1:0:0:1]", true)
	f("*", "https://[2001:db8:0:0:1::1]", false)
	f("null", "null", true)
	f("null", "https://null", false)
	f("https://a.com", "null", false)
	f("tauri://localhost", "http://localhost", false)
	f("https://a.com", "tauri://a.com", false)
	f("moz-extension://d3ba4cd1-0000-4000-8000-00000000000a", "moz-extension://d3ba4cd1-0000-4000-8000-00000000000a", true)
	f("chrome-extension://abcdefghijklmnopabcdefghijklmnop", "chrome-extension://abcdefghijklmnopabcdefghijklmnop", true)

	// Schemes as a whole.
	const moz = "moz-extension://6b1794a0-5ae6-4443-aef9-7755717bb180"
	f("moz-extension://*", moz, true)
	f("moz-extension://*", moz+":1", false)
	f("moz-extension://*", moz+"/", false)
	f("moz-extension://*", "moz-extension://", false)
	f("moz-extension://*", "moz-extension://:1", false)
	f("moz-extension://*", "xmoz-extension://a", false)
	f("moz-extension://*", "chrome-extension://a", false)
	f("moz-extension://*", "moz-extension://A", false) // engines write these hosts in lower case
	f("moz-extension://*", "moz-extension://a b", false)
	f("moz-extension://*", "moz-extension://a%41", false)
	f("moz-extension://*", "null", false)
	f("moz-extension://a moz-extension://*", "moz-extension://b", true)
	f("app://*", "app://.", true)
	f("app://*", "app://..", false)
	f("app://*", "app://-", true)
	f("app://*", "app://a_b", true)
	f("app://*", "app://1.2", true)
	f("app://*", "app://[::1]", true)
	f("app://*", "app://[0::1]", false)
	f("app://.", "app://.", true)
	f("app://.", "app://..", false)
	f("app://.", "app://x.", false)
	f("app://.", "app://", false)
	f("app://-", "app://-", true)
	f("app://1.2", "app://1.2", true)
	f("https://*", "https://a.com:8443", true)
	f("https://*", "https://[::1]", true)
	f("https://*", "https://10.0.0.1", true)
	f("https://*", "https://10.0.1", false)
	f("https://*", "https://a.com:443", false)
	f("https://*", "https://.", false)
	f("https://*", "https://", false)
	f("https://*", "https://a.com.", false)
	f("https://*", "http://a.com", false)
	f("https://* https://[::1]:1", "https://[::1]:1", true)
	f("https://* https://*.com", "https://!.com", false)
	f("file://", "file://", true)
	f("file://", "file:///", false)
	f("file://", "file://a", false)
	f("file://", "null", false)
	f("*", "file://", true)
	f("*", "file://a", false)
	f("*", "file://:1", false)
	f("null", "file://", false)

	// Networks.
	f("http://192.168.0.0/16:*", "http://192.168.1.20:5173", true)
	f("http://192.168.0.0/16:*", "http://192.168.255.255", true)
	f("http://192.168.0.0/16:*", "http://192.167.255.255", false)
	f("http://192.168.0.0/16:*", "http://192.169.0.0", false)
	f("http://192.168.0.0/16:*", "https://192.168.1.20", false)
	f("http://192.168.0.0/16:*", "http://192.168.1.20.example.org", false)
	f("http://192.168.0.0/16:*", "http://192.168.1.020", false)
	f("http://192.168.0.0/16:*", "http://192.168.1", false)
	f("http://192.168.0.0/16:*", "http://192.168.1.256", false)
	f("http://192.168.0.0/16:*", "http://192.168.1.1.1", false)
	f("http://192.168.0.0/16:*", "http://192.168.1.1.", false)
	f("http://192.168.0.0/16:*", "http://0xc0a80114", false)
	f("http://192.168.0.0/16:*", "http://3232235796", false)
	f("http://192.168.0.0/16:*", "http://[::ffff:c0a8:114]", false)
	f("http://192.168.0.0/16:*", "http://192.168.0.0/16", false)
	f("http://10.0.0.0/8:3000", "http://10.0.0.7:3000", true)
	f("http://10.0.0.0/8:3000", "http://10.0.0.7", false)
	f("http://10.0.0.0/8:3000 http://10.0.0.0/16:3001", "http://10.0.0.7:3000", true) // the narrower one is for another port
	f("http://0.0.0.0/0", "http://255.255.255.255", true)
	f("http://1.2.3.4/32", "http://1.2.3.4", true)
	f("http://1.2.3.4/32", "http://1.2.3.5", false)
	f("http://[fd00::/8]:*", "http://[fd12:3456::7]:5173", true)
	f("http://[fd00::]/8:*", "http://[fd12:3456::7]:5173", true)
	f("http://[fd00::/8]:*", "http://[fd12:3456:0::7]:5173", false)
	f("http://[fd00::/8]:*", "http://[FD12::7]:5173", false)
	f("http://[fd00::/8]:*", "http://[fe80::1]", false)
	f("http://[fd00::/8]:*", "http://[fd00::1", false)
	f("http://[fd00::/8]:*", "http://[", false)
	f("http://[2001:db8::/65]", "http://[2001:db8::7fff:0:0:1]", true)
	f("http://[2001:db8::/65]", "http://[2001:db8::8000:0:0:1]", false)
	f("http://[::/0]", "http://[ffff::]", true)
	f("http://[::1/128]", "http://[::1]", true)
	f("http://[::ffff:c0a8:0/112]", "http://[::ffff:c0a8:114]", true)
	f("http://[::ffff:c0a8:0/112]", "http://192.168.1.20", false)

	// Lengths.
	name := strings.Join([]string{long, long, long}, ".")
	f("https://*.com", "https://"+name+"."+strings.Repeat("b", 57)+".com", true)  // 253
	f("https://*.com", "https://"+name+"."+strings.Repeat("b", 58)+".com", false) // 254
	f("*", "https://"+name+"."+strings.Repeat("b", 57)+".com:65535", true)
	f("*", "a"+strings.Repeat("x", 63)+"://"+name+"."+strings.Repeat("b", 61)+":65535", true) // 326
	f("*", "a"+strings.Repeat("x", 64)+"://a", false)
	f("https://a.com", strings.Repeat("https://a.com", 10000), false)
}

func TestFind(t *testing.T) {
	f := func(patterns, origin string, want int) {
		t.Helper()
		texts := strings.Fields(patterns)
		if got := newSet(t, texts...).Find([]byte(origin)); got != want {
			t.Errorf("set of %s: Find(%q) = %d, want %d", patterns, origin, got, want)
		}
		if got := twinFind(texts, origin); got != want {
			t.Errorf("twin of %s: find of %q = %d, want %d", patterns, origin, got, want)
		}
	}
	f("* https://*.a.com https://b.a.com:* https://b.a.com", "https://b.a.com", 3)
	f("* https://*.a.com https://b.a.com:* https://b.a.com", "https://b.a.com:1", 2)
	f("* https://*.a.com https://b.a.com:* https://b.a.com", "https://c.a.com", 1)
	f("* https://*.a.com https://b.a.com:* https://b.a.com", "https://a.com", 0)
	f("https://*.a.b.com https://*.b.com", "https://c.a.b.com", 0)
	f("https://*.b.com https://*.a.b.com", "https://c.a.b.com", 1)
	f("https://*.b.com https://x*.b.com https://xy*.b.com", "https://xyz.b.com", 2)
	f("https://x*.b.com https://*.x.b.com https://*.x*.b.com", "https://a.xy.b.com", 2)
	f("https://*.*.b.com https://*.b.com", "https://x.y.b.com", 0)
	f("https://a.com https://a.com", "https://a.com", 0)
	f("null *", "null", 0)
	f("* null", "null", 1)
	f("*", "null", 0)
	f("https://a.com", "https://b.com", -1)
	f("http://10.0.0.0/8:* http://10.0.0.0/16:* http://10.0.0.0/16:1 http://10.0.0.1:*", "http://10.0.0.1:1", 3)
	f("http://10.0.0.0/8:* http://10.0.0.0/16:* http://10.0.0.0/16:1 http://10.0.0.1:*", "http://10.0.0.2:1", 2)
	f("http://10.0.0.0/8:* http://10.0.0.0/16:* http://10.0.0.0/16:1 http://10.0.0.1:*", "http://10.0.0.2", 1)
	f("http://10.0.0.0/8:* http://10.0.0.0/16:* http://10.0.0.0/16:1 http://10.0.0.1:*", "http://10.1.0.2", 0)
	f("https://* https://10.0.0.0/8 *", "https://10.0.0.1", 1)
	f("* https://*", "https://a.com", 1)
	f("* https://*", "http://a.com", 0)
	f("app://* app://.", "app://.", 1)
	f("* file://", "file://", 1)
	f("http://10.0.0.0/8 http://10.0.0.0/8", "http://10.0.0.1", 0)
}

// Many networks of all lengths, inside each other and beside each other, against a search of all.
func TestManyNetworks(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	random := func() netip.Addr {
		if r.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(256)), byte(r.IntN(4))})
		}
		a := [16]byte{0xfd, byte(r.IntN(2))}
		a[7], a[8], a[15] = byte(r.IntN(4)), byte(r.IntN(256)), byte(r.IntN(4))
		return netip.AddrFrom16(a)
	}
	var networks []netip.Prefix
	var texts []string
	for range 20_000 {
		a := random()
		network := netip.PrefixFrom(a, r.IntN(a.BitLen()+1)).Masked()
		networks = append(networks, network)
		if a.Is4() {
			texts = append(texts, "http://"+network.String())
		} else {
			texts = append(texts, fmt.Sprintf("http://[%v]", network))
		}
	}
	networks = networks[len(networks)-15_000:] // the others are of another scheme
	for i := range texts[:5000] {
		texts[i] = "https" + texts[i][4:]
	}
	s := newSet(t, texts...)
	for range 1000 {
		a := random()
		want := -1
		for i, n := range networks {
			if n.Contains(a) && (want < 0 || n.Bits() > networks[want].Bits()) {
				want = i
			}
		}
		host := a.String()
		if a.Is6() {
			host = "[" + host + "]"
		}
		if want >= 0 {
			want += 5000
		}
		if got := s.Find([]byte("http://" + host)); got != want {
			t.Fatalf("Find(http://%s) = %d, want %d", host, got, want)
		}
		if got := s.Find([]byte("http://" + host + ":1")); got != -1 {
			t.Fatalf("Find(http://%s:1) = %d, want -1", host, got)
		}
	}
}

func TestZeroSet(t *testing.T) {
	for _, s := range []*matcher.Set{{}, matcher.NewSet(), matcher.NewSet(matcher.Pattern{})} {
		for _, origin := range []string{"", "null", "*", "https://a.com", "tauri://x"} {
			if s.Match([]byte(origin)) || s.Find([]byte(origin)) != -1 {
				t.Errorf("an empty set matches %q", origin)
			}
		}
		if s.Any() {
			t.Error("an empty set holds *")
		}
	}
	if s := newSet(t, "*", "null", "*"); s.Len() != 3 || !s.Any() {
		t.Errorf("Len() = %d, Any() = %t, want 3, true", s.Len(), s.Any())
	}
}

// Every exact pattern matches itself and no neighbour that is not in the set, in a set with wide nodes at several depths.
func TestManyExact(t *testing.T) {
	texts := manyExact(50_000)
	s := newSet(t, texts...)
	for i, text := range texts {
		if got := s.Find([]byte(text)); got != i {
			t.Fatalf("Find(%q) = %d, want %d", text, got, i)
		}
		for _, other := range []string{text + "x", text[:len(text)-1], "https://x" + text[8:], "https://x." + text[8:], text + ":1", "http" + text[5:]} {
			if s.Match([]byte(other)) {
				t.Fatalf("Match(%q) = true, want false", other)
			}
		}
	}
}

func TestManyPorts(t *testing.T) {
	var texts []string
	for port := 1; port <= 65535; port += 2 {
		if port != 443 {
			texts = append(texts, fmt.Sprintf("https://localhost:%d", port))
		}
	}
	s := newSet(t, texts...)
	for port := 1; port <= 65535; port++ {
		if got, want := s.Match(fmt.Appendf(nil, "https://localhost:%d", port)), port%2 == 1 && port != 443; got != want {
			t.Fatalf("port %d: Match = %t, want %t", port, got, want)
		}
	}
}

func TestAllocations(t *testing.T) {
	s := newSet(t, append(manyExact(1000), "*", "null", "https://*.example.com:*", "https://a*b*c.d*.example.org", "tauri://localhost", "http://[::1]:*", "http://10.0.0.0/8:*", "http://[fd00::/8]",
		"moz-extension://*", "https://*", "file://")...)
	for _, text := range []string{
		"https://app7.tenant7.com", "https://x.y.example.com:8443", "https://a1b2c.d3.example.org", "tauri://localhost",
		"http://[::1]:3000", "https://[2001:db8::abcd:ef01:2345:6789]", "http://10.1.2.3:4", "http://[fd00::1]", "http://11.1.2.3",
		"moz-extension://a", "file://", "null", "", "https://" + strings.Repeat("a.", 126) + "a", "wrong",
	} {
		origin := []byte(text)
		if n := testing.AllocsPerRun(100, func() {
			s.Match(origin)
			s.Find(origin)
			matcher.ValidOrigin(origin)
		}); n != 0 {
			t.Errorf("%q: %v allocations, want 0", text, n)
		}
	}
}
