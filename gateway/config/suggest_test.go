package config_test

import (
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

func TestSuggest(t *testing.T) {
	known := []string{"origins", "methods", "request_headers", "expose_headers", "credentials", "max_age", "to", "path", "upstream", "body_bytes"}
	f := func(got, want string) {
		t.Helper()
		if s := config.Suggest(got, known); s != want {
			t.Errorf("Suggest(%q) = %q, want %q", got, s, want)
		}
	}
	// Slips of the pen.
	f("Origins", "origins")
	f("orgins", "origins")
	f("roigins", "origins")
	f("max-age", "max_age")
	f("maxAge", "max_age")
	f("too", "to")
	f("pth", "path")

	// Habits from elsewhere.
	f("allowed_origins", "origins")
	f("allowed_headers", "request_headers")
	f("allow_credentials", "credentials")
	f("exposed_headers", "expose_headers")
	f("backend", "upstream")

	// Without the unit, or one of its words.
	f("max", "max_age")
	f("body", "body_bytes")

	// Nothing alike.
	f("zzz", "")
	f("", "")
	f("tls", "")
	f("bath_room", "")
}

// slowDistance is the definition, without the table.
func slowDistance(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	m, n := len(a)-1, len(b)-1
	d := slowDistance(a[:m], b[:n])
	if a[m] != b[n] {
		d++
	}
	d = min(d, slowDistance(a[:m], b)+1, slowDistance(a, b[:n])+1)
	if m > 0 && n > 0 && a[m] == b[n-1] && a[m-1] == b[n] {
		d = min(d, slowDistance(a[:m-1], b[:n-1])+1)
	}
	return d
}

func FuzzDistance(f *testing.F) {
	f.Add("origins", "roigin")
	f.Add("", "abc")
	f.Add("abcab", "bacba")
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = a[:min(len(a), 7)], b[:min(len(b), 7)] // the twin is exponential
		if got, want := config.Distance(a, b), slowDistance(a, b); got != want {
			t.Errorf("Distance(%q, %q) = %d, want %d", a, b, got, want)
		}
	})
}
