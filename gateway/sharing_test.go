package gateway_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/internal/redistest"
)

// inRedis returns a configuration whose limits are in a server.
func inRedis(text, server string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "rate ") {
			lines[i] += "\nstore = \"redis\""
		}
	}
	// Time enough for a machine that is busy: what takes longer fails.
	return strings.Join(lines, "\n") + "\n[redis]\naddress = \"" + server + "\"\ntimeout = \"1s\"\nprefix = \"corsgate:\"\n"
}

// total returns the sum of the series of a metric that bear a label, or of all.
func total(g *gateway.Gateway, name, label string) (sum float64) {
	for _, line := range metric(g, name) {
		if series, value, _ := strings.Cut(line, " "); strings.Contains(series, label) {
			n, _ := strconv.ParseFloat(value, 64) // it is one
			sum += n
		}
	}
	return sum
}

// sharing waits until a gateway has found Redis.
func sharing(t testing.TB, g *gateway.Gateway) {
	t.Helper()
	until(t, "limits are shared", func() bool { return gateway.Shares(g) })
}

// TestSharedLimit: gateways of both engines share a limit: what one lets pass is missing at the other, as soon as it has asked.
func TestSharedLimit(t *testing.T) {
	redistest.Each(t, func(t *testing.T, server string) {
		text := inRedis(limitConfig, server)
		text = strings.ReplaceAll(text, "UPSTREAM", "http://127.0.0.1:1")
		text = strings.Replace(text, "burst = 2", "burst = 5", 1)
		one, first := serveOn(t, looped, text)
		two, second := serveOn(t, blocking, text)
		sharing(t, one)
		sharing(t, two)
		f := func(address string, want int, rate string) {
			t.Helper()
			res, _ := ask(t, address, "GET", "/fixed", "X-Forwarded-For: 192.0.2.1")
			if got := res.Header.Get("RateLimit"); res.StatusCode != want || got != rate {
				t.Errorf("%d, %q, want %d, %q", res.StatusCode, got, want, rate)
			}
		}
		f(first, 200, `"tight";r=4;t=3600`)
		f(first, 200, `"tight";r=3;t=3600`)
		f(first, 200, `"tight";r=2;t=3600`)
		charged(t, one, 3)
		f(second, 200, `"tight";r=4;t=3600`) // it does not know yet
		charged(t, two, 1)
		f(second, 200, `"tight";r=0;t=3600`)
		charged(t, two, 2)
		f(second, 429, `"tight";r=0;t=3600`)
		f(first, 200, `"tight";r=1;t=3600`) // it has asked last when there were two left: one too many
		charged(t, one, 4)
		f(first, 429, `"tight";r=0;t=7200`) // and that is missing later
		if n := total(two, "corsgate_limit_redis_calls_total", `"ok"`); n != 2 {
			t.Errorf("%v calls for two requests that passed", n)
		}
		if n := total(two, "corsgate_limit_redis_alone_total", ""); n != 0 {
			t.Errorf("%v are decided alone", n)
		}
	})
}

// charged waits until Redis has counted n events of a gateway.
func charged(t testing.TB, g *gateway.Gateway, n float64) {
	t.Helper()
	until(t, "Redis has counted what has passed", func() bool {
		return total(g, "corsgate_limit_redis_events_total", `"charged"`) == n
	})
}
