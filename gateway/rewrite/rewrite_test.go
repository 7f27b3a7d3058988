package rewrite

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// rewriting returns the rules of a route which has the path that it strips, and that path.
func rewriting(strip, add string) (rules Rules, path string, err error) {
	cfg, err := config.Parse("f.toml", fmt.Appendf(nil, "[upstream.api]\nendpoints = [\"http://127.0.0.1:1\"]\n[route.api]\npath = %q\nupstream = \"api\"\nstrip_prefix = %q\nadd_prefix = %q\n", strip, strip, add))
	if err != nil {
		return rules, "", err
	}
	if problems := Check(cfg, &cfg.Routes[0]); len(problems) > 0 {
		return rules, "", problems
	}
	to := upstream.New("api", []upstream.Address{{Label: "http://127.0.0.1:1", Dial: "127.0.0.1:1", Network: "tcp", Weight: 1}}, upstream.Options{})
	return Compile(cfg, &cfg.Routes[0], to), cfg.Routes[0].Path, nil
}

// FuzzRewrite: whatever path leads to a route, what the upstream gets is the configured prefix and
// the rest of the bytes, and a path that the gateway itself would take; or the request is refused.
func FuzzRewrite(f *testing.F) {
	for _, path := range []string{"/api", "/api/", "/api//x", "/api/a//b", "/api/caf%c3%a9;x=1", "/api/..", "/api/%2e%2e/x", "/%61pi/x", "/api/.../x", "/api/%2Fx", "/api/;/x", "*"} {
		f.Add("/api", "", path)
		f.Add("/api/", "/v2/", path)
		f.Add("", "/v2/x", path)
	}
	f.Fuzz(func(t *testing.T, strip, add, path string) {
		rules, rule, err := rewriting(strip, add)
		w := rules.Rewrite
		if err != nil || w == nil {
			t.Skip("no such configuration")
		}
		limits := wire.Limits{HeadBytes: 64 << 10, Fields: 16}
		var req wire.Request
		if n, fault := req.Parse([]byte("OPTIONS "+path+" HTTP/1.1\r\nHost: h\r\n\r\n"), limits); fault != nil || n == 0 || req.Query != nil || req.Flaw != nil {
			t.Skip("no such request")
		}
		table, _ := route.New([]route.Rule{{Path: rule}})
		if i, _ := table.Find(req.Host, req.Path, req.Method, req.PlainPath); i != 0 || w.Refuses(req.Path) {
			return
		}
		got := string(w.Append(nil, req.Path))
		if want := slowRewrite(strip, add, string(req.Path)); got != want {
			t.Errorf("%q without %q and with %q: %q, want %q", path, strip, add, got, want)
		}
		var again wire.Request
		if n, fault := again.Parse([]byte("OPTIONS "+got+" HTTP/1.1\r\nHost: h\r\n\r\n"), limits); fault != nil || n == 0 {
			t.Errorf("%q became %q, which is refused: %v", path, got, fault)
		}
		for _, reading := range []string{got, strings.ReplaceAll(strings.ToLower(got), "%2e", ".")} {
			if strings.Contains(reading+"/", "/../") || strings.Contains(reading+"/", "/./") {
				t.Errorf("%q became %q, which has a dot segment", path, got)
			}
		}
	})
}

// slowRewrite is a rewrite with strings.
func slowRewrite(strip, add, path string) string {
	if path == "*" {
		return path
	}
	segments := strings.Split(path, "/")[1:]
	for s := range strings.SplitSeq(strip, "/") {
		if s != "" {
			segments = segments[1:]
		}
	}
	add = strings.TrimRight(add, "/")
	if len(segments) == 0 {
		return cmp.Or(add, "/")
	}
	return add + "/" + strings.Join(segments, "/")
}

// Prefixes to add are paths that everybody reads alike.
func TestAddPrefixIsPlain(t *testing.T) {
	f := func(add string, ok bool) {
		t.Helper()
		_, _, err := rewriting("", add)
		if (err == nil) != ok {
			t.Errorf("add_prefix %q: %v", add, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "f.toml:7: route.api.add_prefix: ") {
			t.Errorf("add_prefix %q: %v", add, err)
		}
	}
	f("/v2", true)
	f("/v2/", true)
	f("/v2/a.b/...", true)
	f("//host", false)
	f("/a//b", false)
	f("/..", false)
	f("/a/./b", false)
	f("/%2e%2e", false)
	f("/a%2fb", false)
	f("/a%", false)
	f("/a;b", false)
	f(`/a"b`, false)
	f("/a<b", false)
}
