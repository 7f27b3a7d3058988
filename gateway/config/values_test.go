package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
)

// check returns a function that expects parse to understand in as want, written with %v.
func check[T any](t *testing.T, parse func(string) (T, string, string)) (ok, bad func(in, want string)) {
	ok = func(in, want string) {
		t.Helper()
		if v, message, _ := parse(in); message != "" || fmt.Sprint(v) != want {
			t.Errorf("%q = %v %q, want %v", in, v, message, want)
		}
	}
	bad = func(in, want string) {
		t.Helper()
		if v, message, hint := parse(in); message == "" || !strings.Contains(message+" "+hint, want) {
			t.Errorf("%q = %v, message %q, hint %q, want %q", in, v, message, hint, want)
		}
	}
	return ok, bad
}

func TestParseDuration(t *testing.T) {
	ok, bad := check(t, config.ParseDuration)
	ok("250ms", "250ms")
	ok("24h", "24h0m0s")
	ok("1h30m", "1h30m0s")
	ok("0s", "0s")
	bad("", "not a duration")
	bad("-1s", "negative")
	bad("10", `"10s" for seconds`)
	bad("1d", "in days")
	bad("d", "not a duration")
	bad("1000000000d", "not a duration")
	bad("9999999999h", "not a duration")
}

func TestParseSize(t *testing.T) {
	ok, bad := check(t, config.ParseSize)
	ok("0", "0")
	ok("512", "512")
	ok("16KiB", "16KiB")
	ok("16384", "16KiB")
	ok("1024MiB", "1GiB")
	ok("1024GiB", "1024GiB")
	bad("1025GiB", "more than")
	bad("9223372036854775807GiB", "more than")
	bad("99999999999999999999", "not a size")
	bad("16KB", `"16KiB"`)
	bad("16k", `"16KiB"`)
	bad("16B", `"16"`)
	bad("1.5MiB", "not a size")
	bad("-1", "not a size")
	bad("+1", "not a size")
	bad("KiB", "not a size")
	bad("16 KiB", "not a size")
	bad("", "not a size")
}

// FuzzByteSize: what String writes, the parser reads.
func FuzzByteSize(f *testing.F) {
	f.Add(int64(0))
	f.Add(int64(16 << 10))
	f.Add(int64(1<<40 - 1))
	f.Fuzz(func(t *testing.T, n int64) {
		if n < 0 || n > 1<<40 {
			return
		}
		s := config.ByteSize(n).String()
		if got, message, _ := config.ParseSize(s); message != "" || int64(got) != n {
			t.Errorf("ParseSize(%q) = %d %q, want %d", s, got, message, n)
		}
	})
}

func TestParseRatio(t *testing.T) {
	ok, bad := check(t, config.ParseRatio)
	ok("20%", "0.2")
	ok("0.5%", "0.005")
	ok("100%", "1")
	bad("101%", "more than")
	bad("20", "not a share")
	bad("-1%", "not a share")
	bad("NaN%", "not a share")
	bad("1e1%", "not a share")
	bad("%", "not a share")
}

func TestParsePrefix(t *testing.T) {
	ok, bad := check(t, config.ParsePrefix)
	ok("10.0.0.0/8", "10.0.0.0/8")
	ok("192.0.2.7", "192.0.2.7/32")
	ok("2001:db8::1", "2001:db8::1/128")
	ok("::ffff:192.0.2.7", "192.0.2.7/32")
	ok("0.0.0.0/0", "0.0.0.0/0")
	bad("10.0.0.1/8", `"10.0.0.0/8"`)
	bad("fe80::1%eth0", "not a network")
	bad("10.0.0.0/33", "not a network")
	bad("localhost", "not a network")
}

func TestParseAddress(t *testing.T) {
	ok, bad := check(t, config.ParseAddress)
	for _, s := range []string{"127.0.0.1:8080", ":80", ":0", "[::1]:443", "[fe80::1%eth0]:80", "localhost:80", "unix:/run/x.sock", "systemd:edge"} {
		ok(s, s)
	}
	bad("off", "not an address")
	bad("8080", `":8080"`)
	bad("127.0.0.1", "not an address")
	bad("127.0.0.1:", "not a port")
	bad("127.0.0.1:65536", "not a port")
	bad("127.0.0.1:+1", "not a port")
	bad("127.0.0.1:http", "not a port")
	bad("300.0.0.1:80", "neither a host name nor an IP")
	bad("unix:x.sock", "absolute path")
	bad("unix:///x.sock", "absolute path")
	bad("unix:/"+strings.Repeat("x", 110), "at most")
	bad("unix:/x\x00", "NUL")
	bad("systemd:", "socket unit")
}

func TestParseAdmin(t *testing.T) {
	ok, bad := check(t, config.ParseAdmin)
	for _, s := range []string{"off", "127.0.0.1:9900", "127.1.2.3:1", "[::1]:9900", "localhost:9900", "unix:/run/admin.sock"} {
		ok(s, s)
	}
	bad(":9900", "from outside")
	bad("0.0.0.0:9900", `"127.0.0.1:9900"`)
	bad("admin.example.com:9900", "from outside")
}

func TestAddressSplit(t *testing.T) {
	f := func(in config.Address, wantNetwork, wantAddress string) {
		t.Helper()
		if n, a := in.Split(); n != wantNetwork || a != wantAddress {
			t.Errorf("%q.Split() = %q, %q", in, n, a)
		}
	}
	f(":80", "tcp", ":80")
	f("unix:/run/x", "unix", "/run/x")
	f("systemd:edge", "systemd", "edge")
	f(config.Off, "", "")
}

