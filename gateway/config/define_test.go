package config_test

import (
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

// What TOML forbids is refused where it stands, also what the library takes.
func TestDefinitions(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		// Dotted keys do not reach into tables of headers.
		{"[a.b.c]\nz=9\n[a]\nb.c.t=1", "4: "},
		{"[a.b.c.d]\nz=9\n[a]\nb.c.d.k.t=1", "4: "},
		{"[a.b]\nx=1\n[a]\nb.y=2", "4: "},
		{"[[a.b]]\n[a]\nb.y=2", "3: "},
		{"[cors]\napp.origins=['*']\n[cors.app]\nmethods=[]", "3: cors.app is defined by dotted keys already, at line 2 (write it in one place)"},
		{"[a]\nb.c=1\n[a.b]\nd=1", "3: a.b"},
		{"[a]\nb.c.d=1\n[a.b.c]", "3: "},
		{"a.b=1\n[a]", "2: "},
		{"a.b=1\n[[a]]", "2: "},
		// Headers, twice.
		{"[a]\n[a]", "2: "},
		{"[a]\n[a.b]\n[a]", "3: "},
		{"[a]\n[[a]]", "2: "},
		{"[[a]]\n[a]", "2: "},
		{"[a.b]\n[[a]]", "2: "},
		{"[a]\nb=1\n[a.b]", "3: "},
		{"[a]\nb=1\n[a.b.c]", "3: "},
		{"[[a]]\nb=1\n[a.b]", "3: "},
		{"a=[]\n[[a]]", "2: "},
		{"a=[{}]\n[[a]]", "2: "},
		{"a=[{b=1}]\n[[a.b]]", "2: "},
		{"[[a.b]]\n[a.b]", "2: "},
		{"[[a.b]]\n[[a]]", "2: "},
		// What an inline table holds is complete.
		{"a={}\n[a]", "2: "},
		{"a={}\n[a.b]", "2: "},
		{"a={b=1}\n[a.c]", "2: "},
		{"a={b={}}\n[a.b]", "2: "},
		{"a={b=1}\na.c=2", "2: "},
		{"a={b.c=1}\na.b.d=2", "2: "},
		{"a.b={}\na.b.c=1", "2: "},
		{"a.b={c=1}\na.b.d=2", "2: "},
		{"[t]\ntype = { name = 'x' }\ntype.edible = false", "3: type has a value already, at line 2 (an inline table cannot be extended later: write all of it there)"},
		{"a={b=1,b=2}", "1: "},
		{"a={b={},b.c=1}", "1: "},
		{"a={b.c=1,b={}}", "1: "},
		{"a={b.c={},b.c.d=1}", "1: "},
		{"a={b=1,b.c=2}", "1: "},
		{"a={b.c=1,b=2}", "1: "},
		{"a=[{b=1,b=2}]", "1: "},
		{"a=[[{b.c={d=1},b.c.e=2}]]", "1: "},
		// Keys, twice, in any spelling.
		{"a=1\na=2", "2: "},
		{"a=1\n\"a\"=2", "2: "},
		{"'a'=1\n\"\\u0061\"=2", "2: "},
		{"a.b=1\n a . b =2", "2: "},
		{"a=1\na.b=2", "2: "},
		{"a.b=1\na=2", "2: "},
		{"a=1\n[a]", "2: "},
		{"\"\"=1\n''=2", "2: "},
		{"[[a]]\nb=1\nb=2", "3: "},
	} {
		cfg, err := config.Parse("f.toml", []byte(c.text))
		if cfg != nil || err == nil {
			t.Errorf("%q is taken: %v", c.text, err)
			continue
		}
		line, message, _ := strings.Cut(c.want, ": ")
		if got := err.Error(); !strings.HasPrefix(got, "f.toml:"+line+": ") || strings.Contains(message, " ") && got != "f.toml:"+c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
}

// And what it allows is taken.
func TestDefinitionsThatAreAllowed(t *testing.T) {
	for _, text := range []string{
		"[a.b.c]\n[a.b]\n[a]", "[a]\n[a.b]\n[a.b.c]", "[a.b]\n[a.c]\n[a]\nd=1",
		"a.b=1\na.c=2\nb.a=1\na.d.e=1", "[a]\nb.c=1\nb.d=2\n[a.e]\n[a.b.f]\n",
		"[fruit]\napple.color=1\napple.taste.sweet=true\n[fruit.apple.texture]\nsmooth=true",
		"[[a]]\nb=1\n[[a]]\nb=1\n", "[[a]]\n[a.b]\nc=1\n[[a]]\n[a.b]\nc=1", "[[a]]\n[[a.b]]\n[[a.b]]\n[[a]]\n[[a.b]]",
		"[[a]]\nb.c=1\n[[a]]\nb.c=1\n[a.d.e]", "a={b.c=1,b.d=2,e={b=1}}", "a=[{b=1},{b=1},[{b=1}]]", "[a]\n[b]\na={}",
		"[[a.b]]\n[a.c]\n[a]\nd=1", "a={\n b=1, # TOML 1.1\n}\n",
	} {
		if cfg, err := config.Parse("f.toml", []byte(text)); cfg == nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
