package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/corsgate/corsgate/gateway"
)

// A ward is an upstream's server that says its name, while it is told to be well. If it is ill its checks fail, if it
// is broken everything else.
type ward struct {
	name, url   string
	ill, broken atomic.Bool
	checks      atomic.Int64
}

func newWard(t testing.TB, name string) *ward {
	w := &ward{name: name}
	w.url = newUpstream(t, http.HandlerFunc(w.serve))
	return w
}

func (w *ward) serve(res http.ResponseWriter, r *http.Request) {
	check := r.URL.Path == "/healthz"
	if check {
		w.checks.Add(1)
	}
	if check && w.ill.Load() || !check && w.broken.Load() {
		res.WriteHeader(503)
	}
	io.WriteString(res, w.name) // the client will see
}

// wards returns n of them, named a, b and so on, and the list of their URLs as a configuration has it.
func wards(t testing.TB, n int) (list []*ward, urls string) {
	var quoted []string
	for i := range n {
		w := newWard(t, string(rune('a'+i)))
		list, quoted = append(list, w), append(quoted, fmt.Sprintf("%q", w.url))
	}
	return list, "[" + strings.Join(quoted, ", ") + "]"
}

// checkedOften has endpoints checked as often as a test wants to see changes.
const checkedOften = "[upstream.api.health]\ninterval = \"5ms\"\ntimeout = \"20s\"\nhealthy = 1\nunhealthy = 1\n"

// usable reports whether the i-th endpoint of the upstream api takes requests, as metrics say.
func usable(t testing.TB, g *gateway.Gateway, w *ward) bool {
	t.Helper()
	return sample(t, g, fmt.Sprintf(`corsgate_upstream_healthy{endpoint=%q,upstream="api"}`, w.url)) == 1
}

// turn makes a ward ill, or well, and waits until that is known.
func (w *ward) turn(t testing.TB, g *gateway.Gateway, ill bool) {
	t.Helper()
	w.ill.Store(ill)
	until(t, fmt.Sprintf("%s is ill: %t", w.name, ill), func() bool { return usable(t, g, w) != ill })
}

// askAlone sends a request while no other is under way, and returns the content of its response. It waits for the end
// of it as the gateway sees it, which may come after the client's: a second request at a time may go elsewhere.
func askAlone(t testing.TB, g *gateway.Gateway, address, path string, fields ...string) string {
	t.Helper()
	res, body := ask(t, address, "GET", path, fields...)
	if res.StatusCode != 200 {
		t.Fatalf("%s %v: %s", path, fields, res.Status)
	}
	until(t, "the exchange has ended", func() bool {
		for _, u := range g.Upstreams() {
			for _, e := range u.Endpoints {
				if e.InFlight > 0 {
					return false
				}
			}
		}
		return true
	})
	return body
}

func hashedBy(key, proxies, urls string) string {
	return fmt.Sprintf("[trust]\nproxies = [%s]\n[upstream.api]\nendpoints = %s\nbalance = \"hash\"\nhash_key = %q\n%s[route.api]\nupstream = \"api\"\n",
		proxies, urls, key, checkedOften)
}

// TestHashKeys: what has the same key goes to the same endpoint, whatever else it has; if that leaves, its keys go to
// several others and come back with it, and no other key moves.
func TestHashKeys(t *testing.T) {
	const keys, few = 160, 40 // an endpoint without a key, or whose keys all go to one other: one run in 10^9
	onEngines(t, func(t *testing.T, engine string) {
		// A request of the k-th key, with other things that differ from round to round.
		for key, request := range map[string]func(k, round int) (path string, fields []string){
			"header:X-User": func(k, round int) (string, []string) {
				return fmt.Sprintf("/%d/%d", round, k), []string{fmt.Sprint("x-user: ", k), fmt.Sprint("X-Users: ", round)}
			},
			"cookie:user": func(k, round int) (string, []string) {
				return fmt.Sprintf("/%d/%d", round, k), []string{fmt.Sprintf("Cookie: users=%d; user=%d; user=%d", round, k, round)}
			},
			"path": func(k, round int) (string, []string) {
				return fmt.Sprint("/", k, "?round=", round), []string{fmt.Sprint("X-User: ", round)}
			},
			"client_ip": func(k, round int) (string, []string) {
				return fmt.Sprint("/", round), []string{fmt.Sprintf("X-Forwarded-For: 192.0.2.%d, 2001:db8::%x, 127.0.0.1", round, k)}
			},
		} {
			t.Run(key, func(t *testing.T) {
				list, urls := wards(t, 4)
				g, address := serveOn(t, engine, hashedBy(key, `"127.0.0.1"`, urls))
				round := 0
				where := func(keys int) (owners []string) {
					round++
					owners = make([]string, keys)
					for k := range owners {
						path, fields := request(k, round)
						owners[k] = askAlone(t, g, address, path, fields...)
					}
					return owners
				}
				first := where(keys)
				counts := map[string]int{}
				for _, owner := range first {
					counts[owner]++
				}
				if len(counts) != 4 {
					t.Errorf("keys are at %v", counts)
				}
				if again := where(few); !slices.Equal(again, first[:few]) {
					t.Errorf("they were at\n%v, and then at\n%v", first, again)
				}
				list[1].turn(t, g, true)
				counts = map[string]int{}
				for k, owner := range where(keys) {
					switch {
					case first[k] == "b":
						counts[owner]++
					case owner != first[k]:
						t.Errorf("key %d has moved from %s to %s, although it was another that left", k, first[k], owner)
					}
				}
				if len(counts) < 2 || counts["b"] > 0 {
					t.Errorf("keys of the one that left went to %v, want several others", counts)
				}
				list[1].turn(t, g, false)
				if again := where(few); !slices.Equal(again, first[:few]) {
					t.Errorf("they were at\n%v, and in the end at\n%v", first, again)
				}
			})
		}
	})
}

// TestHashWithoutKey: a request without the key goes anywhere, and what a peer that is not trusted says of its client
// is no key.
func TestHashWithoutKey(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		_, urls := wards(t, 4)
		f := func(many bool, key, proxies string, fields ...string) {
			t.Helper()
			g, address := serveOn(t, engine, hashedBy(key, proxies, urls))
			counts := map[string]int{}
			for k := range 64 {
				var list []string
				for _, field := range fields {
					list = append(list, fmt.Sprintf(field, k))
				}
				counts[askAlone(t, g, address, "/", list...)]++
			}
			if len(counts) > 1 != many { // all at one of four, by chance, is one run in 2^126
				t.Errorf("by %s, trusted [%s], %v: at %v", key, proxies, fields, counts)
			}
		}
		f(true, "header:X-User", "")
		f(true, "header:X-User", "", "X-User: %d", "x-user: 2") // two lines: others may read another
		f(true, "cookie:user", "", "Cookie: USER=%d")
		f(false, "client_ip", "", "X-Forwarded-For: 192.0.2.%d")
		f(false, "client_ip", `"10.0.0.0/8"`, "X-Forwarded-For: 192.0.2.%d")
		f(true, "client_ip", `"127.0.0.0/8"`, "X-Forwarded-For: 192.0.2.%d")
		f(false, "client_ip", `"127.0.0.0/8"`, "X-Forwarded-For: 192.0.2.%d, 192.0.2.1") // what stands before is not believed
	})
}
