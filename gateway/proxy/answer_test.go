package proxy

import (
	"bytes"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/policy"
)

// What the cache holds of an answer makes the same answer again, and is the same for all origins that differ in nothing else.
func TestAnswer(t *testing.T) {
	x := newBenchExchange(t, newBenchProxy(t, benchConfig), preflightHead)
	const status = "HTTP/1.1 204 No Content\r\n"
	shadowed := policy.Difference{Change: policy.OtherFields, Reason: cors.Allowed}
	f := func(lines, origin string, d policy.Difference, shared bool) {
		t.Helper()
		x.req.Origin = []byte(origin)
		answer := appendAnswer(nil, []byte(lines), x.req.Origin, d)
		if got := x.allow(answer); got != d || !bytes.HasPrefix(x.out, []byte(lines)) {
			t.Errorf("%q of %q becomes %q, %v", lines, origin, x.out, got)
		}
		other := origin + ".example"
		if again := appendAnswer(nil, []byte(strings.ReplaceAll(lines, origin, other)), []byte(other), d); bytes.Equal(again, answer) != shared {
			t.Errorf("%q and %q are the same: %t, want %t", answer, again, !shared, shared)
		}
	}
	f(status+"Access-Control-Allow-Origin: https://a\r\nVary: Origin\r\n", "https://a", policy.Difference{}, true)
	f(status+"Access-Control-Allow-Origin: https://a\r\nVary: Origin\r\n", "https://a", shadowed, true)
	f(status+"Access-Control-Allow-Origin: *\r\nVary: X\r\n", "https://a", policy.Difference{}, true)
	f(status+"Access-Control-Allow-Origin: *\r\n", "*", policy.Difference{}, true)
	f(status+"Vary: X\r\n", "https://a", policy.Difference{}, true)
	f("", "https://a", policy.Difference{}, true)
	// A field of the operator's that says the origin as well is another for another origin.
	f(status+"X: Access-Control-Allow-Origin: https://a\r\nAccess-Control-Allow-Origin: https://a\r\n", "https://a", policy.Difference{}, false)
	f(status+"Access-Control-Allow-Origin: https://b\r\nX: https://a\r\n", "https://a", policy.Difference{}, false)
}
