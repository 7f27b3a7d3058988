package proxy

import (
	"bytes"
	"strings"
	"testing"
)

// What the cache holds of an answer makes the same answer again, for any origin.
func TestAnswer(t *testing.T) {
	x := newBenchExchange(t, newBenchProxy(t, benchConfig), preflightHead)
	const begin, allow = "HTTP/1.1 204 No Content\r\n", "Access-Control-Allow-Origin: "
	const at = len(begin) + len(allow)
	f := func(lines string, at int) {
		t.Helper()
		const one, other = "https://a", "https://b.example"
		size := 0
		if at > 0 {
			size = len(one)
		}
		answer := appendAnswer(nil, []byte(lines), at, size)
		for _, origin := range []string{one, other} {
			x.req.Origin = []byte(origin)
			if x.allow(answer); !bytes.HasPrefix(x.out, []byte(strings.Replace(lines, one, origin, 1))) {
				t.Errorf("%q of %q becomes %q", lines, origin, x.out)
			}
		}
	}
	f(begin+allow+"https://a\r\nVary: Origin\r\n", at)
	f(begin+allow+"https://a\r\nX: https://a\r\n", at) // a field of the operator's stays
	f(begin+allow+"*\r\nVary: X\r\n", 0)
	f("", 0)
}
