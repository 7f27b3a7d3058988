package gateway_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
)

// onEngines runs f on both engines.
func onEngines(t *testing.T, f func(t *testing.T, engine string)) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) { f(t, engine) })
	}
}

// newNamed returns an upstream that says its name.
func newNamed(t testing.TB, name string) string {
	return newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, name) }))
}

// soon waits for what should happen at once.
func soon(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func splitConfig(t testing.TB, key string, old, next int) string {
	return fmt.Sprintf(`
[trust]
proxies = ["127.0.0.1"]
[upstream.old]
endpoints = [%q]
[upstream.next]
endpoints = [%q]
[route.api]
split_key = %q
split = [{ upstream = "old", weight = %d }, { upstream = "next", weight = %d }]
`, newNamed(t, "old"), newNamed(t, "next"), key, old, next)
}

// TestSplit: each client stays where it is, the shares are those of the weights, and when weights
// change nobody moves who need not.
func TestSplit(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		for key, field := range map[string]string{
			"header:X-User": "X-User: %d", "cookie:user": "Cookie: a=b; user=%d", "client_ip": "X-Forwarded-For: 2001:db8::%x",
		} {
			t.Run(key, func(t *testing.T) {
				const clients = 300
				at := func(old, next int) (where map[int]string) {
					where = map[int]string{}
					_, address := serveOn(t, engine, splitConfig(t, key, old, next))
					for i := range clients {
						_, where[i] = ask(t, address, "GET", "/", fmt.Sprintf(field, i))
						if i%10 > 0 {
							continue
						}
						if _, again := ask(t, address, "GET", "/", fmt.Sprintf(field, i)); again != where[i] {
							t.Fatalf("client %d was at %s, and then at %s", i, where[i], again)
						}
					}
					return where
				}
				first, then := at(80, 20), at(70, 30)
				moved, next := 0, 0
				for i := range clients {
					if first[i] == "next" && then[i] == "old" {
						t.Errorf("client %d went back", i)
					}
					if first[i] != then[i] {
						moved++
					}
					if first[i] == "next" {
						next++
					}
				}
				// These are the same numbers in each run: nothing here is random.
				if next < clients*12/100 || next > clients*28/100 || moved < clients*4/100 || moved > clients*16/100 {
					t.Errorf("%d of %d are at next, want about 20 %%, and %d moved, want about 10 %%", next, clients, moved)
				}
			})
		}
	})
}

// TestSplitWithoutKey: requests are divided anew, one by one; none goes to a weight of 0.
func TestSplitWithoutKey(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		for _, c := range []struct {
			key       string
			old, next int
			want      []string
		}{
			{"", 1, 1, []string{"next", "old"}},
			{"", 0, 1, []string{"next"}},
			{"", 3, 0, []string{"old"}},
			{"header:X-User", 1, 1, []string{"next", "old"}}, // these have none
			{"cookie:user", 1, 1, []string{"next", "old"}},
		} {
			_, address := serveOn(t, engine, splitConfig(t, c.key, c.old, c.next))
			seen := map[string]bool{}
			for range 64 { // all at one of two is one run in 2^63
				_, where := ask(t, address, "GET", "/", "Cookie: users=1; User=2; xuser=3; user")
				seen[where] = true
			}
			if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, c.want) {
				t.Errorf("%q, %d to %d: %v, want %v", c.key, c.old, c.next, got, c.want)
			}
		}
	})
}

