package rewrite

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzRelative: a reference that is relative to the path that the upstream was asked for leads the client to where it leads
// from there, below the stripped prefix.
func FuzzRelative(f *testing.F) {
	for _, path := range []string{"", "/", "/a", "/a/", "/a/b", "/a//b"} {
		for _, ref := range []string{"x", "./x", ".", "..", "../", "../x", "../..", "../../x?y=/../z", "..?x", "..#x", "x/../../y", "x/..", "...", "%2e%2E/x", ".%2e", "..//x", ";x", "../a:b"} {
			f.Add(path, ref)
		}
	}
	rules, _, err := rewriting("/shop/v2", "")
	if err != nil {
		f.Fatal(err)
	}
	l := rules.Locations
	f.Fuzz(func(t *testing.T, path, ref string) {
		sent := path
		if path == "" {
			sent = "/"
		}
		if !plainPath(sent) || ref == "" || strings.ContainsAny(ref, "\\\r\n\t") || strings.ContainsAny(ref[:1], "/?#") || strings.Contains(ref, "//") {
			t.Skip("no such path, or another kind of reference, or one of which package url leaves out empty segments")
		}
		u, err := url.Parse(strings.ReplaceAll(strings.ReplaceAll(ref, "%2e", "."), "%2E", "."))
		if err != nil || u.Scheme != "" || u.Path == "" {
			t.Skip("no relative path")
		}
		want := (&url.URL{Path: sent}).ResolveReference(u)
		got := string(l.appendURL(nil, []byte(ref), &Asked{depth: max(0, strings.Count(path, "/")-1), bare: path == ""}))
		v, err := url.Parse(strings.ReplaceAll(strings.ReplaceAll(got, "%2e", "."), "%2E", "."))
		if err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		if led := (&url.URL{Path: "/shop/v2" + path}).ResolveReference(v); led.Path != "/shop/v2"+want.Path && !below([]byte(want.Path), "/shop/v2") || led.RawQuery != want.RawQuery || led.Host != "" {
			t.Errorf("%q of %q became %q, which leads to %q, want /shop/v2%s", ref, path, got, led, want.Path)
		}
	})
}

// plainPath reports whether the gateway forwards a path, and package url reads it as it stands.
func plainPath(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if strings.Trim(segment, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return path[0] == '/' && !strings.HasPrefix(path, "//")
}
