package cors_test

import (
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/cors"
)

func policy(t testing.TB, cfg cors.Config) *cors.Policy {
	t.Helper()
	p, problems := cors.New(cfg)
	if p == nil {
		t.Fatalf("New(%+v): %v", cfg, problems)
	}
	return p
}

func seconds(n int) *time.Duration {
	d := time.Duration(n) * time.Second
	return &d
}

// fields spells field lines with LF.
func fields(b []byte) string { return strings.ReplaceAll(string(b), "\r\n", "\n") }

const (
	vary       = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\n"
	varyStatic = "Vary: Access-Control-Request-Method, Access-Control-Request-Headers\n"
	acao       = "Access-Control-Allow-Origin: https://a.com\n"
	acac       = "Access-Control-Allow-Credentials: true\n"
)

func TestPreflightExchange(t *testing.T) {
	p := policy(t, cors.Config{
		Origins:        []string{"https://myapp.com"},
		Methods:        []string{"GET", "POST", "PUT", "DELETE"},
		RequestHeaders: []string{"Authorization"},
		MaxAge:         seconds(86400),
	})
	got, reason := p.AppendPreflight(nil, &cors.Preflight{
		Origin: []byte("https://myapp.com"), OriginLines: 1,
		Method: []byte("DELETE"), MethodLines: 1,
		Headers: [][]byte{[]byte("Authorization")},
	})
	const want = "Access-Control-Allow-Origin: https://myapp.com\r\n" +
		"Access-Control-Allow-Methods: GET, POST, PUT, DELETE\r\n" +
		"Access-Control-Allow-Headers: Authorization\r\n" +
		"Access-Control-Max-Age: 86400\r\n" +
		"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
	if string(got) != want || reason != cors.Allowed || p.PreflightStatus() != 204 {
		t.Errorf("got %q, %v, %d", got, reason, p.PreflightStatus())
	}
}

// TestIsPreflight: Fetch, "CORS-preflight request": "OPTIONS … Access-Control-Request-Method …".
func TestIsPreflight(t *testing.T) {
	f := func(method, origin string, lines int, acrm string, want bool) {
		t.Helper()
		if got := cors.IsPreflight([]byte(method), []byte(origin), lines, []byte(acrm)); got != want {
			t.Errorf("IsPreflight(%q, %q, %d, %q) = %t", method, origin, lines, acrm, got)
		}
	}
	f("OPTIONS", "https://a.com", 1, "PUT", true)
	f("OPTIONS", "null", 1, "PUT", true)
	f("OPTIONS", "not an origin", 1, "not a method", true)
	f("OPTIONS", "https://a.com", 1, "", false)
	f("OPTIONS", "", 1, "PUT", false)
	f("OPTIONS", "", 0, "PUT", false)
	f("options", "https://a.com", 1, "PUT", false) // methods are case-sensitive
	f("GET", "https://a.com", 1, "PUT", false)
	// Two lines never reach the upstream, which might read the other one.
	f("OPTIONS", "https://a.com", 2, "PUT", true)
	f("OPTIONS", "", 2, "PUT", true)
}

// preflight compares the answer to a preflight of https://a.com with want: the field lines, or the reason of a denial.
func preflight(t *testing.T, cfg cors.Config, method, headers, want string) {
	t.Helper()
	if cfg.Origins == nil {
		cfg.Origins = []string{"https://a.com"}
	}
	a := ask{origins: []string{"https://a.com"}, methods: []string{method}, headers: split(headers)}
	got, reason := policy(t, cfg).AppendPreflight(nil, a.preflight())
	if reason != cors.Allowed {
		if fields(got) != vary && fields(got) != varyStatic {
			t.Errorf("%+v: denied with %q", cfg, got)
		}
		got = []byte(reason.String())
	}
	if fields(got) != want {
		t.Errorf("%+v, %s, %q:\n%swant\n%s", cfg, method, headers, fields(got), want)
	}
}