// TestSplitCounts: requests and conflicts are counted for the upstream that was asked.
func TestSplitCounts(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\n\r\n"})
	onEngines(t, func(t *testing.T, engine string) {
		g, address := serveOn(t, engine, strings.ReplaceAll(`
[cors.app]
origins = ["https://myapp.com"]
[upstream.old]
endpoints = ["http://127.0.0.1:1"]
[upstream.next]
endpoints = ["UPSTREAM"]
[route.api]
cors = "app"
split = [{ upstream = "old", weight = 0 }, { upstream = "next", weight = 1 }]
`, "UPSTREAM", d.url()))
		ask(t, address, "GET", "/")
		for _, want := range []string{"corsgate_upstream_requests_total", "corsgate_upstream_cors_conflicts_total"} {
			until(t, want+" is counted for next", func() bool { // which may be after the response
				return slices.ContainsFunc(counters(t, g), func(line string) bool {
					return strings.HasPrefix(line, want) && strings.Contains(line, `value:"next"`) && strings.HasSuffix(line, " 1")
				})
			})
		}
	})
}

// mirrored returns the mirror's counters, by outcome.
func mirrored(t testing.TB, g *gateway.Gateway) map[string]int {
	t.Helper()
	families, err := g.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, f := range families {
		if f.GetName() != "corsgate_mirror_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "outcome" {
					counts[l.GetValue()] = int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return counts
}

func mirrorConfig(upstream, mirror, share string) string {
	return fmt.Sprintf(`
[upstream.api]
endpoints = [%q]
[upstream.shadow]
endpoints = [%q]
host = "shadow.internal"
[route.api]
path         = "/api"
strip_prefix = "/api"
upstream     = "api"
mirror       = { upstream = "shadow", share = %q }
request_set_headers = { X-Tenant = "a" }
`, upstream, mirror, share)
}

// TestMirror: the mirror sees the request that the upstream sees, but for Host.
func TestMirror(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright"})
		m := newDouble(t, reply{octets: "HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n\r\nwrong"})
		_, address := serveOn(t, engine, mirrorConfig(d.url(), m.url(), "100%"))
		f := func(method, content string, fields ...string) {
			t.Helper()
			d.reset()
			m.reset()
			c := dial(t, address)
			fmt.Fprintf(c, "%s /api/x?y HTTP/1.1\r\nHost: h\r\n%sConnection: close\r\n\r\n%s", method, strings.Join(fields, "\r\n")+"\r\n", content)
			answer, _ := io.ReadAll(c)
			if !strings.HasPrefix(string(answer), "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(string(answer), "right") {
				t.Errorf("%s: %q", method, answer)
			}
			<-m.arrived
			want := strings.Replace(d.requests()[0], "Host: h\r\n", "Host: shadow.internal\r\n", 1)
			if got := m.requests(); len(got) != 1 || got[0] != want {
				t.Errorf("the mirror sees\n%q, want\n%q", got, want)
			}
		}
		f("GET", "", "X-A: 1")
		f("DELETE", "", "X-A: 1")
		f("POST", "hello", "Content-Length: 5")
		f("PUT", "5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked")
		f("POST", "", "Content-Length: 0")
	})
}

// TestMirrorIsNotWaitedFor: a mirror that is slow, down or full costs a request nothing but itself.
func TestMirrorIsNotWaitedFor(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"})
		m := newDouble(t, reply{mute: true})
		g, address := serveOn(t, engine, mirrorConfig(d.url(), m.url(), "100%"))
		const requests = 100
		for range requests {
			if res, content := ask(t, address, "GET", "/api"); res.StatusCode != 200 || content != "ok" {
				t.Fatalf("%s %q", res.Status, content)
			}
		}
		soon(t, "what is too much has been dropped", func() bool { return mirrored(t, g)["dropped"] == requests-64 })
		if got := mirrored(t, g); got["answered"] != 0 {
			t.Errorf("%v, want none answered", got)
		}
		// What is under way does not outlive the mirror.
		m.stop()
		soon(t, "all that were sent have failed", func() bool { return mirrored(t, g)["failed"] == 64 })
		ask(t, address, "GET", "/api")
		soon(t, "there is room again", func() bool { return mirrored(t, g)["failed"] == 65 })
	})
}

