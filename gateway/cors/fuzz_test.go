package cors_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/corsgate/corsgate/gateway/cors"
)

// variety returns a configuration for each number: all that changes a decision, in all combinations.
func variety(n uint32) cors.Config {
	take := func(k uint32) uint32 {
		digit := n % k
		n /= k
		return digit
	}
	yes := func() bool { return take(2) == 1 }
	cfg := cors.Config{
		Credentials: yes(), PrivateNetwork: yes(), TimingAllowOrigin: yes(),
		AllowNullOrigin: true, AllowFileOrigin: true, AllowHTTPOrigins: true, ReflectAnyOrigin: true,
	}
	if yes() {
		cfg.ResourcePolicy = "same-site"
	}
	if yes() {
		age := time.Duration(take(7200)) * time.Second
		cfg.MaxAge = &age
	}
	cfg.Origins = [][]string{
		{"https://app.example.com"},
		{"*"},
		{"https://*.example.com", "http://localhost:*", "https://pr-*.preview.example.org:8443"},
		{"https://app.example.com", "null", "tauri://localhost"},
		{"*", "https://app.example.com", "null"},
		{"https://*.a.com:*", "tauri://*", "http://192.168.0.0/16:*", "file://"},
	}[take(6)]
	cfg.Methods = [][]string{nil, {"put", "DELETE", "PATCH", "patch"}, {"*"}, {"PUT", "*", "GET"}}[take(4)]
	cfg.RequestHeaders = [][]string{nil, {"Content-Type", "X-A", "x-b"}, {"*"}, {"*", "Authorization", "X-A"}, {"authorization"}}[take(5)]
	cfg.ExposeHeaders = [][]string{nil, {"X-Total", "X-Page"}, {"*", "X-Total"}}[take(3)]
	if cfg.Credentials && slices.Contains(cfg.ExposeHeaders, "*") {
		cfg.ExposeHeaders = cfg.ExposeHeaders[1:]
	}
	cfg.PreflightHeaders = []map[string]string{nil, {"Strict-Transport-Security": "max-age=1", "Cache-Control": "no-store"},
		{"vary": "Accept-Encoding, origin", "X-A": "a"}}[take(3)]
	cfg.ExposeOnPreflight = yes()
	if yes() {
		cfg.RefusedPreflight = 204
	}
	return cfg
}

// split makes the field lines of a fuzzed text: one for each LF, which no field value can hold; none of "".
func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func compare(t *testing.T, cfg cors.Config, a ask) cors.Reason {
	t.Helper()
	p, problems := cors.New(cfg)
	if p == nil {
		t.Fatal(problems)
	}
	got, reason := p.AppendPreflight([]byte("before"), a.preflight())
	want, wantReason := slowPreflight(cfg, a)
	if string(got) != "before"+want || reason != wantReason {
		t.Fatalf("AppendPreflight(%+v, %+v) = %q, %v, want %q, %v", cfg, a, got, reason, want, wantReason)
	}
	invariants(t, cfg, a, string(got[len("before"):]))
	if reason != cors.Allowed {
		refusal(t, cfg, a, p.RefusedStatus(reason), reason, parse(got[len("before"):]))
	}

	var origin []byte
	if len(a.origins) > 0 {
		origin = []byte(a.origins[0])
	}
	got, actual := p.AppendExposing(nil, origin, len(a.origins), a.preflight().Headers)
	want, wantReason = slowActual(cfg, a.origins, a.headers)
	if len(a.headers) == 0 {
		want, wantReason = slowActual(cfg, a.origins, nil)
	}
	if string(got) != want || actual != wantReason {
		t.Fatalf("AppendExposing(%+v, %+v) = %q, %v, want %q, %v", cfg, a, got, actual, want, wantReason)
	}
	invariants(t, cfg, a, string(got))
	return reason
}

// refusal checks that a browser stops at the answer to a refused preflight, whatever it takes for covered by "*", and that one
// with the lists was asked for.
func refusal(t *testing.T, cfg cors.Config, a ask, status int, reason cors.Reason, lines [][2]string) {
	t.Helper()
	want := 403
	if named(cfg, reason) {
		want = 204
	}
	if status != want {
		t.Fatalf("RefusedStatus(%v) = %d, want %d for %+v", reason, status, want, cfg)
	}
	fields := map[string][]string{}
	for _, l := range lines {
		if fields[l[0]] = strings.Split(l[1], ", "); strings.HasPrefix(l[0], "Access-Control-") && status != 204 {
			t.Fatalf("%v has a status of %d and the field %q", reason, status, l)
		}
	}
	methods, names := fields["Access-Control-Allow-Methods"], foldAll(fields["Access-Control-Allow-Headers"])
	// A preflight of a browser has one method: what has none, or two, is no answer to one that it made.
	listed := status == 204 && len(a.methods) == 1 && (slices.Contains([]string{"GET", "HEAD", "POST"}, a.methods[0]) || slices.Contains(methods, a.methods[0]) || slices.Contains(methods, "*"))
	for _, name := range nonEmpty(elements(a.headers)) {
		listed = listed && (slices.Contains(names, fold(name)) || slices.Contains(names, "*"))
	}
	if listed {
		t.Fatalf("a browser takes %v for leave to send %+v, which %+v refuses (%v)", lines, a, cfg, reason)
	}
	if fields["Access-Control-Max-Age"] != nil {
		t.Fatalf("a refusal is to be remembered: %v", lines)
	}
}

