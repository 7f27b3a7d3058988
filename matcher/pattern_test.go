package matcher_test

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/corsgate/corsgate/matcher"
)

func TestPattern(t *testing.T) {
	type fields struct {
		Scheme, Host, Base           string
		Port                         uint16
		AnyPort, Wildcard, Any, Null bool
	}
	f := func(text string, want fields) {
		t.Helper()
		p := parse(t, text)[0]
		got := fields{p.Scheme(), p.Host(), p.Base(), p.Port(), p.AnyPort(), p.Wildcard(), p.Any(), p.Null()}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParsePattern(%q) (-want +got):\n%s", text, diff)
		}
		if p.String() != text {
			t.Errorf("ParsePattern(%q).String() = %q", text, p)
		}
	}
	f("*", fields{Any: true})
	f("null", fields{Null: true})
	f("https://example.com", fields{Scheme: "https", Host: "example.com", Base: "example.com"})
	f("http://[::1]:3000", fields{Scheme: "http", Host: "[::1]", Base: "[::1]", Port: 3000})
	f("http://127.0.0.1:*", fields{Scheme: "http", Host: "127.0.0.1", Base: "127.0.0.1", AnyPort: true})
	f("https://*.example.com:*", fields{Scheme: "https", Host: "*.example.com", Base: "example.com", AnyPort: true, Wildcard: true})
	f("https://*.com", fields{Scheme: "https", Host: "*.com", Base: "com", Wildcard: true})
	f("http://*.localhost:3000", fields{Scheme: "http", Host: "*.localhost", Base: "localhost", Port: 3000, Wildcard: true})
	f("https://a*b.c-*.example.com", fields{Scheme: "https", Host: "a*b.c-*.example.com", Base: "example.com", Wildcard: true})
	f("https://api.*.example.com", fields{Scheme: "https", Host: "api.*.example.com", Base: "example.com", Wildcard: true})
	f("tauri://localhost", fields{Scheme: "tauri", Host: "localhost", Base: "localhost"})
	f("app://.", fields{Scheme: "app", Host: ".", Base: "."})
	f("moz-extension://*", fields{Scheme: "moz-extension", Host: "*", Wildcard: true})
	f("https://*", fields{Scheme: "https", Host: "*", AnyPort: true, Wildcard: true})
	f("file://", fields{Scheme: "file"})
	f("http://192.168.0.0/16:*", fields{Scheme: "http", Host: "192.168.0.0/16", Base: "192.168.0.0/16", AnyPort: true})
	f("http://[fd00::/8]:3000", fields{Scheme: "http", Host: "[fd00::/8]", Base: "[fd00::/8]", Port: 3000})
	f("a+b-c.1://x_y:1", fields{Scheme: "a+b-c.1", Host: "x_y", Base: "x_y", Port: 1})

	var zero matcher.Pattern
	if zero.String() != "" || zero.Scheme() != "" || zero.Host() != "" || zero.Any() || zero.Null() || zero.Covers(zero) {
		t.Error("the zero Pattern is something")
	}
}

