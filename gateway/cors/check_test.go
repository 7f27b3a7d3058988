package cors_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/corsgate/corsgate/gateway/cors"
)

// problems compares what New says about cfg with want: one "key[index]" for each problem, with "?" after a warning,
// and a part of its text.
func problems(t *testing.T, cfg cors.Config, want ...string) {
	t.Helper()
	if cfg.Origins == nil {
		cfg.Origins = []string{"https://a.com"}
	}
	p, found := cors.New(cfg)
	errors := 0
	for i, problem := range found {
		if !problem.Warning {
			errors++
		}
		where, text, _ := strings.Cut(append(want, make([]string, len(found))...)[i], " ")
		got := problem.Key
		if problem.Index >= 0 {
			got = fmt.Sprintf("%s[%d]", got, problem.Index)
		}
		if problem.Warning {
			got += "?"
		}
		if got != where || !strings.Contains(problem.String(), text) {
			t.Errorf("%+v: %s %s, want %s %s", cfg, got, problem, where, text)
		}
	}
	if len(found) != len(want) || (p == nil) != (errors > 0) {
		t.Errorf("%+v: policy %t, %q, want %q", cfg, p != nil, found, want)
	}
}

func TestOriginProblems(t *testing.T) {
	f := func(cfg cors.Config, want ...string) { t.Helper(); problems(t, cfg, want...) }
	origins := func(o ...string) cors.Config { return cors.Config{Origins: o} }
	creds := func(o ...string) cors.Config { return cors.Config{Origins: o, Credentials: true} }

	// Nothing to say.
	f(cors.Config{})
	f(origins("https://a.com", "https://*.b.com", "https://*.b.com:8443", "http://c.com", "tauri://localhost"))
	f(origins("*"))
	f(creds("https://a.com", "https://pr-*.preview.a.com", "https://github.io", "https://my_app.a.com"))
	f(creds("http://localhost:*", "http://*.localhost:*", "http://127.0.0.1:3000", "http://127.9.9.9", "http://[::1]"))
	f(creds("https://xn--bcher-kva.example", "https://*.xn--80ak6aa92e.com", "https://xn--ls8h.la", "https://xn--strae-oqa.de"))

	// Origins.
	f(origins([]string{}...), "origins no origin is allowed")
	f(origins("https://a.com", "a.com", "https://A.com", "https://a.com/"),
		`origins[1] pattern "a.com": `, "origins[2] https://a.com", "origins[3] https://a.com")
	f(origins("https://bücher.example"), "origins[0] write https://xn--bcher-kva.example")
	f(origins("https://*.Bücher.example:8443"), "origins[0] write https://*.xn--bcher-kva.example:8443")
	f(origins("https://xn--f.com"), `origins[0] "xn--f" is not a valid A-label`)
	f(origins("https://xn--abc-.com"), "origins[0] A-label")
	f(origins("https://xn--a.com"), "origins[0] A-label") // U+0080
	f(origins("https://a.xn--f.com:8443"), "origins[0] A-label")
	f(creds("*"), "origins[0] every site")
	f(cors.Config{Origins: []string{"*"}, Credentials: true, ReflectAnyOrigin: true}, "origins[0]? every site")
	f(origins("https://a.com", "*"), "origins[1]? all other entries")
	f(origins("null"), "origins[0] dangerously_allow_null_origin")
	f(cors.Config{Origins: []string{"null"}, AllowNullOrigin: true}, "origins[0]? any site")
	f(creds("http://a.com", "http://localhost.a.com", "http://10.0.0.1", "http://[::2]"), "origins[0] network attacker",
		"origins[1] dangerously_allow_http_origins", "origins[2] http", "origins[3] http")
	f(cors.Config{Origins: []string{"http://*.a.com:*"}, Credentials: true, AllowHTTPOrigins: true}, "origins[0]? network attacker")
	f(creds("https://*.com", "https://*.github.io", "https://*.co.uk", "https://a-*.org.uk", "https://*.internal", "https://*.ck", "https://*.kawasaki.jp"),
		"origins[0] com is a public suffix", "origins[1] github.io is", "origins[2] co.uk", "origins[3] org.uk",
		"origins[4] internal", "origins[5] ck", "origins[6] dangerously_allow_public_suffixes")
	f(creds("https://*.city.kawasaki.jp", "https://*.a.co.uk", "https://x.*.a.com"))
	f(origins("https://*.github.io"), "origins[0]? github.io")
	f(cors.Config{Origins: []string{"https://*.github.io"}, Credentials: true, AllowPublicSuffixes: true}, "origins[0]? github.io")
	f(origins("https://a.com", "https://b.com", "https://a.com"), "origins[2]? already listed, at origins[0]")
	f(origins("https://x.y.a.com", "https://*.a.com", "https://x.a.com", "https://a.com", "http://x.a.com", "https://x.a.com:1"),
		`origins[0]? covered by "https://*.a.com", at origins[1]`, "origins[2]? at origins[1]")
	f(origins("https://a.com:*", "https://a.com:8443", "https://a.com", "http://[::1]:*", "http://[::1]:80"),
		"origins[4] default", "origins[1]? at origins[0]", "origins[2]? at origins[0]")
}

