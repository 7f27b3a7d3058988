//go:build linux

package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
)

// setups are one of each kind.
var setups = []Setup{{}, {Origins: 1}, {Origins: 1000}, {Routes: 1}, {Routes: 100}, {Origins: 10, Cache: true}, {TLS: true}, {TLS: true, HTTP2: true}}

func TestCorsgateConfigs(t *testing.T) {
	for _, s := range setups {
		for _, adjust := range []func(*values){func(*values) {}, func(v *values) { v.Engine = "fasthttp" }, func(v *values) { v.NoCache = true }} {
			v := s.values(t.TempDir())
			v.Port, v.Upstream = 8080, 9000
			adjust(&v)
			var text strings.Builder
			if err := render(&text, "corsgate.toml", v); err != nil {
				t.Fatal(err)
			}
			if err := writeCertificate(v.Dir); err != nil {
				t.Fatal(err)
			}
			cfg, err := config.Parse(filepath.Join(v.Dir, "corsgate.toml"), []byte(text.String()))
			if err != nil {
				t.Errorf("%+v: %v", s, err)
				continue
			}
			if problems, _ := gateway.Check(cfg); len(problems) > 0 {
				t.Errorf("%+v: %v", s, problems)
			}
			if want := max(1, s.Routes); len(cfg.Routes) != want {
				t.Errorf("%+v: %d routes, want %d", s, len(cfg.Routes), want)
			}
			if want := max(1, s.Origins); len(cfg.CORS[0].Origins) < want {
				t.Errorf("%+v: %d origins, want %d", s, len(cfg.CORS[0].Origins), want)
			}
		}
	}
}

// The products' own checks, of those that are installed.
func TestPeerConfigs(t *testing.T) {
	checks := map[string][]string{"nginx": {"-t", "-p", "DIR", "-c"}, "HAProxy": {"-c", "-f"}, "Caddy": {"validate", "--adapter", "caddyfile", "--config"}}
	for _, p := range peers("corsgate") {
		arguments, ok := checks[p.Name]
		program, err := exec.LookPath(p.Program)
		if !ok || err != nil {
			continue
		}
		for _, s := range setups {
			dir := t.TempDir()
			v := s.values(dir)
			v.Port, v.Upstream = 8080, 9000
			if err := errors.Join(writeLists(v), writeCertificate(dir)); err != nil {
				t.Fatal(err)
			}
			path, err := writeConfig(p.config, p.config, v)
			if err != nil {
				t.Fatal(err)
			}
			var argv []string
			for _, a := range append(arguments, path) {
				argv = append(argv, strings.ReplaceAll(a, "DIR", dir))
			}
			if out, err := exec.Command(program, argv...).CombinedOutput(); err != nil {
				t.Errorf("%s, %+v: %v\n%s", p.Name, s, err, out)
			}
		}
	}
}

func TestOriginsFile(t *testing.T) {
	var text strings.Builder
	v := Setup{Origins: maxInline + 1}.values("/somewhere")
	if err := render(&text, "corsgate.toml", v); err != nil {
		t.Fatal(err)
	}
	if want := `origins_file = "/somewhere/origins.list"`; !strings.Contains(text.String(), want) || text.Len() > 2000 {
		t.Errorf("%d origins: %d bytes without %s", len(v.Origins), text.Len(), want)
	}
}

func TestPlan(t *testing.T) {
	for _, scale := range []Scale{quickScale(), fullScale()} {
		seen := map[string]bool{}
		for _, s := range plan(scale) {
			if seen[s.Name] || len(s.Cells) == 0 || s.Title == "" || s.Note == "" || s.Axis == "" {
				t.Errorf("scenario %q is not complete, or there are two", s.Name)
			}
			seen[s.Name] = true
			for _, c := range s.Cells {
				if c.Rounds < 1 || c.For <= 0 || c.Load.Connections < 1 || len(c.Load.Requests) == 0 {
					t.Errorf("%s %d: nothing to do: %+v", s.Name, c.X, c.Rounds)
				}
			}
		}
	}
}

func TestSpread(t *testing.T) {
	for _, n := range []int{1, 100, 1000, 10_000, 1_000_000} {
		seen := map[int]bool{}
		spread(n, func(i int) string {
			if i < 0 || i >= n || seen[i] {
				t.Errorf("spread(%d) calls with %d, out of range or again", n, i)
			}
			seen[i] = true
			return ""
		})
		if len(seen) != min(n, different) {
			t.Errorf("spread(%d): %d requests", n, len(seen))
		}
	}
}

func TestInsert(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	write := func(text string) {
		t.Helper()
		if err := writeFile(path, text); err != nil {
			t.Fatal(err)
		}
	}
	write("# a\n<!-- compare begin -->\nold\n<!-- compare end -->\nz\n")
	for range 2 { // again it is the same
		if err := insert(path, "compare", "new"); err != nil {
			t.Fatal(err)
		}
		if got, want := readFile(t, path), "# a\n<!-- compare begin -->\n\nnew\n<!-- compare end -->\nz\n"; got != want {
			t.Errorf("insert made %q, want %q", got, want)
		}
	}
	for _, bad := range []string{"# a\n", "<!-- compare end -->\n<!-- compare begin -->\n"} {
		write(bad)
		if err := insert(path, "compare", "new"); err == nil || readFile(t, path) != bad {
			t.Errorf("insert into %q: %v, and now %q", bad, err, readFile(t, path))
		}
	}
}