func TestParsePatternErrors(t *testing.T) {
	f := func(text string, offset int, message, hint string) {
		t.Helper()
		p, err := matcher.ParsePattern(text)
		var e *matcher.PatternError
		if !errors.As(err, &e) {
			t.Errorf("ParsePattern(%q) = %v, %v, want an error", text, p, err)
			return
		}
		if e.Pattern != text || e.Offset != offset || !strings.Contains(e.Message, message) || !strings.Contains(e.Hint, hint) || p != (matcher.Pattern{}) {
			t.Errorf("ParsePattern(%q): byte %d: %s: %s, want byte %d: …%s…: …%s…", text, e.Offset, e.Message, e.Hint, offset, message, hint)
		}
		if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
			t.Errorf("ParsePattern(%q): control bytes in %q", text, err)
		}
	}
	long := strings.Repeat("a", 64)
	far := strings.Repeat("a.", 126) + "com"

	// The scheme.
	f("", 0, "no scheme", "https://example.com")
	f("h*", 0, "no scheme", "https://example.com")
	f("example.com", 0, "no scheme", "write https://example.com")
	f("*.example.com", 0, "no scheme", "write https://*.example.com")
	f("//example.com", 0, "no scheme", "write https://example.com")
	f("http:/example.com", 0, "no scheme", "write http://example.com")
	f("https//example.com", 0, "no scheme", "write https://example.com")
	f("localhost:3000", 0, "no scheme", "write http://localhost:3000")
	f("127.0.0.1", 0, "no scheme", "write http://127.0.0.1")
	f("localhosts.example", 0, "no scheme", "write https://localhosts.example")
	f("://example.com", 0, "no scheme", "https://")
	f("http*://example.com", 4, "a star in the scheme", "https:// or http://")
	f("1http://example.com", 0, "starts with a letter", "scheme in full")
	f("a_b://example.com", 1, `'_' in the scheme`, "scheme in full")
	f(long+"a://example.com", 64, "longer than 64", "scheme in full")
	f("tauri://*.localhost", 8, "star with the scheme tauri", "tauri://* for any host")
	f("tauri://localhost:*", 18, "star with the scheme tauri", "in full")
	f("wss://example.com", 0, "handshake is that of its page", "page's origin")
	f("data://x", 0, "no origin has the scheme data", "page that makes them")
	f("file://example.com", 7, "a host with the scheme file", "write file://")
	f("file://*", 7, "a host with the scheme file", "write file://")
	f("file:///", 7, "path", "write file://")
	f("file:///app/index.html", 7, "path", "write file://")

	// Bytes that no part holds.
	f("https://Example.com", 8, `upper-case letter 'E'`, "write https://example.com")
	f("HTTPS://example.com/", 0, `upper-case letter 'H'`, "write https://example.com")
	f("https://bücher.example", 9, "non-ASCII", "A-label")
	f("https://exam\u212aple.com", 12, "non-ASCII", "A-label")
	f("https://example.com ", 19, `' ' in a pattern`, "write https://example.com")
	f("https://a.com, https://b.com", 13, `',' in a pattern`, "separate pattern")
	f("https://a.com\n", 13, "control byte 0x0a", "write https://a.com")
	f("https://a\x00.com", 9, "control byte 0x00", "write an origin")
	f("https://a\x7f.com", 9, "control byte 0x7f", "write an origin")

	// What URLs have and origins have not.
	f("https://example.com/", 19, "slash at the end", "write https://example.com")
	f("https://example.com:8443/app", 24, "path", "write https://example.com:8443")
	f("https:///example.com", 8, "path", "the host")
	f("https://example.com?x", 19, "query", "write https://example.com")
	f("https://example.com#x", 19, "fragment", "write https://example.com")
	f("https://u:p@example.com", 8, "user information", "write https://example.com")
	f(`https://example.com\x`, 19, "backslash", "write https://example.com")

	// Ports.
	f("https://example.com:", 19, "colon without a port", "write https://example.com")
	f("https://example.com:0", 20, "port 0", "write https://example.com")
	f("https://example.com:08443", 20, "starts with a zero", "write https://example.com:8443")
	f("https://example.com:65536", 20, "beyond 65535", "1 to 65535")
	f("https://example.com:131515", 20, "beyond 65535", "1 to 65535")
	f("https://example.com:84*", 20, "not a number", "* for any")
	f("https://example.com:443", 19, "default of https", "write https://example.com")
	f("http://[::1]:80", 12, "default of http", "write http://[::1]")
	f("https://example.com:1:2", 20, "not a number", "1 to 65535")

	// Hosts.
	f("https://", 8, "no host", "https://example.com")
	f("https://:8443", 8, "no host", "https://example.com")
	f("https://a..com", 10, "empty label", "between dots")
	f("https://.a.com", 8, "empty label", "between dots")
	f("https://a.com.", 13, "dot at the end", "write https://a.com")
	f("https://"+long+".com", 8+63, "label longer than 63", "63 bytes")
	f("https://"+far, 8+253, "host longer than 253", "host name")
	f("https://a%2eb.com", 9, `'%' in the host`, "host name")
	f("https://a.b!c.com", 11, `'!' in the host`, "host name")

	// Stars.
	f("http://*", 7, "star for the whole host", "write * for any origin")
	f("http://*:*", 7, "star for the whole host", "write * for any origin")
	f("https://*:*", 9, "a port beside a star for the whole host", "write https://*")
	f("https://*:8443", 9, "a port beside a star for the whole host", "write https://*")
	f("app://*:*", 7, "a port beside a star for the whole host", "write app://*")
	f("app://*.*", 8, "no registrable name", "two labels")
	f("*://*", 0, "a star in the scheme", "https:// or http://")
	f("https://*example.com", 8, "no registrable name", "https://*.example.com")
	f("https://ex*mple.com", 10, "no registrable name", "https://app*.example.com")
	f("https://example.*", 16, "no registrable name", "two labels")
	f("https://a.*.com", 10, "no registrable name", "two labels")
	f("https://*.*.com", 10, "no registrable name", "two labels")
	f("https://*.*", 8+2, "no registrable name", "two labels")
	f("https://**.example.com", 9, "two stars side by side", "one star")

	// Addresses.
	f("http://0x7f.1", 7, "not an IPv4 address", "four decimal numbers")
	f("http://2130706433", 7, "not an IPv4 address", "four decimal numbers")
	f("http://127.0.0.01", 7, "not an IPv4 address", "four decimal numbers")
	f("http://1.2.3.256", 7, "not an IPv4 address", "four decimal numbers")
	f("http://1.2.3.4.5", 7, "not an IPv4 address", "four decimal numbers")
	f("http://example.0x", 7, "not an IPv4 address", "four decimal numbers")
	f("http://*.0.0.1", 7, "star in a host that ends in a number", "without a star")
	f("http://192.168.1.*:*", 7, "star in an IPv4 address", "prefix length, such as")
	f("https://10.*:3000", 8, "star in an IPv4 address", "prefix length, such as")
	f("http://[0:0:0:0:0:0:0:1]:9090", 7, "not an IPv6 address", "write http://[::1]:9090")
	f("http://[2001:DB8::1]", 13, "upper-case", "write http://[2001:db8::1]")
	f("http://[::ffff:192.168.0.1]", 7, "not an IPv6 address", "write http://[::ffff:c0a8:1]")
	f("http://2001:db8::1", 7, "without brackets", "write http://[2001:db8::1]")
	f("http://[::*]", 7, "not an IPv6 address", "without a star")
	f("http://[::1%eth0]", 7, "not an IPv6 address", "in brackets")
	f("http://[::1", 7, "not closed", "in brackets")
	f("http://[::1]x", 12, `'x' after an IPv6 address`, "after the bracket")
	f("http://[example.com]", 7, "not an IPv6 address", "in brackets")

	// Networks.
	f("http://192.168.1.0/16:*", 7, "the network is 192.168.0.0/16", "write http://192.168.0.0/16:*")
	f("https://10.1.2.3/0", 8, "the network is 0.0.0.0/0", "write https://0.0.0.0/0")
	f("http://[fd00::1/8]:3000", 7, "the network is [fd00::/8]", "write http://[fd00::/8]:3000")
	f("http://[fd00::1]/8:3000", 7, "the network is [fd00::/8]", "write http://[fd00::/8]:3000")
	f("http://[::ffff:c0a8:1/112]", 7, "the network is [::ffff:c0a8:0/112]", "write http://[::ffff:c0a8:0/112]")
	f("http://[FD00:0::/8]", 8, "upper-case", "write http://[fd00::/8]")
	f("http://[fd00:0::/8]", 7, "not an IPv6 address", "write http://[fd00::/8]")
	f("http://[::ffff:192.168.0.0/112]", 7, "not an IPv6 address", "write http://[::ffff:c0a8:0/112]")
	f("http://192.168.0.0/33:*", 7, "192.168.0.0/33: the prefix length of an IPv4 network is 0 to 32", "address and a prefix length")
	f("http://192.168.0.0/016", 7, "is 0 to 32", "address and a prefix length")
	f("http://[fd00::/129]", 7, "is 0 to 128", "in brackets")
	f("http://192.168/16", 7, "192.168 is not an IPv4 address", "address and a prefix length")
	f("http://192.168.000.0/16", 7, "not an IPv4 address", "address and a prefix length")
	f("http://192.168.0.0/16/", 18, "path", "write http://192.168.0.0/16")
	f("http://192.168.0.0/16:80", 21, "default of http", "write http://192.168.0.0/16")
	f("http://192.168.0.0/16:x", 22, "not a number", "1 to 65535")
	f("http://192.168.0.0/app", 18, "path", "write http://192.168.0.0")
	f("tauri://10.0.0.0/8", 8, "a network with the scheme tauri", "in full")
	f("http://[fd00::/8", 14, "path", "the host")
}