// invariants checks what must hold whatever was decided.
func invariants(t *testing.T, cfg cors.Config, a ask, out string) {
	t.Helper()
	if out != "" && !strings.HasSuffix(out, "\r\n") {
		t.Fatalf("%q is not complete", out)
	}
	seen := map[string]bool{}
	for _, l := range parse([]byte(out)) {
		name, value := l[0], l[1]
		if name == "" || value == "" || seen[name] {
			t.Fatalf("line %q in %q", l, out)
		}
		seen[name] = true
		switch name {
		case "Access-Control-Allow-Origin", "Timing-Allow-Origin":
			if value == "*" && cfg.Credentials {
				t.Fatalf("* with credentials in %q", out)
			}
			if value != "*" && (len(a.origins) != 1 || value != a.origins[0]) {
				t.Fatalf("%s is not the Origin of %+v", l, a)
			}
		}
		if cfg.PreflightHeaders[name] != "" && name != "Vary" {
			continue
		}
		for _, e := range strings.Split(value, ", ") {
			if e == "*" && cfg.Credentials {
				t.Fatalf("* with credentials in %q", out)
			}
			if name != "Access-Control-Allow-Origin" && name != "Timing-Allow-Origin" && !token.MatchString(e) {
				t.Fatalf("%q in %q is not a token", e, out)
			}
		}
	}
}

func FuzzTwin(f *testing.F) {
	for n := uint32(0); n < 40; n++ {
		f.Add(n*7919, "https://app.example.com", "PUT", "x-a,content-type", false)
	}
	f.Add(uint32(1), "https://app.example.com\nhttps://app.example.com", "GET\nGET", "x-a\n\n,X-B ,\tx-a", true)
	f.Add(uint32(33), "null", "\u212aILL", "authorization,*", true)
	f.Add(uint32(2), "https://evil.test\r.example.com", "TrAcE", "a b", false)
	f.Add(uint32(126954), "0", "", "00000000000000000000000000", false) // no method
	f.Add(uint32(3), "http://localhost:65536", "*", strings.Repeat(",", 17), false)
	f.Fuzz(func(t *testing.T, n uint32, origins, methods, headers string, network bool) {
		if strings.ContainsAny(origins+methods+headers, "\r\x00") {
			return // not a field value; the parser in front of this package refuses it
		}
		compare(t, variety(n), ask{split(origins), split(methods), split(headers), network})
	})
}

// TestTwin makes requests of parts that meet the configurations, so that every reason occurs often.
func TestTwin(t *testing.T) {
	origins := []string{"https://app.example.com", "https://a.b.example.com", "null", "http://localhost:3000",
		"https://pr-1.preview.example.org:8443", "tauri://localhost", "https://evil.test", "https://app.example.com/", "",
		"file://", "http://192.168.7.9:5173", "http://192.169.0.1"}
	methods := []string{"GET", "PUT", "DELETE", "PATCH", "patch", "put", "TRACE", "connect", "PURGE", "*", "P T",
		strings.Repeat("M", 65), ""}
	names := []string{"content-type", "X-A", "x-a", "X-b", "authorization", "Authorization", "x-c", "*", "a b", "é", "",
		strings.Repeat("n", 200)}
	blanks := []string{"", "", "", " ", "\t"}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	var counts [cors.NumReasons]int
	const rounds = 20000
	for range rounds {
		a := ask{network: random.IntN(2) == 0}
		for range 1 + random.IntN(10)/9 - random.IntN(20)/19 {
			a.origins = append(a.origins, pick(origins))
		}
		for range 1 + random.IntN(10)/9 {
			a.methods = append(a.methods, pick(methods))
		}
		for range random.IntN(3) {
			var list []string
			for range 1 + random.IntN(3) {
				list = append(list, pick(blanks)+pick(names[:2+random.IntN(len(names)-1)])+pick(blanks))
			}
			if random.IntN(7) == 0 {
				list = slices.Repeat([]string{pick([]string{"x-a", "X-A", "authorization", ""})}, 17+random.IntN(60))
			}
			a.headers = append(a.headers, strings.Join(list, ","))
		}
		counts[compare(t, variety(random.Uint32()), a)]++
	}
	for r, n := range counts {
		if n < rounds/200 {
			t.Errorf("%v occurred %d times in %d", cors.Reason(r), n, rounds)
		}
	}
	t.Log(fmt.Sprint(counts))
}

func FuzzVary(f *testing.F) {
	f.Add("Accept\nAccept-Language", "Origin")
	f.Add("origin, Accept,,ACCEPT ", "Origin")
	f.Add("Accept, *", "Origin")
	f.Add("", "")
	f.Add(",", "a, b,A")
	f.Add("\xae", "\xd9") // the twin once took all broken UTF-8 for equal
	f.Fuzz(func(t *testing.T, existing, add string) {
		lines := split(existing)
		var values [][]byte
		for _, l := range lines {
			values = append(values, []byte(l))
		}
		want := slowVary(lines, add)
		got := string(cors.AppendVary([]byte("before"), values, add))
		if len(want) == 0 {
			if got != "before" {
				t.Fatalf("AppendVary(%q, %q) = %q", lines, add, got)
			}
			return
		}
		value := strings.TrimSuffix(strings.TrimPrefix(got, "beforeVary: "), "\r\n")
		members := strings.Split(value, ", ")
		if len(want) > 64 {
			members = slowVary([]string{value}, "") // repeated ones may stay
		}
		if diff := cmp.Diff(want, members); diff != "" {
			t.Fatalf("AppendVary(%q, %q): %s", lines, add, diff)
		}
	})
}
