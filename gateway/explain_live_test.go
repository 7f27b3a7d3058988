package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/google/go-cmp/cmp"
)

// TestExplainIsWhatHappens asks random questions about random configurations. What explain says has to be what a live
// gateway answers to the same octets, and what a browser makes of that in the view of a second, plainer reading of Fetch.
func TestExplainIsWhatHappens(t *testing.T) {
	rounds, questions := 25, 40
	if testing.Short() {
		rounds = 10
	}
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Upstream: 1\r\n\r\n"})
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	gates := map[bool]string{}
	live := map[bool]*gateway.Gateway{}
	for _, redirect := range []bool{false, true} {
		live[redirect], gates[redirect] = serve(t, randomConfig(random, d.url(), redirect))
	}
	seen := map[fetch.Outcome]int{}
	changed := 0
	// Some outcomes are rare: chance may want more rounds.
	few := func() (outcome fetch.Outcome, n int) {
		for _, o := range []fetch.Outcome{fetch.Allowed, fetch.Denied, fetch.Upstream,
			fetch.SameOrigin, fetch.Redirected} {
			if seen[o] < rounds/10 {
				return o, seen[o]
			}
		}
		return "", 0
	}
	for round := 0; round < 10*rounds; round++ {
		if o, _ := few(); round >= rounds && o == "" {
			break
		}
		redirect := round%3 == 2
		text := randomConfig(random, d.url(), redirect)
		cfg := parse(t, text)
		if err := live[redirect].Reload(cfg); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		for range questions {
			q := randomQuestion(random)
			e, err := explain.Config(cfg, q)
			if err != nil {
				t.Fatalf("seed %d: %+v: %v", seed, q, err)
			}
			running, err := live[redirect].Explain(q)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(undated(e), undated(running)); diff != "" {
				t.Fatalf("seed %d: %+v: the file and the running gateway (-file +running):\n%s", seed, q, diff)
			}
			if problem := compare(t, gates[redirect], q, e); problem != "" {
				t.Fatalf("seed %d: %+v: %s\n%s", seed, q, problem, text)
			}
			seen[e.Outcome]++
			if len(e.Changes) > 0 {
				changed++
			}
		}
	}
	if o, n := few(); o != "" {
		t.Errorf("seed %d: %d questions had the outcome %s: the test is about little", seed, n, o)
	}
	t.Logf("%v, %d with changes", seen, changed)
}

// undated returns e without the dates of its answers.
func undated(e explain.Explanation) explain.Explanation {
	for _, x := range []*explain.ExplainedExchange{e.Preflight, e.Actual} {
		if x != nil {
			x.Response = slices.DeleteFunc(slices.Clone(x.Response), isFresh)
		}
	}
	return e
}

// compare asks the gateway at address and returns where it, or a browser, disagrees with e.
func compare(t *testing.T, address string, q fetch.Question, e explain.Explanation) string {
	t.Helper()
	https := strings.HasPrefix(q.URL, "https:")
	var preflight, actual *http.Response
	if e.Preflight != nil {
		var problem string
		if preflight, problem = compareAnswer(t, address, https, e.Preflight); problem != "" {
			return "preflight: " + problem
		}
	}
	actual, problem := compareAnswer(t, address, https, e.Actual)
	if problem != "" {
		return "request: " + problem
	}
	for _, credentials := range []bool{false, true} {
		verdict := e.Anonymous
		if credentials {
			verdict = e.Credentialed
		}
		if want := browse(q, credentials, preflight, actual); verdict.Outcome != want && verdict.Outcome != fetch.Upstream {
			return fmt.Sprintf("credentials %t: %s %+v, but a browser says %s", credentials, verdict.Outcome, verdict.Steps, want)
		}
	}
	return ""
}

func compareAnswer(t *testing.T, address string, https bool, x *explain.ExplainedExchange) (*http.Response, string) {
	t.Helper()
	request := strings.Join(x.Request, "\r\n") + "\r\n"
	if https {
		request += "X-Forwarded-Proto: https\r\n"
	}
	c := dial(t, address)
	defer c.Close()
	io.WriteString(c, request+"\r\n")
	head, err := readHead(bufio.NewReader(c))
	if err != nil {
		t.Fatalf("%q: %v", head, err)
	}
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head)), nil)
	if err != nil {
		t.Fatal(err)
	}
	forwarded := res.Header.Get("X-Upstream") != ""
	if want := map[bool]string{true: "upstream", false: "gateway"}[forwarded]; x.AnsweredBy != want {
		return res, fmt.Sprintf("answered by the %s: %q", want, head)
	}
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(head), "\r\n") {
		own := strings.HasPrefix(line, "HTTP/1.1 ") || strings.HasPrefix(line, "Content-Length: ") || strings.HasPrefix(line, "X-Upstream: ")
		if !isFresh(line) && !(forwarded && own) {
			lines = append(lines, line)
		}
	}
	said := slices.DeleteFunc(slices.Clone(x.Response), isFresh)
	if diff := cmp.Diff(said, lines, cmp.Transformer("nil", func(l []string) string { return strings.Join(l, "\n") })); diff != "" {
		return res, "(-explained +answered):\n" + diff
	}
	return res, ""
}

