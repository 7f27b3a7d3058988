package wire_test

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// This file makes messages of fragments, mostly right and sometimes wrong in one place: what
// mutation of bytes seldom reaches.

// pick returns one of the fragments, the first in most cases.
func pick(r *rand.Rand, s ...string) string {
	if r.IntN(3) > 0 {
		return s[0]
	}
	return s[r.IntN(len(s))]
}

func randomFields(r *rand.Rand) string {
	var b strings.Builder
	end := func() {
		b.WriteString(pick(r, "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", " \r\n"))
	}
	values := map[string][]string{
		"Content-Length":        {"5", "0", "05", "5, 5", "-1", "+5", "999999999999999999", "1000000000000000000", "", "0x5", "5\v"},
		"Transfer-Encoding":     {"chunked", "CHUNKED", "gzip, chunked", "chunked, chunked", "identity", ",chunked", "chun\u212aed", "", "chunked;q=1"},
		"Connection":            {"close", "keep-alive", "keep-alive, close", "Upgrade", "upgrade, x-a", "X-A,TE", "", ",,", "@@", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "Host, Content-Length", "clo\u017fe"},
		"Host":                  {"a.test", "A.test:80", "b.test", "a.test.", "a.test:", "[::1]:1", "a b", "", "a..b", "u@a.test"},
		"Expect":                {"100-continue", "100-Continue", "x 100-continue", ""},
		"Upgrade":               {"websocket", "WebSocket", "h2c", "h2c, websocket", "SPDY/3.1", ""},
		"Sec-WebSocket-Key":     {"dGhlIHNhbXBsZSBub25jZQ==", ""},
		"Sec-WebSocket-Accept":  {"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", ""},
		"Content-Type":          {"text/plain", ""},
		"X-Forwarded-By":        {"x"},
		"X_Under":               {"1"},
		"X-A":                   {"v", "a\tb", "\xe9\xff", "a\x00b", "a\x7f", "a\x1fb", "\t", "12345678\t12345678", "1234567\x8012345678"},
		"TE":                    {"trailers", "Trailers", "gzip, trailers", "trailers;q=1", "gzip;q=0.5,,trailers,", ""},
		"Bad Name":              {"v"},
		"":                      {"v"},
		"Date":                  {"now"},
		"Vary":                  {"Origin"},
		strings.Repeat("n", 60): {"v"},
	}
	names := []string{"X-A", "Content-Length", "Transfer-Encoding", "Connection", "Host", "Expect", "Upgrade", "Sec-WebSocket-Key",
		"Sec-WebSocket-Accept", "Content-Type", "X-Forwarded-By", "X_Under", "TE", "Date", "Vary", strings.Repeat("n", 60)}
	if r.IntN(8) == 0 {
		names = append(names, "Bad Name", "")
	}
	for range r.IntN(7) {
		name := names[r.IntN(len(names))]
		if b.WriteString(name); r.IntN(40) == 0 {
			b.WriteString(pick(r, " ", "\t", "\x00", "\xa0"))
		}
		b.WriteString(pick(r, ": ", ":", ": ", ":\t", ":  ", ": ", ":", ":\r\n "))
		b.WriteString(pick(r, values[name]...))
		b.WriteString(pick(r, "", "", "", " ", "\t "))
		if end(); r.IntN(60) == 0 {
			b.WriteString(pick(r, " folded", "\t", "\x00"))
			end()
		}
	}
	b.WriteString(pick(r, "\r\n", "\r\n", "\r\n", "\n", "\r", ""))
	return b.String()
}

func randomRequest(r *rand.Rand) string {
	target := pick(r, "/", "/a/b", "/a%2Fb?x=%41", "/a;b", "/a//b", "/a/./b", "/..", "/.x", "/...", "*", "http://a.test/x", "HTTPS://A.test",
		"http://b.test?q", "http://", "//x", "?x", "/%", "/%0a", "/?%", "/a#b", "/a\\b", "/{", "/?{", "/\xe9", "/a?b?c", "http://a.test//x")
	return pick(r, "", "", "", "", "\r\n", "\r\n\r\n", "\n") +
		pick(r, "GET", "POST", "OPTIONS", "get", "CONNECT", "trace", "Track", "TRAC", "M-SEARCH", "G(T", "", strings.Repeat("A", 24), strings.Repeat("A", 25)) +
		pick(r, " ", " ", " ", " ", "  ", "\t") + target + pick(r, " ", " ", " ", "  ", "\t") +
		pick(r, "HTTP/1.1", "HTTP/1.0", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1.", "HTTP/11", "HTTP/d.d") +
		pick(r, "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", " \r\n") +
		pick(r, "Host: a.test\r\n", "Host: A.TEST\r\n", "Host: a.test\r\n", "", "Host: b.test:8\r\n") + randomFields(r) +
		pick(r, "", "hello", "5\r\nhello\r\n0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n")
}

func randomResponse(r *rand.Rand) string {
	return pick(r, "HTTP/1.1", "HTTP/1.0", "HTTP/1.1", "HTTP/1.2", "HTTP/2.0", "http/1.1", "") +
		pick(r, " ", " ", " ", "", "  ", "\t") + pick(r, "200", "101", "204", "304", "599", "600", "099", "2x0", "20", "2000") +
		pick(r, " OK", " ", "", " \xe9", "OK", " a\tb", " a\x00") + pick(r, "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r") +
		randomFields(r) + pick(r, "", "hello")
}

func randomChunks(r *rand.Rand) string {
	var b strings.Builder
	extension := func() {
		for range r.IntN(3) * r.IntN(2) {
			b.WriteString(pick(r, ";a=b", ";a", ";a=\"x;\r\"", `;a="b\"c"`, ";a=\"b\tc\"", ";", "; a", ";a= b", ";a=", ";a=\"", `;a="\`+"\x00\"",
				";"+strings.Repeat("e", 100), ";"+strings.Repeat("e", 4090), ";a=\"b\"c"))
		}
	}
	for range r.IntN(4) {
		extra := pick(r, "", "", "", "", "", " ", "0x", "+", "00000000000000000")
		b.WriteString(extra + pick(r, "5", "005"))
		extension()
		b.WriteString(pick(r, "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r"))
		b.WriteString(pick(r, "hello", "hello", "hello", "hello", "hello", "\r\n0\r\n", "hell"))
		b.WriteString(pick(r, "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "", "xx"))
	}
	b.WriteString(pick(r, "0", "0", "0", "00", "0000000000000000", "00000000000000000", "fffffffffffffffff", "ffffffffffffffff", "+0"))
	extension()
	b.WriteString(pick(r, "\r\n", "\r\n", "\r\n", "\n"))
	for range r.IntN(3) {
		b.WriteString(pick(r, "X-A: b\r\n", "a:\r\n", "a: \t b \t\r\n", "a:\t\r\n", "a:b\tc\r\n", "A : b\r\n", ": b\r\n", " folded\r\n", "A: \x00\r\n", "A: b\n", "A\r\n", "A: b\rc: d\r\n"))
	}
	b.WriteString(pick(r, "\r\n", "\r\n", "\r\n", "\n", ""))
	return b.String() + pick(r, "", "GET / HTTP/1.1")
}

func TestRequestTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 6000 {
		in := randomRequest(r)
		checkRequest(t, in, generous)
		checkRequest(t, in, tight)
	}
}

func TestResponseTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 6000 {
		in := randomResponse(r)
		checkResponse(t, in, generous)
		checkResponse(t, in, tight)
	}
}

func TestChunkedTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 6000 {
		checkChunked(t, randomChunks(r))
	}
}