func TestConfigVectors(t *testing.T) {
	var cases []struct {
		Name   string
		Policy struct{ Origins []string }
		Valid  bool
	}
	readJSON(t, "config.json", &cases)
	syntax := map[string]bool{ // the cases that are invalid by the syntax of a pattern
		"near-star-glob-h": true, "trailing-slash": true, "query": true, "userinfo": true, "default-port-http": true,
		"wildcard-before-literal-no-dot": true, "ipv6-noncompressed": true,
	}
	for _, c := range cases {
		if c.Valid && syntax[c.Name] {
			t.Errorf("%s is valid", c.Name)
		}
		for _, text := range c.Policy.Origins {
			if _, err := matcher.ParsePattern(text); (err != nil) != syntax[c.Name] {
				t.Errorf("%s: ParsePattern(%q): %v", c.Name, text, err)
			}
		}
	}
}

func TestCovers(t *testing.T) {
	f := func(p, q string, want bool) {
		t.Helper()
		pair := parse(t, p, q)
		if got := pair[0].Covers(pair[1]); got != want {
			t.Errorf("%q covers %q = %t, want %t", p, q, got, want)
		}
	}
	f("*", "https://*.a.com:*", true)
	f("*", "null", true)
	f("https://*.com", "*", false)
	f("null", "null", true)
	f("null", "*", false)
	f("https://a.com", "null", false)
	f("https://a.com:*", "https://a.com", true)
	f("https://a.com:*", "https://a.com:1", true)
	f("https://a.com", "https://a.com:*", false)
	f("https://a.com", "http://a.com", false)
	f("https://*.a.com", "https://a.com", false)
	f("https://*.a.com", "https://b.a.com", true)
	f("https://*.a.com", "https://c.b.a.com", true)
	f("https://*.a.com", "https://c.ba.com", false)
	f("https://*.a.com", "https://*.b.a.com", true)
	f("https://*.b.a.com", "https://*.a.com", false)
	f("https://*.a.com", "https://x*.a.com", true)
	f("https://*.a.com", "https://x.*.a.com", true)
	f("https://x*.a.com", "https://*.a.com", false)
	f("https://x*.a.com", "https://xy*.a.com", true)
	f("https://xy*.a.com", "https://x*.a.com", false)
	f("https://x*z.a.com", "https://x*y*z.a.com", true)
	f("https://x*.a.com", "https://xy.a.com", true)
	f("https://x*.a.com", "https://x.a.com", false)
	f("https://x.*.a.com", "https://x.y*.a.com", true)
	f("https://*.*.a.com", "https://*.a.com", false)
	f("https://*", "https://a.com:8443", true)
	f("https://*", "https://*.a.com", true)
	f("https://*", "https://10.0.0.0/8:*", true)
	f("https://*", "http://a.com", false)
	f("https://*.a.com", "https://*", false)
	f("app://*", "app://.", true)
	f("app://*", "app://a:1", false)
	f("app://.", "app://*", false)
	f("file://", "file://", true)
	f("http://10.0.0.0/8", "http://10.1.2.3", true)
	f("http://10.0.0.0/8", "http://11.1.2.3", false)
	f("http://10.0.0.0/8", "http://10.1.2.3:1", false)
	f("http://10.0.0.0/8:*", "http://10.1.0.0/16:1", true)
	f("http://10.1.0.0/16:*", "http://10.0.0.0/8:1", false)
	f("http://10.1.0.0/16", "http://10.a.com", false)
	f("http://[fd00::/8]", "http://[fd12::1]", true)
	f("http://[fd00::/8]", "http://[fd00::]/16", true)
	f("http://[::/0]", "http://10.1.2.3", false)
	f("http://0.0.0.0/0", "http://[::ffff:a01:203]", false)
}