// The rows of TestFetchMethods and TestFetchHeaders are what Fetch, "CORS protocol" and "CORS-preflight fetch", says to
// servers.
func TestFetchMethods(t *testing.T) {
	f := func(cfg cors.Config, method, headers, want string) {
		t.Helper()
		preflight(t, cfg, method, headers, want)
	}
	creds := func(cfg cors.Config) cors.Config { cfg.Credentials = true; return cfg }
	some := cors.Config{Methods: []string{"PUT", "PATCH", "chicken"}, RequestHeaders: []string{"X-A", "accept", "Range"}}
	someLists := "Access-Control-Allow-Methods: PUT, PATCH, chicken\nAccess-Control-Allow-Headers: X-A, accept, Range\n"
	star := cors.Config{Methods: []string{"*"}, RequestHeaders: []string{"*"}}
	starLists := "Access-Control-Allow-Methods: *\nAccess-Control-Allow-Headers: *\n"

	// "HTTP responses": Access-Control-Allow-Origin is the Origin or "*"; nothing to allow is absent, not empty.
	f(cors.Config{}, "GET", "", acao+vary)
	f(cors.Config{Origins: []string{"*"}}, "GET", "", "Access-Control-Allow-Origin: *\n"+varyStatic)
	// "CORS check", step 6: the value of Access-Control-Allow-Credentials is "true", on preflights too.
	f(creds(cors.Config{}), "GET", "", acao+acac+vary)
	// "CORS-preflight fetch", step 7.5: a CORS-safelisted method need not be listed.
	f(some, "HEAD", "", acao+someLists+vary)
	f(some, "POST", "", acao+someLists+vary)
	f(some, "OPTIONS", "", "method-not-allowed")
	// The comparison is case-sensitive, and PATCH is not normalized by browsers.
	f(some, "PUT", "", acao+someLists+vary)
	f(some, "put", "", "method-not-allowed")
	f(some, "patch", "", "method-not-allowed")
	f(some, "chicken", "", acao+someLists+vary)
	f(some, "CHICKEN", "", "method-not-allowed")
	f(cors.Config{Methods: []string{"dElEtE"}}, "DELETE", "", acao+"Access-Control-Allow-Methods: DELETE\n"+vary)
	// "*" is a wildcard without credentials only; with them the names themselves are sent.
	f(star, "PURGE", "x-b", acao+starLists+vary)
	f(star, "PURGE", "", acao+starLists+vary)
	f(creds(star), "PURGE", "X-B, x-c,,x-b\nx-A", acao+acac+
		"Access-Control-Allow-Methods: PURGE\nAccess-Control-Allow-Headers: x-b, x-c, x-a\n"+vary)
	f(creds(star), "GET", "", acao+acac+"Access-Control-Allow-Methods: GET\n"+vary)
	f(creds(star), "*", "", "method-not-allowed")
	f(creds(star), "GET", "*", "header-not-allowed")
	f(star, "GET", "*", acao+starLists+vary)
	// "CORS non-wildcard request-header name": "*" does not cover Authorization.
	f(star, "GET", "x-b,Authorization", "header-not-allowed")
	star.RequestHeaders = []string{"authorization", "*"}
	f(star, "GET", "x-b,Authorization", acao+"Access-Control-Allow-Methods: *\nAccess-Control-Allow-Headers: *, Authorization\n"+vary)
	f(creds(cors.Config{RequestHeaders: []string{"*"}}), "GET", "authorization",
		acao+acac+"Access-Control-Allow-Headers: authorization\n"+vary)
	// "Forbidden method".
	for _, m := range []string{"CONNECT", "TRACE", "TRACK", "trace", "Connect"} {
		f(star, m, "", "method-forbidden")
		f(creds(star), m, "", "method-forbidden")
	}
	f(star, "P T", "", "method-malformed")
	f(creds(star), "P\x00T", "", "method-malformed")
	f(creds(star), "PÜT", "", "method-malformed")
	f(creds(star), strings.Repeat("M", 64), "", acao+acac+"Access-Control-Allow-Methods: "+strings.Repeat("M", 64)+"\n"+vary)
	f(creds(star), strings.Repeat("M", 65), "", "method-not-allowed")
}

