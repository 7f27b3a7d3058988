package cors_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/cors"
)

// TestFileOrigins: the patterns of a file are judged like those of the list, and beside them.
func TestFileOrigins(t *testing.T) {
	f := func(cfg cors.Config, want ...string) { t.Helper(); problems(t, cfg, want...) }
	both := func(list, file []string) cors.Config { return cors.Config{Origins: list, FileOrigins: file} }
	none := []string{}
	f(both(none, []string{"https://a.com", "https://*.b.com"}))
	f(both(none, none), "origins no origin is allowed")
	f(both([]string{"https://a.com"}, []string{"https://b.com", "b.com", "https://B.com"}),
		"origins_file[1] the line does not resemble an origin", "origins_file[2] write https://b.com")
	f(both([]string{"https://*.a.com", "https://b.com"}, []string{"https://b.com", "https://c.com", "https://x.a.com", "https://c.com"}),
		"origins_file[0]? already listed, at origins[1]", "origins_file[3]? already listed, at origins_file[1]",
		"origins_file[2]? at origins[0]")
	f(both([]string{"https://x.a.com"}, []string{"https://*.a.com"}), "origins[0]? at origins_file[0]")
	f(both(none, []string{"*", "https://a.com"}), `origins_file[0]? "*" makes all`)
	f(cors.Config{Origins: none, FileOrigins: []string{"null", "http://a.com", "https://*.co.uk", "*"}, Credentials: true},
		"origins_file[0] dangerously_allow_null_origin", "origins_file[1] dangerously_allow_http_origins",
		"origins_file[2] dangerously_allow_public_suffixes", "origins_file[3] dangerously_reflect_any_origin", "origins_file[3]? all other")

	p := policy(t, both([]string{"https://a.com"}, []string{"https://b.com", "https://*.b.com"}))
	for origin, want := range map[string]int{"https://a.com": 0, "https://b.com": 1, "https://x.b.com": 2, "https://c.com": -1} {
		if got, _ := p.AllowedOrigin([]byte(origin)); got != want {
			t.Errorf("AllowedOrigin(%s) = %d, want %d", origin, got, want)
		}
	}
}

// TestManyBadLines: some are reported, the first ones, and the rest counted, wherever the work was divided.
func TestManyBadLines(t *testing.T) {
	file := make([]string, 50_000)
	for i := range file {
		file[i] = fmt.Sprintf("https://a%d.com", i)
		switch {
		case i%4 == 1:
			file[i] = fmt.Sprintf("a%d.com", i)
		case i%4 == 2:
			file[i] = file[i-2]
		}
	}
	_, found := cors.New(cors.Config{FileOrigins: file})
	var errors, warnings []cors.Problem
	for _, p := range found {
		if p.Warning {
			warnings = append(warnings, p)
		} else {
			errors = append(errors, p)
		}
	}
	if len(errors) != 21 || len(warnings) != 21 {
		t.Fatalf("%d errors and %d warnings, want 21 of each", len(errors), len(warnings))
	}
	for i := range 20 {
		if errors[i].Index != 4*i+1 || warnings[i].Index != 4*i+2 || warnings[i].OtherIndex != 4*i {
			t.Errorf("number %d: %v, %v", i, errors[i], warnings[i])
		}
	}
	if errors[20].Index != -1 || !strings.Contains(errors[20].Message, "12480 further lines") ||
		warnings[20].Index != -1 || !strings.Contains(warnings[20].Message, "12480 further lines") {
		t.Errorf("%v, %v", errors[20], warnings[20])
	}
}

// TestRedundancyOfMany would take minutes if each pattern met each other one.
func TestRedundancyOfMany(t *testing.T) {
	var many []string
	for i := range 20000 {
		many = append(many, fmt.Sprintf("https://t%d.example.com", i), fmt.Sprintf("https://*.t%d.example.net:*", i),
			fmt.Sprintf("https://pr-%d-*.preview.example.org", i))
	}
	many = append(many, "https://*.t77.example.com", "https://a.t77.example.com")
	_, problems := cors.New(cors.Config{Origins: many})
	if len(problems) != 1 || problems[0].Index != len(many)-1 {
		t.Errorf("%v", problems)
	}
	// What covers most is not lost among those that cover little.
	many = append(many, "https://*.preview.example.org")
	if _, problems = cors.New(cors.Config{FileOrigins: many}); len(problems) != 21 {
		t.Errorf("%d problems, want 21", len(problems))
	}
}