func TestParseEndpoint(t *testing.T) {
	ok, bad := check(t, func(s string) (string, string, string) {
		e, message, hint := config.ParseEndpoint(s)
		return fmt.Sprint(e.Discovery, " ", e.TLS, " ", e.Network, " ", e.Address), message, hint
	})
	ok("http://127.0.0.1:9001", " false tcp 127.0.0.1:9001")
	ok("http://api", " false tcp api:80")
	ok("https://my_api.internal", " true tcp my_api.internal:443")
	ok("http://[2001:db8::1]", " false tcp [2001:db8::1]:80")
	ok("unix:/run/api.sock", " false unix /run/api.sock")
	ok("dns+http://api:8080", "dns false tcp api:8080")
	ok("srv+http://_api._tcp.example", "srv false tcp _api._tcp.example")
	bad("127.0.0.1:9001", `"http://127.0.0.1:9001"`)
	bad("http://a/", `did you mean "http://a"`)
	bad("http://u:p@a", "cannot have a path, query or user")
	bad("http://", "not a host name")
	bad("http://a:0", "not a port")
	bad("http://a:", "not a port")
	bad("http://::1:80", "not a host name")
	bad("http://[::1", "not a")
	bad("http://[fe80::1%eth0]", "not an IPv6")
	bad("http://[127.0.0.1]", "not an IPv6")
	bad("HTTP://a", "not an endpoint")
	bad("http://A", `"a"`)
	bad("dns+http://127.0.0.1:80", "neither a host name nor")
	bad("srv+http://_api._tcp.example:80", "not a host name")
	bad("h2c://a", "not an endpoint")
	bad("http://a b", "not a host name")
}

func TestParseHosts(t *testing.T) {
	ok, bad := check(t, config.ParseRouteHost)
	for _, s := range []string{"example.com", "*.example.com", "localhost", "127.0.0.1", "[::1]", "xn--caf-dma.example", "a_b.c"} {
		ok(s, s)
	}
	bad("Example.com", `"example.com"`)
	bad("example.com.", "not a host name")
	bad("*", "leading")
	bad("a*.example.com", "leading")
	bad("*.*.example.com", "leading")
	bad("*.", "not a host name")
	bad("example.com:443", `"example.com"`)
	bad("https://example.com", `"example.com"`)
	bad("::1", `"[::1]"`)
	bad("café.example", "xn--")
	bad("-a.com", "not a host name")
	bad("", "not a host name")
	bad(strings.Repeat("a", 64)+".com", "not a host name")
	bad(strings.Repeat("a.", 130)+"com", "not a host name")

	ok, bad = check(t, config.ParseHostField)
	ok("", "")
	ok("api.internal:8080", "api.internal:8080")
	ok("[::1]:80", "[::1]:80")
	bad("a b", "not a host name")
	bad("a\r\nX: y", "not a port")
	bad("a\r\nX", "not a host name")
}

func TestParsePath(t *testing.T) {
	ok, bad := check(t, config.ParsePath)
	ok("/", "/")
	ok("/v1/%20a", "/v1/%20a")
	bad("v1", `"/v1"`)
	bad("/a?b", "cannot have a query")
	bad("/a#b", "or a fragment")
	bad("/a b", "percent-encoded")
	bad("/é", "percent-encoded")
	bad("/a\\b", "percent-encoded")
	bad("/a/*", "cannot have wildcards")
}

func TestParseRedirectTo(t *testing.T) {
	ok, bad := check(t, config.ParseRedirectTo)
	for _, s := range []string{"/", "/new", "/new$path", "https://example.com", "https://example.com$path", "http://a:80/x$path?y=1"} {
		ok(s, s)
	}
	bad("", "not a target")
	bad("$path", "not a target")
	bad("/$path", "not a target")
	bad("//evil.example", "not a target")
	bad("https://$path", "not a target")
	bad("https:///x", "not a target")
	bad("ftp://a", "not a target")
	bad("javascript:x", "not a target")
	bad("https://a$host", "only variable")
	bad("https://a/\r\nX: y", "not a target")
}

func TestParseWords(t *testing.T) {
	ok, bad := check(t, config.ParseMethod)
	ok("GET", "GET")
	ok("PURGE", "PURGE")
	ok("purge", "purge")
	bad("get", `"GET"`)
	bad("", "not a method")
	bad("A,B", "not a method")

	ok, bad = check(t, config.ParseAccess)
	ok("errors", "errors")
	ok("1%", "1%")
	bad("x%", "not a share")
	bad("error", `"errors"`)

	ok, bad = check(t, config.ParseHashKey)
	ok("header:X-User", "header:X-User")
	ok("", "")
	bad("header:", "not one of")
	bad("query:a", "not one of")
}

var sink *config.Config

func BenchmarkParse(b *testing.B) {
	for _, routes := range []int{1, 1000} {
		b.Run(fmt.Sprintf("routes=%d", routes), func(b *testing.B) {
			text := []byte(minimal)
			for i := 1; i < routes; i++ {
				text = fmt.Appendf(text, "[route.r%d]\npath = \"/r%d\"\nupstream = \"api\"\ntimeout = %q\n", i, i, time.Second)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				cfg, err := config.Parse("f.toml", text)
				if err != nil {
					b.Fatal(err)
				}
				sink = cfg
			}
		})
	}
}
