package convert

import (
	"regexp"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/matcher"
	"github.com/google/go-cmp/cmp"
)

func TestTranslate(t *testing.T) {
	// hole is an origin of a stranger; reason a part of why there is no pattern.
	f := func(e expression, hole, reason string, want ...string) {
		t.Helper()
		got := e.translate()
		if diff := cmp.Diff(want, got.patterns); diff != "" || got.hole != hole || !strings.Contains(got.reason, reason) || (reason == "") != (got.reason == "") {
			t.Errorf("%q: %+v\nwant hole %q, reason %q\n%s", e.text, got, hole, reason, diff)
		}
		prefix := ""
		if e.fold {
			prefix = "(?i)"
		}
		if got.hole != "" && !regexp.MustCompile(prefix+e.text).MatchString(got.hole) {
			t.Errorf("%q does not match the example %s", e.text, got.hole)
		}
	}
	search := func(text string) expression { return expression{text: text, search: true} }
	whole := func(text string) expression { return expression{text: `^(?:` + text + `)$`} }
	// Equal.
	f(search(`^https://example\.com$`), "", "", "https://example.com")
	f(search(`^https?://example\.com$`), "", "", "http://example.com", "https://example.com")
	f(search(`^https?:\/\/(localhost|127\.0\.0\.1)(:\d+)?$`), "", "", "http://localhost:*", "http://127.0.0.1:*", "https://localhost:*", "https://127.0.0.1:*")
	f(search(`^https://(www\.|api\.)?example\.com$`), "", "", "https://example.com", "https://www.example.com", "https://api.example.com")
	f(whole(`https://.*\.example\.com`), "", "", "https://*.example.com")
	f(search(`^https://([a-z0-9_-]+\.)+example\.com$`), "", "", "https://*.example.com")
	f(search(`^https://([a-z0-9_-]+\.)*example\.com$`), "", "", "https://example.com", "https://*.example.com")
	f(search(`^https://pr-.+\.preview\.example\.com$`), "", "", "https://pr-*.preview.example.com")
	f(expression{text: `^HTTPS://Example\.com$`, fold: true, search: true}, "", "", "https://example.com")
	f(search(`^moz-extension://.*$`), "", "", "moz-extension://*")
	f(search(`^(moz|safari-web)-extension://`), "", "", "moz-extension://*", "safari-web-extension://*")
	// Holes.
	f(search(`https://example\.com`), "https://example.com.evil.test", "", "https://example.com")
	f(search(`^https://example\.com`), "https://example.com.evil.test", "", "https://example.com")
	f(search(`example\.com$`), "https://evilexample.com", "", "https://example.com", "https://*.example.com")
	f(search(`\.example\.com$`), "", "", "https://*.example.com")
	f(search(`example.com`), "https://example.com.evil.test", "", "https://example.com", "https://*.example.com")
	f(search(`^https://.*example\.com$`), "https://evilexample.com", "", "https://example.com", "https://*.example.com")
	f(search(`^https://app.example.com$`), "https://appxexample.com", "", "https://app.example.com")
	f(search(`^https?://(.+\.)?example\.com(:\d+)?$`), "", "", "http://example.com:*", "http://*.example.com:*", "https://example.com:*", "https://*.example.com:*")
	// Everything.
	for _, e := range []expression{search(`.*`), search(``), search(`^h`), search(`://`), whole(`.+`), whole(`https?://.*`), {text: "^http", fold: true, search: true}} {
		if got := e.translate(); !got.all || len(got.patterns) > 0 {
			t.Errorf("%q: %+v, want all origins", e.text, got)
		}
	}
	f(search(`^https://`), "https://evil.test", "unknown origins")
	// Patterns would be wider, or nobody can tell.
	f(search(`^https://[a-z]+\.example\.com$`), "", "would be wider")
	f(search(`^https://pr-\d+\.preview\.example\.com$`), "", "would be wider")
	f(search(`^https://(?!evil)example\.com$`), "", "(?!")
	f(search(`^https://\bexample\.com$`), "", `\b`)
	f(search(`(`), "", "missing")
}

// FuzzTranslate holds that every origin that the patterns match is one that the expression matches.
func FuzzTranslate(f *testing.F) {
	for _, seed := range []string{`^https://example\.com$`, `example.com`, `^https?://(.+\.)?a\.example(:\d+)?$`, `(a|b)\.test`, `pr-.*\.x\.test`, `\Q`} {
		f.Add(seed, "https://example.com", true)
		f.Add(seed, "https://example.com", false)
	}
	f.Fuzz(func(t *testing.T, text, origin string, search bool) {
		re, err := regexp.Compile(text)
		if err != nil || len(text) > 60 {
			return
		}
		e := expression{text: text, search: search}
		if !search {
			e.text = `^(?:` + text + `)$`
			if re, err = regexp.Compile(e.text); err != nil {
				return // an open \Q swallows the end
			}
		}
		got := e.translate()
		if got.hole != "" && !re.MatchString(got.hole) {
			t.Errorf("%q does not match the example %s", e.text, got.hole)
		}
		candidates := []string{origin}
		for _, text := range got.patterns {
			candidates = append(candidates, strings.ReplaceAll(text, "*", "a"), strings.ReplaceAll(text, "*.", "a-b.9_."),
				strings.ReplaceAll(strings.ReplaceAll(text, ":*", ""), "*", "b"), strings.ReplaceAll(text, ":*", ":8080"))
		}
		for _, text := range got.patterns {
			p, err := matcher.ParsePattern(text)
			if err != nil {
				t.Fatalf("%q: %v", e.text, err)
			}
			for _, o := range candidates {
				if matcher.NewSet(p).Match([]byte(o)) && !re.MatchString(o) {
					t.Errorf("%q became %s, which matches %s", e.text, text, o)
				}
			}
		}
	})
}
