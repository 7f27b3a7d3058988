package report

import (
	"strings"
	"testing"
)

func TestPrintable(t *testing.T) {
	f := func(origin, want string) {
		t.Helper()
		if got := string(appendPrintable(nil, []byte(origin))); got != want {
			t.Errorf("%q is written %q, want %q", origin, got, want)
		}
	}
	f("https://a.example:8443", "https://a.example:8443")
	f("null", "null")
	f("a\r\nb\x00\x1b[31m\"é\u202e", `"a\r\nb\x00\x1b[31m\"\u00e9\u202e"`)
	f(strings.Repeat("x", 5000), `"`+strings.Repeat("x", maxQuoted)+`"`)
	f("", `""`)
}
