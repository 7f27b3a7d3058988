package config_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the .want files of testdata/bad")

var ignorePlaces = cmpopts.IgnoreUnexported(config.Config{})

// minimal is the shortest useful file.
const minimal = `[cors.app]
origins = ["https://myapp.com"]
[upstream.api]
endpoints = ["http://127.0.0.1:9001"]
[route.api]
cors = "app"
upstream = "api"
`

func mustParse(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("f.toml", []byte(text))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return cfg
}

// problems returns what Parse has to say about text.
func problems(t *testing.T, text string) config.Problems {
	t.Helper()
	_, err := config.Parse("f.toml", []byte(text))
	var p config.Problems
	if err != nil && (!errors.As(err, &p) || len(p) == 0) {
		t.Fatalf("Parse returned %T %v, want Problems", err, err)
	}
	return p
}

func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = config.Parse(filepath.Base(file), text)
			if err == nil {
				t.Fatal("Parse accepted it")
			}
			got := strings.ReplaceAll(err.Error(), filepath.Base(file)+":", "") + "\n"
			wantFile := strings.TrimSuffix(file, ".toml") + ".want"
			if *update {
				if err := os.WriteFile(wantFile, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
		})
	}
}

// The example shows defaults: without the lines that only show them, the same configuration must come out.
func TestExampleShowsDefaults(t *testing.T) {
	got := mustParse(t, string(config.Example()))
	if d := cmp.Diff(mustParse(t, minimal), got, ignorePlaces); d != "" {
		t.Errorf("example (-minimal +example):\n%s", d)
	}
	answers := minimal + `[route.to]
redirect = { to = "https://www.example.com$path", status = 308 }
[route.say]
respond  = { status = 200, body = "", content_type = "text/plain" }
[route.from]
redirect = { to = "https://www.example.com$path" }
[route.ok]
respond  = {}
`
	for _, line := range strings.Split(answers, "\n") {
		if strings.Contains(line, "status") && !bytes.Contains(config.Example(), []byte(line)) {
			t.Errorf("the example does not show %s", line)
		}
	}
	routes := mustParse(t, answers).Routes[1:]
	if d := cmp.Diff(routes[0].Redirect, routes[2].Redirect) + cmp.Diff(routes[1].Respond, routes[3].Respond); d != "" {
		t.Errorf("defaults of redirect and respond: %s", d)
	}
}

func TestExampleIsFresh(t *testing.T) {
	a := config.Example()
	a[0] = 'x'
	if config.Example()[0] == 'x' {
		t.Error("Example returned the same memory twice")
	}
}

func TestDefaults(t *testing.T) {
	got := mustParse(t, "[route.r]\nrespond = {}\n")
	if len(got.Listeners) != 1 || got.Listeners[0] != (config.Listener{Name: "http", Address: "127.0.0.1:8080", Engine: "auto"}) {
		t.Errorf("Listeners = %+v", got.Listeners)
	}
	if got.Timeouts.Idle != 75*time.Second || got.Limits.HeaderBytes != 16384 || got.Cache.Preflights != 32768 {
		t.Errorf("Timeouts, Limits, Cache = %+v %+v %+v", got.Timeouts, got.Limits, got.Cache)
	}
	if r := got.Routes[0]; r.Path != "/" || r.Timeout != config.Auto || r.IdleTimeout != nil || r.BodyBytes != nil || r.Respond.Status != 200 {
		t.Errorf("Routes[0] = %+v", r)
	}
	if p := mustParse(t, "[route.r]\nrespond = {}\npath = ''").Routes[0].Path; p != "/" {
		t.Errorf("an empty path became %q", p)
	}
}