func TestNetwork(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, ok := parse(t, text)[0].Network()
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("ParsePattern(%q).Network() = %v, %t, want %q", text, got, ok, want)
		}
	}
	f("http://10.0.0.0/8", "10.0.0.0/8")
	f("http://[fd00::/8]:1", "fd00::/8")
	f("http://[fd00::]/8:1", "fd00::/8")
	f("http://[::ffff:0:0/96]", "::ffff:0.0.0.0/96")
	f("http://10.0.0.0", "")
	f("https://*", "")
	f("*", "")
	if _, ok := (matcher.Pattern{}).Network(); ok {
		t.Error("the zero Pattern has a network")
	}
}

// Covers never says true wrongly, and a pattern covers itself.
func TestCoversMatch(t *testing.T) {
	const seed = 2
	g := generator{rand.New(rand.NewPCG(seed, seed))}
	covered := 0
	for range 300 {
		texts, patterns := g.patterns(60)
		sets := make([]*matcher.Set, len(patterns))
		for i, p := range patterns {
			sets[i] = matcher.NewSet(p)
			if !p.Covers(p) {
				t.Fatalf("%q does not cover itself", p)
			}
		}
		for q := range patterns {
			origin := []byte(g.origin(texts[q : q+1]))
			if !sets[q].Match(origin) {
				continue
			}
			for p := range patterns {
				if p != q && patterns[p].Covers(patterns[q]) {
					covered++
					if !sets[p].Match(origin) {
						t.Fatalf("%q covers %q, but does not match %q", patterns[p], patterns[q], origin)
					}
				}
			}
		}
	}
	t.Logf("%d times covered", covered)
	if covered < 300 {
		t.Error("the patterns are too much alike")
	}
}