func TestFetchHeaders(t *testing.T) {
	f := func(cfg cors.Config, method, headers, want string) {
		t.Helper()
		preflight(t, cfg, method, headers, want)
	}
	creds := func(cfg cors.Config) cors.Config { cfg.Credentials = true; return cfg }
	some := cors.Config{Methods: []string{"PUT", "PATCH", "chicken"}, RequestHeaders: []string{"X-A", "accept", "Range"}}
	someLists := "Access-Control-Allow-Methods: PUT, PATCH, chicken\nAccess-Control-Allow-Headers: X-A, accept, Range\n"
	star := cors.Config{Methods: []string{"*"}, RequestHeaders: []string{"*"}}

	// Step 7.7: every CORS-unsafe request-header name, byte-case-insensitively; safelisted names are asked for
	// when their value is unsafe.
	f(some, "GET", "range,x-a", acao+someLists+vary)
	f(some, "GET", " \tX-a ,ACCEPT\t", acao+someLists+vary)
	f(some, "GET", "x-a\naccept\nx-a,x-A", acao+someLists+vary)
	f(some, "GET", "accept-language", "header-not-allowed")
	f(some, "GET", "x-a,x-b", "header-not-allowed")
	f(some, "GET", "x-", "header-not-allowed")
	f(some, "GET", "x-aa", "header-not-allowed")
	f(some, "GET", "x a", "header-malformed")
	f(some, "GET", "x-a;x", "header-malformed")
	f(creds(star), "GET", "x:y", "header-malformed")
	f(creds(star), "GET", "x-a\x7f", "header-malformed")
	f(some, "GET", "\u212aey", "header-malformed")
	// Bounds.
	f(some, "GET", strings.Repeat(",", 15), acao+someLists+vary)
	f(some, "GET", strings.Repeat(",", 16), "headers-too-long")
	f(some, "GET", strings.Repeat("\n", 16), "headers-too-long")
	f(some, "GET", "x-a"+strings.Repeat(",x-a", 63), acao+someLists+vary)
	f(some, "GET", "x-a"+strings.Repeat(",x-a", 64), "headers-too-long")
	f(creds(star), "GET", strings.Repeat("x", 4096), acao+acac+
		"Access-Control-Allow-Methods: GET\nAccess-Control-Allow-Headers: "+strings.Repeat("x", 4096)+"\n"+vary)
	f(creds(star), "GET", strings.Repeat("x", 4097), "headers-too-long")
	f(some, "GET", "x-a"+strings.Repeat(" ", 4094), "headers-too-long")
	f(some, "GET", strings.Repeat("x", 200), "header-not-allowed")
	// Access-Control-Max-Age is delta-seconds.
	f(cors.Config{MaxAge: seconds(0)}, "GET", "", acao+"Access-Control-Max-Age: 0\n"+vary)
	f(cors.Config{MaxAge: seconds(600)}, "GET", "", acao+"Access-Control-Max-Age: 600\n"+vary)
	// What concerns actual responses is not said on a preflight.
	f(cors.Config{ExposeHeaders: []string{"X-T"}, TimingAllowOrigin: true, ResourcePolicy: "same-site"}, "GET", "", acao+vary)
}

// TestFetchOrigin: the order of checks, and what Origin may be.
func TestFetchOrigin(t *testing.T) {
	one := cors.Config{Origins: []string{"https://a.com", "https://*.b.com"}}
	static := cors.Config{Origins: []string{"*"}}
	reflect := cors.Config{Origins: []string{"*"}, Credentials: true, ReflectAnyOrigin: true}
	null := cors.Config{Origins: []string{"null"}, AllowNullOrigin: true}
	f := func(cfg cors.Config, origins string, actual, preflight cors.Reason, want string) {
		t.Helper()
		p := policy(t, cfg)
		a := ask{origins: split(origins), methods: []string{"TRACE"}}
		got, reason := p.AppendActual(nil, a.preflight().Origin, len(a.origins))
		if fields(got) != want || reason != actual {
			t.Errorf("AppendActual(%q) = %q, %v, want %q, %v", origins, got, reason, want, actual)
		}
		if _, reason := p.AppendPreflight(nil, a.preflight()); reason != preflight {
			t.Errorf("AppendPreflight(%q) = %v, want %v", origins, reason, preflight)
		}
	}
	// An allowed origin meets the next check, the method's.
	f(one, "https://a.com", cors.Allowed, cors.MethodForbidden, acao)
	f(one, "https://x.b.com", cors.Allowed, cors.MethodForbidden, "Access-Control-Allow-Origin: https://x.b.com\n")
	f(one, "https://b.com", cors.OriginNotAllowed, cors.OriginNotAllowed, "")
	f(one, "HTTPS://a.com", cors.OriginMalformed, cors.OriginMalformed, "")
	f(one, "https://a.com/", cors.OriginMalformed, cors.OriginMalformed, "")
	f(one, "*", cors.OriginMalformed, cors.OriginMalformed, "")
	f(one, "null", cors.OriginNullNotAllowed, cors.OriginNullNotAllowed, "")
	f(one, "https://a.com\nhttps://a.com", cors.OriginRepeated, cors.OriginRepeated, "")
	f(one, "", cors.NoOrigin, cors.NoOrigin, "")
	f(null, "null", cors.Allowed, cors.MethodForbidden, "Access-Control-Allow-Origin: null\n")
	f(null, "https://a.com", cors.OriginNotAllowed, cors.OriginNotAllowed, "")
	// "CORS protocol and HTTP caches": without Vary: Origin the answer may not depend on Origin.
	f(static, "", cors.NoOrigin, cors.NoOrigin, "Access-Control-Allow-Origin: *\n")
	f(static, "https://a.com", cors.Allowed, cors.MethodForbidden, "Access-Control-Allow-Origin: *\n")
	f(static, "null", cors.Allowed, cors.MethodForbidden, "Access-Control-Allow-Origin: *\n")
	f(static, "file://", cors.Allowed, cors.MethodForbidden, "Access-Control-Allow-Origin: *\n")
	f(static, "https://a.com\nhttps://b.com", cors.Allowed, cors.OriginRepeated, "Access-Control-Allow-Origin: *\n")
	f(reflect, "https://a.com", cors.Allowed, cors.MethodForbidden, acao+acac)
	f(reflect, "null", cors.OriginNullNotAllowed, cors.OriginNullNotAllowed, "")
	f(reflect, "https://a.com\\@b", cors.OriginMalformed, cors.OriginMalformed, "")
	f(reflect, "", cors.NoOrigin, cors.NoOrigin, "")
}