func TestValues(t *testing.T) {
	got := mustParse(t, `
[admin]
address = "off"
[trust]
proxies = ["10.0.0.0/8", "192.0.2.7", "2001:db8::1", "::ffff:192.0.2.1"]
[limits]
body_bytes = 4096
[cors.b]
origins = ["*"]
max_age = "0s"
[cors.a]
origins = ["*"]
[upstream.u]
endpoints = ["http://[::1]:80", "http://api", "unix:/run/api.sock"]
[route.z]
upstream = "u"
body_bytes = "1GiB"
[route.y]
upstream = "u"
`)
	if network, address := got.Admin.Address.Split(); got.Admin.Address != config.Off || network+address != "" {
		t.Errorf("Admin = %+v", got.Admin)
	}
	if s := fmt.Sprint(got.Trust.Proxies); s != "[10.0.0.0/8 192.0.2.7/32 2001:db8::1/128 192.0.2.1/32]" {
		t.Errorf("Proxies = %s", s)
	}
	if got.Limits.BodyBytes != 4096 || *got.Routes[0].BodyBytes != 1<<30 {
		t.Errorf("BodyBytes = %v, %v", got.Limits.BodyBytes, *got.Routes[0].BodyBytes)
	}
	if a := got.CORS[0].MaxAge; a == nil || *a != 0 || got.CORS[1].MaxAge != nil {
		t.Errorf("MaxAge = %v, %v", got.CORS[0].MaxAge, got.CORS[1].MaxAge)
	}
	if s := got.CORS[0].Name + got.CORS[1].Name + got.Routes[0].Name + got.Routes[1].Name; s != "bazy" {
		t.Errorf("tables are not in the order of the file: %s", s)
	}
	want := []config.Endpoint{
		{URL: "http://[::1]:80", Network: "tcp", Address: "[::1]:80"},
		{URL: "http://api", Network: "tcp", Address: "api:80"},
		{URL: "unix:/run/api.sock", Network: "unix", Address: "/run/api.sock"},
	}
	if d := cmp.Diff(want, got.Upstreams[0].Endpoints); d != "" {
		t.Errorf("Endpoints: %s", d)
	}
}

// Later stages see what is left of a file with problems, and find the lines of what they complain about.
func TestConfigDespiteProblems(t *testing.T) {
	cfg, err := config.Parse("f.toml", []byte(`
[cors.app]
origins = [
  "https://a.com",
  17,
  "https://*",
]
typo = 1
[route.api]
respond = {}
`))
	if err == nil || cfg == nil {
		t.Fatalf("Parse = %v, %v", cfg, err)
	}
	f := func(key string, index int, want string) {
		t.Helper()
		if got := cfg.Problem(key, index, "bad", "hint").Error(); got != want {
			t.Errorf("Problem(%q, %d) = %s, want %s", key, index, got, want)
		}
	}
	if d := cmp.Diff([]string{"https://a.com", "https://*"}, cfg.CORS[0].Origins); d != "" {
		t.Fatal(d)
	}
	f("cors.app.origins", -1, "f.toml:3: cors.app.origins: bad (hint)")
	f("cors.app.origins", 0, "f.toml:4: cors.app.origins: bad (hint)")
	f("cors.app.origins", 1, "f.toml:6: cors.app.origins: bad (hint)") // the integer is gone, and its line
	f("cors.app.origins", 9, "f.toml:3: cors.app.origins: bad (hint)")
	f("cors.app.methods", 3, "f.toml:2: cors.app.methods: bad (hint)")
	f("route.api", -1, "f.toml:9: route.api: bad (hint)")
	f("listener.http.address", -1, "f.toml:1: listener.http.address: bad (hint)")
	if got := cfg.Line("route.api.respond"); got != 10 {
		t.Errorf("Line = %d, want 10", got)
	}
	if got := (&config.Config{File: "x"}).Problem("a.b", 0, "bad", "").Error(); got != "x:1: a.b: bad" {
		t.Errorf("Problem of a Config without a text = %s", got)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	f := func(path, want string) {
		t.Helper()
		cfg, err := config.Load(path)
		if cfg != nil || err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("Load(%q) = %v, %v, want %s", path, cfg, err, want)
		}
	}
	f(dir, "is a directory")
	f(filepath.Join(dir, "none.toml"), "no such file")

	// A sparse file, so that the test does not write what Load must not read.
	large := filepath.Join(dir, "large.toml")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<30); err != nil {
		t.Fatal(err)
	}
	f(large, "larger than 4MiB")

	good := filepath.Join(dir, "good.toml")
	if err := os.WriteFile(good, []byte(minimal), 0o600); err != nil {
		t.Fatal(err)
	}
	if cfg, err := config.Load(good); err != nil || cfg.File != good {
		t.Errorf("Load = %+v, %v", cfg, err)
	}
}

// An unreadable syntax ends the parse: there is nothing that a later stage could look at.
func TestSyntaxErrorEndsParse(t *testing.T) {
	if cfg, err := config.Parse("f.toml", []byte("[a\n")); cfg != nil || err == nil {
		t.Errorf("Parse = %v, %v", cfg, err)
	}
}

// Every exported type and field of the package says what it is.
func TestFieldsAreDocumented(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fields := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || !spec.Name.IsExported() {
				return true
			}
			structure, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range structure.Fields.List {
				for _, ident := range field.Names {
					if ident.IsExported() {
						fields++
						if !strings.HasPrefix(field.Doc.Text(), ident.Name) {
							t.Errorf("%s.%s has no doc comment that begins with its name", spec.Name, ident)
						}
					}
				}
			}
			return true
		})
	}
	if fields < 80 {
		t.Errorf("found only %d fields", fields)
	}
}