// TestMirrorSkips: content that is large, or would have to be waited for, is not copied.
func TestMirrorSkips(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		d := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
		m := newDouble(t, reply{octets: "HTTP/1.1 204 No Content\r\n\r\n"})
		g, address := serveOn(t, engine, mirrorConfig(d, m.url(), "100%"))
		c := dial(t, address)
		fmt.Fprintf(c, "POST /api HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n%s", strings.Repeat("x", 100000))
		io.ReadAll(c)
		soon(t, "it is skipped", func() bool { return mirrored(t, g)["skipped"] == 1 })
		if n := len(m.requests()); n > 0 {
			t.Errorf("%d requests, want none", n)
		}
	})
}

// TestMirrorShare: about as many are copied as the share says; 0% is none.
func TestMirrorShare(t *testing.T) {
	var copies atomic.Int64
	d := newNamed(t, "ok")
	m := newUpstream(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { copies.Add(1) }))
	g, address := serveOn(t, looped, mirrorConfig(d, m, "50%"))
	const requests = 400
	for range requests {
		ask(t, address, "GET", "/api")
	}
	sum := func() int {
		counts := mirrored(t, g)
		return counts["answered"] + counts["dropped"] + counts["failed"]
	}
	// Ten standard deviations.
	if got := sum() + 64; got < requests/2-100 || sum() > requests/2+100 {
		t.Errorf("%d of %d, want about half", got, requests)
	}
	if err := g.Reload(parseFor(t, looped, mirrorConfig(d, m, "0%"))); err != nil {
		t.Fatal(err)
	}
	soon(t, "the copies have ended", func() bool { return int(copies.Load()) == sum()-mirrored(t, g)["dropped"] })
	before := copies.Load()
	for range 50 {
		ask(t, address, "GET", "/api")
	}
	if copies.Load() != before {
		t.Errorf("0%% of 50 are %d", copies.Load()-before)
	}
}

// TestMirrorSurvivesReload: a copy that is under way when the configuration changes ends well, and
// so does the gateway, which waits for it.
func TestMirrorSurvivesReload(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		hold, arrived := make(chan struct{}), make(chan struct{}, 1)
		d := newNamed(t, "ok")
		m := newUpstream(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			arrived <- struct{}{}
			<-hold
		}))
		g, address := serveOn(t, engine, mirrorConfig(d, m, "100%"))
		ask(t, address, "GET", "/api")
		<-arrived
		if err := g.Reload(parseFor(t, engine, mirrorConfig(d, newNamed(t, "another"), "100%"))); err != nil {
			t.Fatal(err)
		}
		close(hold)
		soon(t, "the copy is answered", func() bool { return mirrored(t, g)["answered"] == 1 })
	})
}

// TestChangesAreLogged: the access log has the path that the client sent, and the upstream that was
// asked.
func TestChangesAreLogged(t *testing.T) {
	d := newNamed(t, "ok")
	onEngines(t, func(t *testing.T, engine string) {
		lines := logged(t, engine, fmt.Sprintf(`
[log]
access = "all"
[upstream.old]
endpoints = ["http://127.0.0.1:1"]
[upstream.next]
endpoints = [%q]
[route.api]
path         = "/api/v1"
strip_prefix = "/api"
add_prefix   = "/another/one/altogether"
split        = [{ upstream = "old", weight = 0 }, { upstream = "next", weight = 1 }]
[route.short]
path         = "/a/long/path"
strip_prefix = "/a/long/path"
upstream     = "next"
`, d), func(address string) {
			ask(t, address, "GET", "/api/v1/x")
			ask(t, address, "GET", "/a/long/path")
		})
		var got []string
		for i := range lines {
			text, _, _ := strings.Cut(lines[i].short(), " http://")
			got = append(got, text)
		}
		slices.Sort(got)
		want := []string{"GET api.example.com /a/long/path 200 short next", "GET api.example.com /api/v1/x 200 api next"}
		if !slices.Equal(got, want) {
			t.Errorf("logged %q, want %q", got, want)
		}
	})
}
