package gateway_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
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
			if got := untimed(res.Header.Get("RateLimit")); res.StatusCode != want || got != rate {
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

// TestRedisGone: while Redis is stopped, requests are answered at once, on either engine, and the limit holds at each gateway. The log
// and the metrics tell when that begins and ends.
func TestRedisGone(t *testing.T) {
	s := redistest.Start(t)
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			text := strings.ReplaceAll(inRedis(limitConfig, s.Address), "UPSTREAM", "http://127.0.0.1:1")
			text = strings.Replace(text, `timeout = "1s"`, `timeout = "50ms"`, 1)
			text = strings.Replace(text, "corsgate:", engine+":", 1)
			var log lockedBuffer
			g, address := serveLogged(t, parseFor(t, engine, text), &log)
			sharing(t, g)
			status := func(client int) int {
				res, _ := ask(t, address, "GET", "/fixed", fmt.Sprintf("X-Forwarded-For: 198.51.%d.%d", client/250, client%250))
				return res.StatusCode
			}
			s.Pause()
			defer s.Resume() // it is harmless twice
			client := 0
			for ; gateway.Shares(g); client++ {
				if got := status(client); got != 200 {
					t.Fatalf("request %d: %d", client, got)
				}
				time.Sleep(time.Millisecond)
			}
			for i, want := range []int{200, 200, 429, 429} {
				if got := status(60_000); got != want {
					t.Errorf("alone, request %d: %d, want %d", i, got, want)
				}
			}
			if total(g, "corsgate_limit_redis_fallback", "") != 1 || total(g, "corsgate_limit_redis_alone_total", `"tight"`) == 0 || total(g, "corsgate_limit_redis_calls_total", `"timeout"`) == 0 {
				t.Errorf("metrics: %s", metric(g, "corsgate_limit_redis"))
			}
			s.Resume()
			sharing(t, g)
			until(t, "the log tells", func() bool { return strings.Contains(log.String(), "rate limits are shared again") })
			if said := log.String(); !strings.Contains(said, "rate limits are not shared: Redis fails") || !strings.Contains(said, s.Address) || !strings.Contains(said, "on_failure=local") {
				t.Errorf("the log: %s", said)
			}
			if total(g, "corsgate_limit_redis_fallback", "") != 0 {
				t.Error("the metric still says that limits are not shared")
			}
		})
	}
}

// TestSharingReload: a reload keeps the store, and the leases of limits that stay; another [redis] is another store; a password
// that has changed is read again. What is wrong with its file is told with its place.
func TestSharingReload(t *testing.T) {
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(password, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n")
	mini := redistest.StartMini(t)
	mini.RequireAuth("first")
	text := strings.ReplaceAll(inRedis(limitConfig, mini.Address), "UPSTREAM", "http://127.0.0.1:1") + "password_file = \"" + password + "\"\n"
	g, _ := serveOn(t, looped, text)
	sharing(t, g)
	reload := func(text string) error {
		file, _ := g.Config()
		cfg := parse(t, text)
		cfg.Listeners = file.Listeners
		return g.Reload(cfg)
	}
	store := gateway.StoreOf(g)
	if err := reload(strings.Replace(text, `body = "fixed"`, `body = "other"`, 1)); err != nil || gateway.StoreOf(g) != store {
		t.Errorf("the store is not the same after a reload: %v", err)
	}
	mini.RequireAuth("second")
	write("second")
	if err := reload(text); err != nil || gateway.StoreOf(g) == store {
		t.Errorf("the store is the same after its password has changed: %v", err)
	}
	sharing(t, g)
	for content, want := range map[string]string{"": "is empty", "a\nb\n": "more than one line"} {
		write(content)
		if err := reload(text); err == nil || !strings.Contains(err.Error(), "redis.password_file: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("a password %q: %v", content, err)
		}
	}
	os.Remove(password)
	if err := reload(text); err == nil || !strings.Contains(err.Error(), "cannot read "+password) {
		t.Errorf("no password: %v", err)
	}
	if err := reload(strings.ReplaceAll(limitConfig, "UPSTREAM", "http://127.0.0.1:1")); err != nil {
		t.Error(err)
	}
}

// TestSharedIsExplained: explain tells where a limit is counted, and check that a [redis] is for nothing.
func TestSharedIsExplained(t *testing.T) {
	text := strings.ReplaceAll(inRedis(limitConfig, "127.0.0.1:1"), "UPSTREAM", "http://127.0.0.1:1")
	e, err := explain.Config(parse(t, text), fetch.Question{Origin: "https://myapp.com", URL: "http://api.example/api"})
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	if err := e.WriteText(&said); err != nil || e.Route.Limit.Store != "redis" || !strings.Contains(said.String(), "by client_ip, shared in redis\n") {
		t.Errorf("%+v, %v:\n%s", e.Route.Limit, err, said.String())
	}
	_, warnings := gateway.Check(parse(t, strings.ReplaceAll(text, "store = \"redis\"\n", "")))
	if len(warnings) != 1 || warnings[0].Key != "redis" || !strings.Contains(warnings[0].Error(), "no limit is counted in Redis") {
		t.Errorf("warnings: %v", warnings)
	}
}