// TestDangersWithoutEffect: a flag that no origin needs is worth a warning.
func TestDangersWithoutEffect(t *testing.T) {
	all := func(credentials bool, origins ...string) cors.Config {
		return cors.Config{Origins: origins, Credentials: credentials, AllowNullOrigin: true, AllowHTTPOrigins: true,
			AllowPublicSuffixes: true, ReflectAnyOrigin: true}
	}
	f := func(cfg cors.Config, want ...string) {
		t.Helper()
		_, found := cors.New(cfg)
		var got []string
		for _, p := range found {
			if name, ok := strings.CutPrefix(p.Key, "dangerously_"); ok && p.Warning && p.Index < 0 {
				got = append(got, strings.Split(name, "_")[1])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %q have no effect, want %q", cfg, got, want)
		}
	}
	f(all(true, "https://a.com"), "null", "http", "public", "any")
	f(all(true, "http://localhost:*", "https://*.a.com"), "null", "http", "public", "any")
	f(all(true, "null", "http://a.com", "https://*.co.uk", "*"))
	f(all(false, "null", "http://a.com", "https://*.co.uk", "*"), "http", "public", "any")
	f(all(true, "http://a.com"), "null", "public", "any")
	f(cors.Config{Origins: []string{"https://a.com"}, FileOrigins: []string{"null"}, AllowNullOrigin: true})
	// As long as an origin is wrong nobody knows what it would need.
	f(all(true, "a.com"))
}

// TestSameEffect compares with the slow way: both sets of lines taken apart.
func TestSameEffect(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		crlf := strings.NewReplacer("\n", "\r\n")
		x, y := []byte(crlf.Replace(a)), []byte(crlf.Replace(b))
		if cors.SameEffect(x, y) != want || cors.SameEffect(y, x) != want || slowEffect(string(x)) == slowEffect(string(y)) != want {
			t.Errorf("SameEffect(%q, %q) = %t, want %t", a, b, !want, want)
		}
	}
	f("", "", true)
	f(acao, acao, true)
	f(acao+vary, "Access-Control-Allow-Origin: *\n"+varyStatic, true)
	f(acao+"Timing-Allow-Origin: *\n", acao+"Timing-Allow-Origin: https://a.com\n", true)
	f(acao+"Timing-Allow-Origin: *\n", acao, false)
	f(acao+acac, acao, false)
	f(acao, "", false)
	f(acao+"Access-Control-Max-Age: 1\n"+vary, acao+"Access-Control-Max-Age: 2\n"+vary, false)
	f(acao+"Access-Control-Allow-Methods: PUT\n", acao+"Access-Control-Allow-Headers: PUT\n", false)
	f(acao+"Vary: a\n", acao+vary+"Cache-Control: no-store\nAccess-Control-Expose-Headers: X-A\n", true)
}

// slowEffect is what SameEffect compares, written down.
func slowEffect(lines string) string {
	var kept []string
	for line := range strings.SplitSeq(lines, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch name {
		case "Vary":
			return strings.Join(kept, "\n")
		case "":
		case "Access-Control-Allow-Origin", "Timing-Allow-Origin":
			kept = append(kept, name)
		default:
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// FuzzSameEffect holds SameEffect to its twin, for the answers of two policies to one preflight and one actual request.
func FuzzSameEffect(f *testing.F) {
	f.Add(uint32(0), uint32(1), "https://app.example.com", "PUT", "x-a")
	f.Add(uint32(3), uint32(77), "https://pr-1.preview.example.org:8443", "patch", "")
	f.Fuzz(func(t *testing.T, m, n uint32, origin, method, headers string) {
		one, _ := cors.New(variety(m))
		two, _ := cors.New(variety(n))
		if one == nil || two == nil {
			return
		}
		a := ask{origins: []string{origin}, methods: []string{method}, headers: split(headers)}
		compare := func(x []byte, r cors.Reason, y []byte, s cors.Reason) {
			t.Helper()
			if r != cors.Allowed || s != cors.Allowed || strings.ContainsAny(origin+method+headers, "\r\n") {
				return
			}
			if got, want := cors.SameEffect(x, y), slowEffect(string(x)) == slowEffect(string(y)); got != want {
				t.Errorf("SameEffect(%q, %q) = %t, want %t", x, y, got, want)
			}
		}
		x, r := one.AppendPreflight(nil, a.preflight())
		y, s := two.AppendPreflight(nil, a.preflight())
		compare(x, r, y, s)
		x, r = one.AppendActual(nil, []byte(origin), 1)
		y, s = two.AppendActual(nil, []byte(origin), 1)
		compare(x, r, y, s)
	})
}