// Without a star or a network, a pattern is a tuple origin of a scheme that pages have; an error comes with an offset in the pattern and a hint; a pattern that a hint
// gives parses.
var prefixLength = regexp.MustCompile(`([0-9a-f:\]])/[0-9]+`)

func FuzzParsePattern(f *testing.F) {
	for _, text := range []string{
		"*", "null", "https://a.com", "https://*.a.com:*", "http://[2001:db8::1]:8080", "http://[0:0::1]", "http://127.0.0.1", "HTTPS://u@A.com:443/x?y#z", "tauri://localhost",
		"https://a*b.*.c.com", "https://1.2.3", "a.com:080", "https://[::ffff:1.2.3.4]", "http://10.0.0.0/8:*", "http://[fd00::1/8]", "http://[fd00::]/8:1", "app://*", "app://.", "file:///", "https://*:1", "http://1.2.3.4/5/6",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := matcher.ParsePattern(text)
		scheme, _, _ := strings.Cut(text, "://")
		odd := slices.Contains([]string{"ws", "wss", "about", "blob", "data", "javascript"}, scheme)
		_, network := p.Network()
		if exact := !strings.Contains(text, "*") && text != "null" && !odd && !network; exact && (err == nil) != matcher.ValidOrigin([]byte(text)) {
			t.Errorf("ParsePattern(%q): %v, but ValidOrigin = %t", text, err, err != nil)
		}
		if err == nil {
			again, err := matcher.ParsePattern(p.String())
			if err != nil || again != p {
				t.Errorf("ParsePattern(%q) = %v, %v, want %v", p, again, err, p)
			}
			origin := strings.ReplaceAll(strings.Replace(text, ":*", "", 1), "*", "x")
			if network { // its first address is one of it
				origin = prefixLength.ReplaceAllString(origin, "$1")
			}
			if !p.Any() && !matcher.NewSet(p).Match([]byte(origin)) {
				t.Errorf("%q does not match %q", text, origin)
			}
			return
		}
		var e *matcher.PatternError
		if !errors.As(err, &e) || e.Pattern != text || e.Offset < 0 || e.Offset > len(text) || e.Message == "" || e.Hint == "" {
			t.Errorf("ParsePattern(%q): %#v", text, err)
			return
		}
		if fixed, ok := strings.CutPrefix(e.Hint, "write http"); ok {
			if _, err := matcher.ParsePattern("http" + fixed); err != nil {
				t.Errorf("ParsePattern(%q): hint %q: %v", text, e.Hint, err)
			}
		}
	})
}
