package proxy

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// Every answer that the gateway can make can be read by a page of the policy, with and without a route, and by no other; each
// has an id. As a refused preflight it shares nothing, and says why.
func TestOwnAnswersAreReadable(t *testing.T) {
	g := newBenchProxy(t, "[cors.app]\norigins = [\"https://app.example\"]\nmethods = [\"PUT\"]\n[route.r]\nhosts = [\"h\"]\npath = \"/known\"\ncors = \"app\"\nrespond = {}\n")
	answer := func(path, origin string, a *ownAnswer, preflight bool) string {
		x := newExchange(g, &wire.Request{}, nil)
		head := "GET " + path + " HTTP/1.1\r\nHost: h\r\nOrigin: " + origin + "\r\n\r\n"
		if n, fault := x.req.Parse([]byte(head), g.Current().Edge.Limits); n == 0 {
			t.Fatal(fault)
		}
		x.start(&arrival{peer: netip.AddrFrom4([4]byte{127, 0, 0, 1}), on: edge.NewListener("test", nil), major: 1, now: time.Now()}, false)
		x.find()
		x.isPreflight = preflight
		x.answer(a, "")
		return string(x.out)
	}
	for _, a := range ownAnswers {
		for _, path := range []string{"/known", "/unknown"} {
			if a == ownPanic && path == "/unknown" {
				continue // what has panicked may be the choice of the policy
			}
			const origin = "https://app.example"
			out := answer(path, origin, a, false)
			exposed := strings.Contains(out, "\r\nAccess-Control-Expose-Headers: ") && strings.Contains(out, "X-Request-Id\r\n")
			if !strings.Contains(out, "\r\nAccess-Control-Allow-Origin: "+origin+"\r\n") || !strings.Contains(out, "\r\nVary: Origin\r\n") ||
				!strings.Contains(out, "\r\nX-Request-Id: ") || exposed != (a.status >= 400) {
				t.Errorf("%d %s, %s: %q", a.status, a.failure, path, out)
			}
			out = answer(path, "https://evil.example", a, false)
			if strings.Contains(out, "Access-Control-") || !strings.Contains(out, "\r\nVary: Origin\r\n") || !strings.Contains(out, "\r\nX-Request-Id: ") {
				t.Errorf("%d %s, %s, to a stranger: %q", a.status, a.failure, path, out)
			}
			if a.status < 400 {
				continue
			}
			out = answer(path, origin, a, true)
			if strings.Contains(out, "Access-Control-Allow") || !strings.Contains(out, "\r\nCors-Refused: "+a.failure+"\r\n"+preflightVary) {
				t.Errorf("%d %s, %s, as a preflight: %q", a.status, a.failure, path, out)
			}
		}
		if a.status >= 400 && a.failure == "" || bytes.ContainsAny([]byte(a.text), "\r\n") {
			t.Errorf("%+v: want a code and one line of text", a)
		}
	}
	for _, class := range upstream.Classes() {
		if ownFailures[class] == nil {
			t.Errorf("nothing is said when an upstream fails by %s", class)
		}
	}
}
