package auth

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

// parse returns a request with a target and fields.
func parse(t testing.TB, target string, fields ...string) *wire.Request {
	t.Helper()
	head := "GET " + target + " HTTP/1.1\r\nHost: api.example.com\r\n"
	for _, f := range fields {
		head += f + "\r\n"
	}
	r := new(wire.Request)
	if n, fault := r.Parse([]byte(head+"\r\n"), wire.Limits{HeadBytes: 1 << 16, Fields: 100}); n == 0 || fault != nil {
		t.Skip("no request")
	}
	return r
}

func TestPlaces(t *testing.T) {
	f := func(from, target, want string, n int, fields ...string) {
		t.Helper()
		p := parsePlace(from)
		got, count := p.find(parse(t, target, fields...))
		if count != n || n == 1 && string(got) != want {
			t.Errorf("%s of %s %q: %q, %d of them, want %q, %d", from, target, fields, got, count, want, n)
		}
	}
	f("bearer", "/", "x.y.z", 1, "Authorization: Bearer x.y.z")
	f("bearer", "/", "x", 1, "authorization: bEARER   x")
	f("bearer", "/", "", 0, "Authorization: Basic YTpi")
	f("bearer", "/", "", 0, "Authorization: Bearer")
	f("bearer", "/", "", 0, "Authorization: Bearerx y")
	f("bearer", "/", "", 0, "X-Authorization: Bearer x")
	f("bearer", "/", "", 2, "Authorization: Bearer x", "Authorization: Basic YTpi")
	f("bearer", "/", "", 2, "Authorization: Basic YTpi", "Authorization: Bearer x")
	f("header:X-Api-Key", "/", "k", 1, "x-api-KEY: k")
	f("header:X-Api-Key", "/", "", 0, "X_Api_Key: k")
	f("header:X-Api-Key", "/", "", 0, "X-Api-Key:")
	f("header:X-Api-Key", "/", "", 2, "X-Api-Key: k", "X-Api-Key: k")
	f("header:X-Api-Key", "/", "", 2, "X-Api-Key:", "X-Api-Key: k")
	f("cookie:session", "/", "s", 1, "Cookie: a=b; session=s; c=d")
	f("cookie:session", "/", "s=t", 1, "Cookie: session=s=t")
	f("cookie:session", "/", "s", 1, "Cookie: a=b", "Cookie: session=s")
	f("cookie:session", "/", "", 2, "Cookie: session=s; session=t")
	f("cookie:session", "/", "", 0, "Cookie: Session=s; xsession=s; session; session=")
	f("query:key", "/?key=k", "k", 1)
	f("query:key", "/?a=b&key=k&c", "k", 1)
	f("query:key", "/?key=a%2Bb+c", "a+b c", 1)
	f("query:key", "/?key=%zz", "%zz", 1)
	f("query:key", "/?key=k&key=k", "", 2)
	f("query:key", "/?xkey=k&keyx=k&KEY=k&key&key=", "", 0)
	f("query:key", "/key=k", "", 0)
	f("query:key", "/?%6Bey=k", "k", 1)
	f("query:key", "/?key=k&k%65%79=l", "", 2)
	f("query:key", "/?%6Bey%=k", "", 0)
	f("websocket-protocol", "/", "t", 1, "Sec-WebSocket-Protocol: bearer, t, chat")
	f("websocket-protocol", "/", "t", 1, "Sec-WebSocket-Protocol: chat,bearer", "sec-websocket-protocol: t")
	f("websocket-protocol", "/", "", 0, "Sec-WebSocket-Protocol: chat, bearer")
	f("websocket-protocol", "/", "", 0, "Sec-WebSocket-Protocol: Bearer, t")
	f("websocket-protocol", "/", "", 2, "Sec-WebSocket-Protocol: bearer, t, bearer, u")
}

func TestProtocols(t *testing.T) {
	f := func(want string, fields ...string) {
		t.Helper()
		if got := string(AppendProtocols(nil, parse(t, "/", fields...))); got != want {
			t.Errorf("%q: %q, want %q", fields, got, want)
		}
	}
	f("Sec-WebSocket-Protocol: chat\r\n", "Sec-WebSocket-Protocol: bearer, t, chat")
	f("Sec-WebSocket-Protocol: a, b, c\r\n", "Sec-WebSocket-Protocol: a, bearer", "Sec-WebSocket-Protocol: t,b,,c")
	f("", "Sec-WebSocket-Protocol: bearer, t")
	f("", "Sec-WebSocket-Protocol: bearer")
	f("")
}

func isKey(name string) bool {
	plain, err := url.QueryUnescape(name)
	return name == "key" || err == nil && plain == "key"
}

// FuzzQuery: what AppendQuery leaves has nothing in the place, and all else as it was.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"", "?", "?key=k", "?a=b&key=k", "?key=k&a=b", "?&&key=k&", "?key", "?key=&key=k&a", "?akey=k", "?k%65y=k&%6b%65%79", "?%6", "?key%"} {
		f.Add(q)
	}
	p := place{inQuery, "key"}
	f.Fuzz(func(t *testing.T, query string) {
		if query != "" && !strings.HasPrefix(query, "?") {
			query = "?" + query
		}
		got := string(p.appendQuery(nil, []byte(query)))
		if got != "" && got[0] != '?' {
			t.Fatalf("%q: %q has no '?'", query, got)
		}
		var want []string
		for _, pair := range strings.Split(strings.TrimPrefix(query, "?"), "&") {
			if name, _, _ := strings.Cut(pair, "="); query != "" && !isKey(name) {
				want = append(want, pair)
			}
		}
		var left []string
		if got != "" {
			left = strings.Split(got[1:], "&")
		}
		if !slices.Equal(left, want) {
			t.Errorf("%q: %q is left, want %q", query, left, want)
		}
		if v, err := url.ParseQuery(strings.TrimPrefix(query, "?")); err == nil {
			values := slices.DeleteFunc(slices.Clone(v["key"]), func(s string) bool { return s == "" })
			value, n := p.inQuery([]byte(query))
			if n == 1 && len(values) > 0 && !slices.Contains(values, string(value)) {
				t.Errorf("%q: %q, and net/url has %q", query, value, values)
			}
		}
	})
}
