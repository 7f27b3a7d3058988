package auth

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	s, _ := compileText(t, tables, nil)
	for names, want := range map[string]string{
		"URI:spiffe://example.com/a":            "spiffe://example.com/a",
		"DNS:x, URI:spiffe://example.com/a/b":   "spiffe://example.com/a/b",
		"DNS:a.b.SVC.example.com":               "a.b.SVC.example.com",
		"URI:spiffe://example.com/":             "",
		"URI:spiffe://example.com/../evil":      "",
		"URI:spiffe://example.com/%2e%2e":       "",
		"URI:spiffe://example.com.evil/a":       "",
		"DNS:spiffe://example.com/a":            "",
		"DNS:svc.example.com":                   "",
		"DNS:.svc.example.com":                  "",
		"DNS:*.svc.example.com":                 "",
		"DNS:a.svc.example.com.evil":            "",
		"URI:a.svc.example.com":                 "",
		"email:a@x.svc.example.com":             "",
		`DNS:x\2C\20URI:spiffe://example.com/a`: "",
		"":                                      "",
	} {
		if got := s.tables["mesh"].named(names); got != want {
			t.Errorf("%q: %q, want %q", names, got, want)
		}
	}
}

func TestKeyLines(t *testing.T) {
	s, _ := compileText(t, tables, nil)
	table := s.tables["partners"]
	sum := strings.Fields(lineOf("x", "x", ""))[1]
	for text, want := range map[string]string{
		"":                              "",
		"# x\n\n \t\r\n":                "",
		"a " + sum:                      "",
		"\ufeffa " + sum + " b=c # d\r": "",
		"a " + strings.ToUpper(sum):     "",
		"a":                             "f:1: the hash of the key is missing",
		"\na 1234":                      "f:2: the second word",
		"a " + sum + "0":                "f:1: the second word",
		"a " + sum[:63] + "g":           "f:1: the second word",
		"a/b " + sum:                    "f:1: the name",
		"a " + sum + " plan":            "f:1: what follows",
		"a " + sum + " =x":              "f:1: what follows",
		"a " + sum + "\nb " + sum:       "f:2: the key is in line 1 already",
		"\xff\xfea":                     "f is UTF-16",
		"a " + sum + " b=\x01":          "f:1: a value holds",
		strings.Repeat("x", 5000):       "f:1: the line is longer",
	} {
		_, err := table.parseKeys("f", text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), sum[:8]) {
			t.Errorf("%q shows what the file holds", err)
		}
	}
}