// browse is Fetch once more, read as plainly as possible.
func browse(q fetch.Question, credentials bool, preflight, actual *http.Response) fetch.Outcome {
	if strings.HasPrefix(q.URL+"/", q.Origin+"/") {
		to := actual.Header.Get("Location")
		if q.Mode == "" && actual.StatusCode/100 == 3 && !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, q.Origin+"/") {
			return fetch.Redirected
		}
		return fetch.SameOrigin
	}
	if strings.HasPrefix(q.Origin, "https:") && strings.HasPrefix(q.URL, "http:") && !strings.HasPrefix(q.URL, "http://127.") && !strings.HasPrefix(q.URL, "http://[::1]") {
		return fetch.Denied // mixed content
	}
	check := func(h http.Header) bool {
		origin := strings.Join(h.Values("Access-Control-Allow-Origin"), ", ")
		if !credentials {
			return origin == "*" || origin == q.Origin
		}
		return origin == q.Origin && strings.Join(h.Values("Access-Control-Allow-Credentials"), ", ") == "true"
	}
	if preflight != nil {
		list := func(name, want string) bool {
			all := strings.FieldsFunc(strings.Join(preflight.Header.Values(name), ","), func(r rune) bool { return r == ',' || r == ' ' })
			return slices.Contains(all, want) || !credentials && want != "authorization" && slices.Contains(all, "*") ||
				strings.HasSuffix(name, "-Headers") && slices.ContainsFunc(all, func(s string) bool { return strings.EqualFold(s, want) })
		}
		method := q.Method
		if strings.EqualFold(method, "put") || strings.EqualFold(method, "delete") {
			method = strings.ToUpper(method)
		}
		ok := check(preflight.Header) && preflight.StatusCode/100 == 2
		ok = ok && (slices.Contains([]string{"", "GET", "HEAD", "POST"}, method) || list("Access-Control-Allow-Methods", method))
		for _, h := range q.Headers {
			if name := strings.ToLower(h); name != "accept" && name != "content-type: text/plain" {
				ok = ok && list("Access-Control-Allow-Headers", name)
			}
		}
		if !ok {
			return fetch.Denied
		}
	}
	switch {
	case !check(actual.Header):
		return fetch.Denied
	case actual.StatusCode/100 == 3:
		return fetch.Redirected
	}
	return fetch.Allowed
}

// pick returns one of list.
func pick[T any](random *rand.Rand, list ...T) T { return list[random.IntN(len(list))] }