func TestWideOriginProblems(t *testing.T) {
	f := func(cfg cors.Config, want ...string) { t.Helper(); problems(t, cfg, want...) }
	origins := func(o ...string) cors.Config { return cors.Config{Origins: o} }
	creds := func(o ...string) cors.Config { return cors.Config{Origins: o, Credentials: true} }

	// Schemes as a whole.
	f(origins("moz-extension://*", "chrome-extension://abcdefghijklmnopabcdefghijklmnop", "app://.", "https://a.com"))
	f(creds("moz-extension://*", "chrome-extension://abcdefghijklmnopabcdefghijklmnop"), `origins[0]? pattern "moz-extension://*" with credentials`)
	f(origins("moz-extension://*", "moz-extension://a"), `origins[1]? covered by "moz-extension://*", at origins[0]`)
	f(origins("https://*"), `origins[0] pattern "https://*": a star for the whole host stands for every site with https (write "*"`)
	f(cors.Config{Origins: []string{"https://*"}, Credentials: true, ReflectAnyOrigin: true}, "origins[0] a star for the whole host")
	f(origins("http://*"), "origins[0] star for the whole host")
	f(origins("https://*:8443"), `origins[0] (write "*", which`)
	f(origins("wss://a.com"), "origins[0] page's origin")

	// Networks.
	f(origins("http://192.168.0.0/16:*", "https://10.0.0.0/8", "http://[fd00::/8]:3000"))
	f(origins("http://192.168.1.0/16:*"), "origins[0] write http://192.168.0.0/16:*")
	f(origins("http://192.168.0.0/33:*"), "origins[0] 192.168.0.0/33: the prefix length")
	f(origins("http://10.0.0.0/8:*", "http://10.1.0.0/16", "http://10.1.2.3:80", "http://10.1.2.3:1", "http://11.1.2.3", "https://10.1.2.3"),
		"origins[2] default", `origins[1]? covered by "http://10.0.0.0/8:*", at origins[0]`, "origins[3]? at origins[0]")
	f(origins("http://[fd00::/8]", "http://[fd00::]/8", "http://[fd12::1]", "http://[fe80::1]", "http://10.0.0.1"),
		"origins[0]? at origins[1]", "origins[1]? at origins[0]", "origins[2]? at origins[0]")
	f(origins("http://0.0.0.0/0:*", "http://10.0.0.0/8", "http://[::/0]"), "origins[1]? at origins[0]")
	f(creds("https://10.0.0.0/8"), `origins[0]? pattern "https://10.0.0.0/8" with credentials: pages served by any machine`)
	f(creds("http://10.0.0.0/8"), "origins[0] network attacker", "origins[0]? pages served by any machine")
	f(cors.Config{Origins: []string{"http://10.0.0.0/8"}, Credentials: true, AllowHTTPOrigins: true}, "origins[0]? network attacker", "origins[0]? pages served by any machine")
	f(creds("http://127.0.0.0/8:*", "http://[::1/128]"), "origins[0]? pages served by any machine", "origins[1]? pages served by any machine") // loopback
	f(creds("http://127.0.0.0/7:*"), "origins[0] the network is 126.0.0.0/7")
	f(creds("http://0.0.0.0/0"), "origins[0] network attacker", "origins[0]? pages served by any machine")

	// Files.
	f(origins("file://"), "origins[0] dangerously_allow_file_origin = true accepts the risk")
	f(cors.Config{Origins: []string{"file://"}, AllowFileOrigin: true}, "origins[0]? not one origin")
	f(cors.Config{Origins: []string{"https://a.com"}, AllowFileOrigin: true}, `dangerously_allow_file_origin? "file://" is not among the origins`)
	f(origins("file://example.com"), "origins[0] write file://")
	f(origins("file:///"), "origins[0] write file://")

	// Null with credentials is every site with credentials.
	null := func(null, reflect bool) cors.Config {
		return cors.Config{Origins: []string{"null"}, Credentials: true, AllowNullOrigin: null, ReflectAnyOrigin: reflect}
	}
	f(null(false, false), "origins[0] dangerously_allow_null_origin = true and dangerously_reflect_any_origin = true accept the risk")
	f(null(true, false), "origins[0] leave credentials out; dangerously_reflect_any_origin = true accepts the risk")
	f(null(false, true), "origins[0] leave credentials out; dangerously_allow_null_origin = true accepts the risk")
	f(null(true, true), "origins[0]? every site can send it")
}

