package proxy

import (
	"bytes"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/frequent"
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

// TestAskedIsSampled: few preflights are all listed, and of many there is one in each interval.
func TestAskedIsSampled(t *testing.T) {
	g := newBenchProxy(t, benchConfig)
	x := newBenchExchange(t, g, preflightHead)
	burst := int(askedBurst / askedEvery)
	listed := func() (n uint64) {
		g.asked.All(func(_ *fetch.Question, f frequent.Frequency) { n += f.Count })
		return n
	}
	for range 3 * burst {
		x.decide()
	}
	if got := listed(); got != uint64(burst) {
		t.Errorf("%d of %d at once are listed, want %d", got, 3*burst, burst)
	}
	for range 10 {
		x.now = x.now.Add(askedEvery)
		x.decide()
		x.decide()
	}
	if got := listed(); got != uint64(burst+10) {
		t.Errorf("after 20 in 10 intervals %d are listed, want %d", got, burst+10)
	}
}
