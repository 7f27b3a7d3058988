package cors_test

import (
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/internal/vectors"
)

type table = vectors.Table

func TestConfigVectors(t *testing.T) {
	var cases []struct {
		Name   string
		Policy table
		Valid  bool
		Why    string
	}
	vectors.Load(t, "testdata/config.json", &cases)
	for _, c := range cases {
		p, problems := cors.New(c.Policy.Config(t))
		if (p != nil) != c.Valid {
			t.Errorf("%s: valid = %t, want %t (%s): %v", c.Name, p != nil, c.Valid, c.Why, problems)
		}
		warn := strings.HasPrefix(c.Why, "warn") || strings.HasPrefix(c.Why, "info") || strings.Contains(c.Why, "; warn")
		if warn && !strings.Contains(c.Why, "when") && len(problems) == 0 {
			t.Errorf("%s: no warning (%s)", c.Name, c.Why)
		}
	}
}

type request struct {
	Method  string
	Headers [][2]string
	Path    string
	Host    string
	Scheme  string
}

func (r request) values(name string) (lines [][]byte) {
	for _, h := range r.Headers {
		if strings.EqualFold(h[0], name) {
			lines = append(lines, []byte(h[1]))
		}
	}
	return lines
}

type response struct {
	Status  int
	Headers [][2]string
}

type vector struct {
	Name, Class, Note string
	Policy            table
	Request           request
	Prior             []request `json:"prior_requests"`
	Upstream          response
	Expect            struct {
		Kind      string
		Status    *int
		Headers   map[string]any
		Absent    []string
		Includes  []string            `json:"vary_includes"`
		Excludes  []string            `json:"vary_excludes"`
		Lacks     map[string][]string `json:"not_contains"`
		MaxCount  map[string]int      `json:"max_count"`
		Forwarded *bool
	}
}

// TestCORSVectors runs each case through the smallest gateway around a policy. What that gateway lacks is
// skipped by the rules of skip and checkable; the number of cases that it does not run at all is held here.
func TestCORSVectors(t *testing.T) {
	var cases []vector
	vectors.Load(t, "testdata/cors.json", &cases)
	skipped := 0
	for _, c := range cases {
		if c.Policy.Routes != nil || c.Policy.UpstreamCORS == "passthrough" {
			skipped++ // routing, or the upstream's own decisions
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			p, problems := cors.New(c.Policy.Config(t))
			if p == nil {
				t.Fatal(problems)
			}
			for _, r := range c.Prior {
				serve(p, r, c.Upstream)
			}
			got, forwarded := serve(p, c.Request, c.Upstream)
			check(t, c, got, forwarded)
			if origin := c.Request.values("Origin"); guarded(c) && c.Expect.Kind == "denied" {
				if _, reason := p.AllowedOrigin(origin[0]); reason == cors.Allowed {
					t.Errorf("AllowedOrigin(%q) = allowed", origin[0])
				}
			}
		})
	}
	if want := 6; skipped != want {
		t.Errorf("skipped %d of %d cases, want %d", skipped, len(cases), want)
	}
}

// serve is a gateway without anything but CORS.
func serve(p *cors.Policy, r request, upstream response) (got response, forwarded bool) {
	origins, methods := r.values("Origin"), r.values("Access-Control-Request-Method")
	var origin, acrm []byte
	if len(origins) > 0 {
		origin = origins[0]
	}
	if len(methods) > 0 {
		acrm = methods[0]
	}
	var fields []byte
	if cors.IsPreflight([]byte(r.Method), origin, len(origins), acrm) {
		pna := r.values("Access-Control-Request-Private-Network")
		fields, reason := p.AppendPreflight(nil, &cors.Preflight{
			Origin: origin, OriginLines: len(origins), Method: acrm, MethodLines: len(methods),
			Headers:        r.values("Access-Control-Request-Headers"),
			PrivateNetwork: len(pna) == 1 && string(pna[0]) == "true",
		})
		got = response{Status: p.PreflightStatus(), Headers: parse(fields)}
		if reason != cors.Allowed {
			got.Status = 403
		}
		return got, false
	}
	got.Status = max(upstream.Status, 200)
	var vary [][]byte
	for _, h := range upstream.Headers {
		switch {
		case strings.EqualFold(h[0], "Vary"):
			vary = append(vary, []byte(h[1]))
		case !p.Owns([]byte(h[0])):
			got.Headers = append(got.Headers, h)
		}
	}
	fields, _ = p.AppendActual(nil, origin, len(origins))
	if p.VaryOrigin() {
		fields = cors.AppendVary(fields, vary, "Origin")
	} else {
		fields = cors.AppendVary(fields, vary, "")
	}
	got.Headers = append(got.Headers, parse(fields)...)
	return got, true
}