func TestOtherProblems(t *testing.T) {
	f := func(cfg cors.Config, want ...string) { t.Helper(); problems(t, cfg, want...) }
	// Methods.
	f(cors.Config{Methods: []string{"PUT", "delete", "PATCH", "chicken-2"}}, "methods[3]? CHICKEN-2")
	f(cors.Config{Methods: []string{"*"}})
	f(cors.Config{Methods: []string{"GET, PUT"}, RequestHeaders: []string{"X-A,X-B"}}, `methods[0] separate element: "GET", "PUT"`, `request_headers[0] separate element: "X-A", "X-B"`)
	f(cors.Config{Methods: []string{"P T", "", "Trace", "TRACK", "CONNECT", strings.Repeat("M", 65)}},
		"methods[0] not a method", "methods[1] not a method", "methods[2] forbidden", "methods[3] forbidden", "methods[4] forbidden", "methods[5] 65 bytes")
	f(cors.Config{Methods: []string{"patch", "put", "PUT", "get"}}, "methods[0]? write PATCH", "methods[2]? twice", "methods[3]? GET; browsers")
	f(cors.Config{Methods: []string{"PUT", "POST", "get"}}, "methods[1]? not needed: POST, GET; browsers")
	f(cors.Config{Methods: []string{"PUT", "*"}}, "methods[0]? beside")

	// Request headers.
	f(cors.Config{RequestHeaders: []string{"Content-Type", "accept", "Authorization", "X-HTTP-Method-Override"}})
	f(cors.Config{RequestHeaders: []string{"*", "authorization"}})
	f(cors.Config{RequestHeaders: []string{"*", "Authorization"}, Credentials: true}, "request_headers[1]? beside")
	f(cors.Config{RequestHeaders: []string{"X-A", "*"}}, "request_headers[0]? beside", "request_headers[1]? Authorization")
	f(cors.Config{RequestHeaders: []string{"*"}, Credentials: true})
	f(cors.Config{RequestHeaders: []string{"X A", "cookie", "SEC-x", "proxy-", "Access-Control-Request-Method", "Origin", "TE", "X-Sec-A"}},
		"request_headers[0] not a header name", "request_headers[1] forbidden", "request_headers[2] forbidden", "request_headers[3] forbidden",
		"request_headers[4] forbidden", "request_headers[5] forbidden", "request_headers[6] forbidden")
	f(cors.Config{RequestHeaders: []string{"access-control-allow-headers", "Access-Control-Max-Age"}},
		"request_headers[0] response header", "request_headers[1] response header")
	f(cors.Config{RequestHeaders: []string{"X-A", "x-a"}}, "request_headers[1]? twice")
	f(cors.Config{RequestHeaders: []string{strings.Repeat("x", 128), strings.Repeat("x", 129)}}, "request_headers[1] 129 bytes")

	// Exposed headers.
	f(cors.Config{ExposeHeaders: []string{"X-Total", "ETag"}})
	f(cors.Config{ExposeHeaders: []string{"*"}})
	f(cors.Config{ExposeHeaders: []string{"*"}, Credentials: true}, "expose_headers[0] list the names")
	f(cors.Config{ExposeHeaders: []string{"*", "X-T"}}, "expose_headers[1]? beside")
	f(cors.Config{ExposeHeaders: []string{"Set-Cookie", "content-type", "X-T", "X-t", "a:b"}},
		"expose_headers[0] forbidden", "expose_headers[1]? redundant", "expose_headers[3]? twice", "expose_headers[4] not a header")
	f(cors.Config{ExposeHeaders: []string{"Origin", "access-control-request-method", "Access-Control-Request-Headers", "Access-Control-Request-Private-Network"}},
		"expose_headers[0] request header", "expose_headers[1] request header", "expose_headers[2] request header", "expose_headers[3] request header")
	f(cors.Config{ExposeHeaders: []string{"Access-Control-Allow-Methods", "access-control-max-age", "Access-Control-Allow-Origin", "Vary", "Timing-Allow-Origin"}},
		"expose_headers[0] answers to preflights", "expose_headers[1] answers to preflights", "expose_headers[2]? for the browser")

	// Answers to preflights.
	on := func(fields ...string) cors.Config {
		cfg := cors.Config{PreflightHeaders: map[string]string{}}
		for i := 0; i < len(fields); i += 2 {
			cfg.PreflightHeaders[fields[i]] = fields[i+1]
		}
		return cfg
	}
	f(on("Cache-Control", "public, max-age=600", "Strict-Transport-Security", "max-age=1", "Vary", "Accept", "Timing-Allow-Origin", "*", "Server", "a"))
	for _, name := range []string{"Access-Control-Allow-Origin", "access-control-x", "Connection", "te", "Content-Length", "Transfer-Encoding", "Content-Type",
		"Set-Cookie", "DATE", "X-Request-Id", "cors-refused", "Alt-Svc", "Retry-After", "RateLimit"} {
		f(on(name, "x"), "preflight_headers."+name+" remove it")
	}
	f(on("A(B", "x"), "preflight_headers.A(B not a header name")
	f(on("", "x"), "preflight_headers. not a header name")
	f(on("X-A", "1", "x-a", "2"), "preflight_headers.x-a the same field")
	for _, value := range []string{"", " a", "a\r\nX-B: c", "a\tb", "\x00", "\xff", "é"} {
		f(on("X-A", value), "preflight_headers.X-A value")
	}
	for _, value := range []string{"a b", "Accept,", ",", "a=b"} {
		f(on("Vary", value), "preflight_headers.Vary list of field names")
	}
	both := on("Timing-Allow-Origin", "*", "cross-origin-resource-policy", "same-site")
	both.TimingAllowOrigin, both.ResourcePolicy = true, "same-site"
	f(both, "preflight_headers.Timing-Allow-Origin timing_allow_origin", "preflight_headers.cross-origin-resource-policy resource_policy")
	f(cors.Config{RefusedPreflight: 204})
	f(cors.Config{RefusedPreflight: 403, UpstreamCORS: "passthrough"})
	f(cors.Config{RefusedPreflight: 200}, "refused_preflight 403")
	f(cors.Config{RefusedPreflight: 204, Methods: []string{"*"}})
	f(cors.Config{RefusedPreflight: 204, Methods: []string{"*"}, RequestHeaders: []string{"Authorization", "*"}}, "refused_preflight? no list")
	f(cors.Config{ExposeOnPreflight: true}, "expose_on_preflight? empty")
	all := on("Server", "a")
	all.RefusedPreflight, all.ExposeOnPreflight, all.UpstreamCORS = 204, true, "passthrough"
	f(all, "preflight_headers? passthrough", "refused_preflight? passthrough", "expose_on_preflight? passthrough")

	// The rest.
	age := func(d time.Duration) cors.Config { return cors.Config{MaxAge: &d} }
	f(age(0))
	f(age(2 * time.Hour))
	f(age(2*time.Hour+time.Second), "max_age? Chromium")
	f(age(24*time.Hour), "max_age? Chromium")
	f(age(24*time.Hour+time.Second), "max_age 24h")
	f(age(-time.Second), "max_age negative")
	f(age(1500*time.Millisecond), "max_age whole number")
	status := func(n int) cors.Config { return cors.Config{PreflightStatus: n} }
	f(status(200))
	f(status(204))
	f(status(205), "preflight_status? unusual")
	f(status(299), "preflight_status? unusual")
	f(status(199), "preflight_status not an ok status")
	f(status(300), "preflight_status not an ok status")
	f(cors.Config{UpstreamCORS: "merge", ResourcePolicy: "same_site"}, `upstream_cors write one of "override", "merge_expose"`, "resource_policy same-site")

	// All at once.
	f(cors.Config{Origins: []string{"x", "null"}, Methods: []string{"TRACE"}, RequestHeaders: []string{"Host"}, ExposeHeaders: []string{""},
		MaxAge: seconds(-1), PreflightStatus: 404, UpstreamCORS: "x", ResourcePolicy: "x"},
		"origins[0] ", "origins[1] ", "methods[0] ", "request_headers[0] ", "expose_headers[0] ", "max_age ", "preflight_status ",
		"upstream_cors ", "resource_policy ")
}

