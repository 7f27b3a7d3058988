package rewrite

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzLocations: a path that is written for the client is one by which the upstream gets the path that it wrote, or it is
// the upstream's word unchanged; and no reference begins to lead to another host than before, but for the client's own.
func FuzzLocations(f *testing.F) {
	for _, ref := range []string{"/items?x", "/internal/x", "/internal//x", "/internal/\\x", "/internal", "/api/x", "//h/internal/x", "http://h/x",
		"HTTPS://127.0.0.1:1/internal/x", "http://127.0.0.1:1\\@x/", "http://u@h/x", "x", "?x", "#x", "", "x:y", "/", "http://h", "http:///x", "/a:b//c"} {
		f.Add("/api", "", ref, false)
		f.Add("/api", "/internal", ref, true)
		f.Add("//internal/", "", ref, true)
		f.Add("", "/internal", ref, false)
	}
	f.Fuzz(func(t *testing.T, strip, add, ref string, bare bool) {
		rules, _, err := rewriting(strip, add)
		if err != nil || strings.ContainsAny(ref, "\r\n\t") {
			t.Skip("no such configuration, or no such field value")
		}
		l := rules.Locations
		got := string(l.appendURL(nil, []byte(ref), &Asked{scheme: "https", Host: []byte("h.example"), bare: bare && strip != ""}))
		if host := leadsTo(got); host != leadsTo(ref) && host != "h.example" {
			t.Fatalf("%q without %q and with %q became %q, which leads to %q", ref, strip, add, got, host)
		}
		if got == ref || leadsTo(ref) != "" || !strings.HasPrefix(ref, "/") {
			return
		}
		path, tail := cutPath(got)
		want, wantTail := cutPath(ref)
		if back := slowRewrite(strip, add, path); strings.TrimSuffix(back, "/") != strings.TrimSuffix(want, "/") || tail != wantTail {
			t.Errorf("%q without %q and with %q became %q, by which the upstream gets %q", ref, strip, add, got, back)
		}
	})
}

// cutPath cuts a reference behind its path.
func cutPath(ref string) (path, tail string) {
	if i := strings.IndexAny(ref, "?#"); i >= 0 {
		return ref[:i], ref[i:]
	}
	return ref, ""
}

// leadsTo returns the authority that a browser reads in a reference, "" if it stays where it is.
func leadsTo(ref string) string {
	scheme, rest, found := strings.Cut(ref, ":")
	if u, err := url.Parse(scheme + "://h"); !found || err != nil || u.Scheme == "" || strings.ContainsAny(scheme, "/?#\\") {
		scheme, rest = "", ref
	}
	rest = strings.ReplaceAll(rest, "\\", "/")
	if scheme != "" && !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return ref // another scheme's business
	}
	if !strings.HasPrefix(rest, "//") {
		return ""
	}
	authority, _, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	authority, _, _ = strings.Cut(authority, "?")
	authority, _, _ = strings.Cut(authority, "#")
	return strings.ToLower(authority)
}
