package convert

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/*.want with what is converted now")

// TestConvert converts what people have, compares, and holds that corsgate accepts the result.
func TestConvert(t *testing.T) {
	files, err := filepath.Glob("testdata/*-*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".want") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			from, _, _ := strings.Cut(filepath.Base(file), "-")
			var b strings.Builder
			if err := Convert(&b, from, filepath.Base(file), text); err != nil {
				t.Fatal(err)
			}
			accepted(t, b.String())
			if *update {
				if err := os.WriteFile(file+".want", []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file + ".want")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// accepted checks a configuration as corsgate check --strict does.
func accepted(t *testing.T, text string) {
	t.Helper()
	cfg, err := config.Parse("corsgate.toml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if problems, warnings := gateway.Check(cfg); len(problems)+len(warnings) > 0 {
		t.Fatalf("%v %v\n%s", problems, warnings, text)
	}
}

func TestConvertErrors(t *testing.T) {
	f := func(from, text, want string) {
		t.Helper()
		var b strings.Builder
		err := Convert(&b, from, "x.conf", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || b.Len() > 0 {
			t.Errorf("%s %q: %v, %q, want %q", from, text, err, b.String(), want)
		}
	}
	f("apache", "", "nginx, express, envoy, traefik")
	f("nginx", "a\x00b", "not text")
	f("nginx", strings.Repeat(" ", MaxSize+1), "larger than")
	for _, from := range Sources() {
		f(from, "", "nothing about CORS")
	}
	f("nginx", "server { listen 80; }", "nothing about CORS")
	f("nginx", "a;\nserver {\n", "x.conf:2: the block")
	f("nginx", "a;\n}", "x.conf:2: unexpected '}'")
	f("nginx", "a b", `x.conf:1: "a" has no ';'`)
	f("nginx", "a;\n;", "x.conf:2:")
	f("nginx", "a 'b;\nc;", "x.conf:1: a quote")
	f("nginx", strings.Repeat("a {", 100), "nested too deep")
	f("express", "const x = 1", "nothing about CORS")
	f("express", "\ncors({origin: ['a'", "x.conf:2: the options")
	f("express", "cors({origin: "+strings.Repeat("[", 1000), "x.conf:1: the options")
	f("envoy", "a: [", "the YAML is malformed")
	f("envoy", "a:\n  - b\n c: d", "x.conf:2: the YAML")
	f("envoy", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]", "too large")
	f("traefik", "[http\na = 1", "the TOML is malformed")
	f("traefik", "just text", "nothing about CORS")
}

// FuzzConvert holds that what is written is always accepted.
func FuzzConvert(f *testing.F) {
	files, err := filepath.Glob("testdata/*-*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i, from := range Sources() {
			if strings.HasPrefix(filepath.Base(file), from) && !strings.HasSuffix(file, ".want") {
				f.Add(i, string(text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, from int, text string) {
		var b strings.Builder
		if err := Convert(&b, Sources()[uint(from)%uint(len(Sources()))], "x\n", []byte(text)); err == nil {
			accepted(t, b.String())
		}
	})
}