func TestAllowedOrigin(t *testing.T) {
	p := policy(t, cors.Config{Origins: []string{"https://*.a.com", "https://x.a.com", "null"}, AllowNullOrigin: true})
	f := func(origin string, pattern int, reason cors.Reason) {
		t.Helper()
		if got, gotReason := p.AllowedOrigin([]byte(origin)); got != pattern || gotReason != reason {
			t.Errorf("AllowedOrigin(%q) = %d, %v, want %d, %v", origin, got, gotReason, pattern, reason)
		}
	}
	f("https://x.a.com", 1, cors.Allowed)
	f("https://y.a.com", 0, cors.Allowed)
	f("null", 2, cors.Allowed)
	f("https://a.com", -1, cors.OriginNotAllowed)
	f("https://y.a.com.", -1, cors.OriginMalformed)
	f("", -1, cors.NoOrigin)
	p = policy(t, cors.Config{Origins: []string{"*"}})
	f("https://a.com", 0, cors.Allowed)
	f("null", 0, cors.Allowed)
	f("https://a.com/", -1, cors.OriginMalformed)
}

func TestAccessors(t *testing.T) {
	p := policy(t, cors.Config{Origins: []string{"https://a.com"}})
	q := policy(t, cors.Config{Origins: []string{"*"}, PreflightStatus: 200, DeniedBlock: true, UpstreamCORS: "passthrough",
		PrivateNetwork: true, WebSocketOriginCheck: true})
	m := policy(t, cors.Config{Origins: []string{"https://a.com"}, UpstreamCORS: "merge_expose", Credentials: true})
	facts := func(p *cors.Policy) string {
		return fmt.Sprint(p.VaryOrigin(), p.PreflightStatus(), p.Block(), p.Passthrough(), p.MergeExpose(), p.PrivateNetwork(),
			p.WebSocketOriginCheck(), p.Credentials())
	}
	got := []string{facts(p), facts(q), facts(m)}
	want := []string{"true 204 false false false false false false", "false 200 true true false true true false", "true 204 false false true false false true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOwns(t *testing.T) {
	plain := policy(t, cors.Config{Origins: []string{"*"}})
	full := policy(t, cors.Config{Origins: []string{"*"}, TimingAllowOrigin: true, ResourcePolicy: "same-site"})
	f := func(name string, owned, byPlain, byFull bool) {
		t.Helper()
		b := []byte(name)
		if cors.OwnedField(b) != owned || plain.Owns(b) != byPlain || full.Owns(b) != byFull {
			t.Errorf("%q: %t, %t, %t", name, cors.OwnedField(b), plain.Owns(b), full.Owns(b))
		}
	}
	for _, name := range []string{"Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers", "Expose-Headers", "Max-Age",
		"Allow-Private-Network"} {
		name = "Access-Control-" + name
		f(name, true, true, true)
		f(strings.ToLower(name), true, true, true)
		f(strings.ToUpper(name), true, true, true)
		f(name+"s", false, false, false)
		f("X"+name[1:], false, false, false)
	}
	f("timing-allow-origin", false, false, true)
	f("Cross-Origin-Resource-Policy", false, false, true)
	f("Cross-Origin-Opener-Policy", false, false, false)
	f("Access-Control-Request-Method", false, false, false)
	f("Access-Control-", false, false, false)
	f("Vary", false, false, false)
	f("", false, false, false)
	f("Access-Control-Allow-\u212aeaders", false, false, false)
}

// TestReasonCodes: they are labels of metrics that people have written alerts for.
func TestReasonCodes(t *testing.T) {
	var got []string
	for r := range cors.NumReasons {
		got = append(got, cors.Reason(r).String())
	}
	want := strings.Fields(`allowed no-origin origin-repeated origin-malformed origin-null-not-allowed origin-not-allowed
		method-repeated method-malformed method-forbidden method-not-allowed headers-too-long header-malformed header-not-allowed`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAppendVary(t *testing.T) {
	f := func(existing, add, want string) {
		t.Helper()
		var lines [][]byte
		for _, l := range split(existing) {
			lines = append(lines, []byte(l))
		}
		if got := string(cors.AppendVary([]byte("x"), lines, add)); got != "x"+want {
			t.Errorf("AppendVary(%q, %q) = %q, want %q", existing, add, got, want)
		}
	}
	f("", "", "")
	f(", ,\n", "", "")
	f("", "Origin", "Vary: Origin\r\n")
	f("Accept", "", "Vary: Accept\r\n")
	f("Accept\nAccept-Language", "Origin", "Vary: Accept, Accept-Language, Origin\r\n")
	f("origin, Accept", "Origin", "Vary: origin, Accept\r\n")
	f("ORIGIN,origin,Origin,,\taccept ", "Origin", "Vary: ORIGIN, accept\r\n")
	f("Accept\n*", "Origin", "Vary: *\r\n")
	f("Accept, *, Origin", "Origin", "Vary: *\r\n")
	f("Origins", "Origin", "Vary: Origins, Origin\r\n")
	f("", "Origin, Access-Control-Request-Method", "Vary: Origin, Access-Control-Request-Method\r\n")
	// add is never repeated, however long the list.
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("m%d", i))
	}
	list := strings.Join(many, ", ")
	f(list+",origin", "Origin", "Vary: "+list+", origin\r\n")
	f(list+"\nm99, M0", "", "Vary: "+list+", m99\r\n")
}