func randomConfig(random *rand.Rand, upstream string, redirect bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[listener.test]\nredirect_https = %t\n[trust]\nproxies = [\"127.0.0.0/8\"]\n[upstream.api]\nendpoints = [%q]\n", redirect, upstream)
	if random.IntN(4) == 0 {
		b.WriteString("[limits]\nheader_bytes = \"1KiB\"\n")
	}
	policies := []string{"a", "b", "c"}
	for _, name := range policies {
		fmt.Fprintf(&b, "[cors.%s]\n", name)
		credentials := random.IntN(3) == 0
		if random.IntN(4) == 0 && !credentials {
			b.WriteString("origins = [\"*\"]\n")
		} else {
			fmt.Fprintf(&b, "origins = [\"https://app.example.com\", %q]\n", pick(random, "https://*.example.com", "https://pr-*.preview.example.com",
				"https://x.test:8443", "http://localhost:*", "https://x.test"))
			if random.IntN(5) == 0 {
				b.WriteString("dangerously_allow_null_origin = true\n")
			}
		}
		fmt.Fprintf(&b, "credentials = %t\n", credentials)
		fmt.Fprintf(&b, "methods = [%s]\n", pick(random, "", `"PUT"`, `"PUT", "PATCH"`, `"*"`))
		fmt.Fprintf(&b, "request_headers = [%s]\n", pick(random, "", `"X-Foo"`, `"Authorization", "Content-Type"`, `"*"`))
		fmt.Fprintf(&b, "denied = %q\ncsrf = %q\n", pick(random, "forward", "forward", "block"), pick(random, "off", "off", "report", "enforce"))
		fmt.Fprintf(&b, "upstream_cors = %q\n", pick(random, "override", "override", "merge_expose", "passthrough"))
		if !credentials && random.IntN(3) == 0 {
			b.WriteString("expose_headers = [\"*\"]\n")
		}
		if random.IntN(3) == 0 {
			b.WriteString("max_age = \"10m\"\ntiming_allow_origin = true\nresource_policy = \"same-site\"\n")
		}
		fmt.Fprintf(&b, "preflight_status = %d\nrefused_preflight = %d\nexpose_on_preflight = %t\n", pick(random, 204, 200), pick(random, 403, 204), random.IntN(2) == 0)
		fmt.Fprintf(&b, "preflight_headers = {%s}\n", pick(random, "", `Cache-Control = "no-store", Vary = "Accept, ORIGIN"`, `X-Price = "$$5"`))
	}
	for i, rest := range []string{"", "hosts = [\"api.example.com\"]\n", "path = \"/v1\"\n", "path = \"/v1/x\"\nmethods = [\"GET\", \"PUT\"]\n"} {
		if i == 0 && random.IntN(2) == 0 {
			continue // so that something is not found
		}
		fmt.Fprintf(&b, "[route.r%d]\n%s", i, rest)
		if random.IntN(5) > 0 {
			fmt.Fprintf(&b, "cors = %q\n", pick(random, policies...))
		}
		switch random.IntN(6) {
		case 0:
			b.WriteString("redirect = { to = \"https://new.example.com$path\" }\n")
		case 1:
			b.WriteString("respond = { status = 200, body = \"hello\" }\n")
		default:
			b.WriteString("upstream = \"api\"\n")
		}
	}
	return b.String()
}

func randomQuestion(random *rand.Rand) fetch.Question {
	q := fetch.Question{
		Origin: pick(random, "https://app.example.com", "https://app.example.com", "https://app.example.com", "https://app.example.com", "https://a.example.com", "http://app.example.com",
			"https://pr-1.preview.example.com", "https://x.test", "https://x.test:8443", "http://localhost:3000", "null",
			"https://evil.test", "https://example.com", "https://api.example.com", "http://api.example.com", "tauri://localhost"),
		Method:      pick(random, "", "", "GET", "GET", "HEAD", "POST", "PUT", "PUT", "put", "PATCH", "patch", "DELETE", "OPTIONS", "*"),
		Credentials: random.IntN(2) == 0,
		URL: pick(random, "https", "https", "http") + "://" + pick(random, "api.example.com", "api.example.com", "other.test", "127.0.0.1:8080", "[::1]") +
			pick(random, "/", "", "/v1", "/v1", "/v1", "/v1/x", "/v1/x", "/v1/x", "/v1/x?a=b", "/v1%2fx", "/v1//x", "/v1;p/x", "/caf%C3%A9", "/v2", "/"+strings.Repeat("l", 1100)),
	}
	headers := []string{"Accept", "X-Foo", "Authorization", "content-type", "Content-Type: text/plain", "*", "Access-Control-Allow-Origin"}
	for range max(0, random.IntN(4)-1) {
		h := pick(random, headers...)
		headers = slices.DeleteFunc(headers, func(other string) bool {
			return strings.EqualFold(strings.TrimSuffix(other, ": text/plain"), strings.TrimSuffix(h, ": text/plain"))
		})
		q.Headers = append(q.Headers, h)
	}
	return q
}

// TestExplainLeavesNoTrace: questions are not counted, and answers to them not remembered.
func TestExplainLeavesNoTrace(t *testing.T) {
	g, _ := serve(t, policy("http://127.0.0.1:1", "ONE"))
	count := func() string {
		families, err := g.Registry().Gather()
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, f := range families {
			if strings.HasPrefix(f.GetName(), "corsgate_") {
				fmt.Fprintln(&b, f)
			}
		}
		return b.String()
	}
	before := count()
	for _, origin := range []string{"https://myapp.com", "https://other.example"} {
		for _, target := range []string{"https://api.example/", "http://api.example/%2e%2fx;"} {
			if _, err := g.Explain(fetch.Question{Origin: origin, Method: "METHOD-ONE", URL: target}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff(before, count()); diff != "" {
		t.Errorf("the counters have moved:\n%s", diff)
	}
	if n := g.CachedPreflights(); n != 0 {
		t.Errorf("%d answers are remembered", n)
	}
}

// isFresh reports whether a line of a response is another in each.
func isFresh(line string) bool {
	return strings.HasPrefix(line, "Date: ") || strings.HasPrefix(line, "X-Request-Id: ")
}