func TestActual(t *testing.T) {
	f := func(cfg cors.Config, origin, upstream, want string) {
		t.Helper()
		got, _ := policy(t, cfg).AppendExposing(nil, []byte(origin), 1, ask{headers: split(upstream)}.preflight().Headers)
		if fields(got) != want {
			t.Errorf("%+v, %q, %q:\n%swant\n%s", cfg, origin, upstream, fields(got), want)
		}
	}
	cfg := cors.Config{
		Origins: []string{"https://a.com"}, ExposeHeaders: []string{"X-T", "ETag"}, TimingAllowOrigin: true,
		ResourcePolicy: "cross-origin", UpstreamCORS: "merge_expose",
		MaxAge: seconds(1), Methods: []string{"PUT"}, RequestHeaders: []string{"X-A"}, PrivateNetwork: true,
	}
	const expose = "Access-Control-Expose-Headers: "
	const tao, corp = "Timing-Allow-Origin: https://a.com\n", "Cross-Origin-Resource-Policy: cross-origin\n"
	f(cfg, "https://a.com", "", acao+expose+"X-T, ETag\n"+tao+corp)
	f(cfg, "https://b.com", "X-U", corp)
	f(cfg, "https://a.com", "etag,X-U\n x-t ,x-u,a b,,X-V", acao+expose+"X-T, ETag, X-U, X-V\n"+tao+corp)
	f(cfg, "https://a.com", "X-U, *", acao+expose+"*\n"+tao+corp)
	f(cfg, "https://a.com", strings.Repeat("x,", 64)+"X-U", acao+expose+"X-T, ETag, x\n"+tao+corp)
	cfg.Credentials = true
	f(cfg, "https://a.com", "X-U, *", acao+acac+expose+"X-T, ETag, X-U\n"+tao+corp)
	cfg.ExposeHeaders = nil
	f(cfg, "https://a.com", "", acao+acac+tao+corp)
	f(cfg, "https://a.com", "*", acao+acac+tao+corp)
	f(cors.Config{Origins: []string{"*"}, TimingAllowOrigin: true, ExposeHeaders: []string{"X-T", "*"}}, "", "X-U",
		"Access-Control-Allow-Origin: *\n"+expose+"*\nTiming-Allow-Origin: *\n")
}

func TestPrivateNetwork(t *testing.T) {
	a := ask{origins: []string{"https://a.com"}, methods: []string{"PUT"}, network: true}
	const varyToo = ", Access-Control-Request-Private-Network\n"
	f := func(want string) {
		t.Helper()
		p := policy(t, cors.Config{Origins: []string{"https://a.com"}, Methods: []string{"PUT"}, PrivateNetwork: true})
		if got, _ := p.AppendPreflight(nil, a.preflight()); fields(got) != want {
			t.Errorf("%+v: %q, want %q", a, got, want)
		}
	}
	const methods = "Access-Control-Allow-Methods: PUT\n"
	f(acao + methods + "Access-Control-Allow-Private-Network: true\n" + strings.TrimSpace(vary) + varyToo)
	a.network = false
	f(acao + methods + strings.TrimSpace(vary) + varyToo)
	a.network, a.origins = true, []string{"https://b.com"}
	f(strings.TrimSpace(vary) + varyToo)
}
