package gateway

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/files"
)

// withOrigins is a configuration in a new directory, whose policy has the file origins.txt beside it, which is written.
func withOrigins(t testing.TB, more, text string) (cfg *config.Config, path string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "origins.txt")
	replace(t, path, text)
	cfg, err := config.Parse(filepath.Join(dir, "corsgate.toml"),
		[]byte("[cors.app]\norigins_file = \"origins.txt\"\n"+more+"\n[route.all]\ncors = \"app\"\nrespond = {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return cfg, path
}

// replace puts a file with text in the place of the one at path, if there is one.
func replace(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

// allows reports whether the policy in force allows an origin.
func (g *Gateway) allows(origin string) bool {
	i, _ := g.proxy.Current().Policies["app"].CORS.AllowedOrigin([]byte(origin))
	return i >= 0
}

// TestOriginsFileProblems: what is wrong with a file, or a line of it, is an error at its place.
func TestOriginsFileProblems(t *testing.T) {
	f := func(more, text string, prepare func(path string), want ...string) {
		t.Helper()
		cfg, path := withOrigins(t, more, text)
		if prepare != nil {
			prepare(path)
		}
		problems, _ := Check(cfg)
		for i, p := range problems {
			got := strings.ReplaceAll(p.Error(), filepath.Dir(path)+"/", "")
			if wanted := append(want, make([]string, len(problems))...)[i]; wanted == "" || !strings.HasPrefix(got, wanted) {
				t.Errorf("problem %d: %s, want %s", i, got, wanted)
			}
		}
		if len(problems) != len(want) {
			t.Errorf("%d problems, want %d: %v", len(problems), len(want), problems)
		}
	}
	const key = "corsgate.toml:2: cors.app.origins_file: "
	f("", "https://a.com\n", nil)
	f("", "# a\nhttps://A.com\n\nb.com\n", nil, `origins.txt:2: pattern "https://A.com": `, `origins.txt:4: the line does not resemble an origin`)
	f("credentials = true", "http://a.com\nhttps://*.co.uk\nnull\n*\n", nil, `origins.txt:1: pattern "http://a.com": http://`,
		`origins.txt:2: pattern "https://*.co.uk": co.uk is a public suffix`, `origins.txt:3: "null"`, `origins.txt:4: "*" with credentials`)
	many := strings.Repeat("https://ok.com\nA\n", 25)
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprintf(`origins.txt:%d: the line does not resemble an origin`, 2*i+2))
	}
	f("", many, nil, append(want, key+"5 further lines of the file are wrong")...)
	f("", "", nil, key+"origins.txt holds no pattern")
	f("", "# none\n\r\n", nil, key+"origins.txt holds no pattern")
	f("", "\xff\xfeh\x00", nil, key+"origins.txt is UTF-16")
	f("", "x", func(path string) { os.Remove(path) }, key+"cannot read origins.txt: no such file")
	f("", "x", func(path string) { os.Remove(path); os.Mkdir(path, 0o700) }, key+"origins.txt is a directory")
	f("", "x", func(path string) { os.Remove(path); syscall.Mkfifo(path, 0o600) }, key+"origins.txt is not a regular file")
	f("", "x", func(path string) { os.Truncate(path, files.MaxSize+1) }, key+"origins.txt is larger than 256MiB")
	// What is wrong with the file does not hide what else is wrong.
	f("origins = [\"B.com\"]\nmethods = [\"TRACE\"]", "A\n", nil, "corsgate.toml:3: cors.app.origins: ", `origins.txt:1: the line does not resemble an origin`, "corsgate.toml:4: cors.app.methods: ")
}

// TestMillionOrigins loads a million lines, says how long it took, and reloads with something else changed, for which
// they need not be compiled again.
func TestMillionOrigins(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	var b strings.Builder
	for i := range 1_000_000 {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "https://tenant%d.com\n", i)
		case 1:
			fmt.Fprintf(&b, "https://*.shop%d.example.com\n", i)
		default:
			fmt.Fprintf(&b, "https://app%d.tenant%d.com:8443\n", i, i)
		}
	}
	cfg, _ := withOrigins(t, "credentials = true", b.String())
	begun := time.Now()
	g, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("loaded in %v", time.Since(begun))
	for origin, want := range map[string]bool{
		"https://tenant0.com": true, "https://a.b.shop999997.example.com": true, "https://app999999.tenant999999.com:8443": true,
		"https://app999999.tenant999999.com": false, "https://shop999997.example.com": false, "https://tenant1000000.com": false,
	} {
		if g.allows(origin) != want {
			t.Errorf("%s is allowed: %t, want %t", origin, !want, want)
		}
	}
	before := g.proxy.Current()
	next := *cfg
	next.Cache.Preflights = 7
	begun = time.Now()
	if err := g.Reload(&next); err != nil {
		t.Fatal(err)
	}
	t.Logf("reloaded in %v", time.Since(begun))
	after := g.proxy.Current()
	if after == before || after.Policies["app"] != before.Policies["app"] || after.Routes[0].Policy != before.Routes[0].Policy {
		t.Error("the policy was compiled again")
	}
}

// TestPolicyTakenOver: only a policy of an equal table and an equal file is taken over.
func TestPolicyTakenOver(t *testing.T) {
	cfg, path := withOrigins(t, "", "https://a.com\n")
	g, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f := func(change func(c *config.CORS), text string, want bool) {
		t.Helper()
		before := g.proxy.Current().Policies["app"]
		replace(t, path, text)
		next := *cfg
		next.CORS = []config.CORS{cfg.CORS[0]}
		change(&next.CORS[0])
		if err := g.Reload(&next); err != nil {
			t.Fatal(err)
		}
		if got := g.proxy.Current().Policies["app"] == before; got != want {
			t.Errorf("taken over: %t, want %t", got, want)
		}
	}
	same := func(*config.CORS) {}
	f(same, "https://a.com\n", true)
	f(same, "https://b.com\n", false)
	f(func(c *config.CORS) { c.Credentials = true }, "https://b.com\n", false)
	f(func(c *config.CORS) { c.Credentials = true }, "https://b.com\n", true)
	f(func(c *config.CORS) { c.Origins = []string{"https://c.com"} }, "https://b.com\n", false)
	f(func(c *config.CORS) { c.Origins = []string{"https://c.com"}; c.OriginsFile = "" }, "https://b.com\n", false)
}
