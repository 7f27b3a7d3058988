package config_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/google/go-cmp/cmp"
)

func TestLocate(t *testing.T) {
	f := func(text string, want map[string]int) {
		t.Helper()
		got := map[string]int{}
		for key, at := range config.Locate([]byte(text)) {
			got[key] = at.Line
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("Locate(%q) (-want +got):\n%s", text, d)
		}
	}
	f("", map[string]int{})
	f("a = 1\nb = 2 # c = 3\n# d = 4\n", map[string]int{"a": 1, "b": 2})
	f("\r\n[a]\r\nb = 1\r\n", map[string]int{"a": 2, "a.b": 3})
	f("[ a . \"b c\" ]\n'x.y' = 1", map[string]int{"a": 1, `a."b c"`: 1, `a."b c"."x.y"`: 2})

	// A header of its own moves a table that was implied before.
	f("[a.b]\n\n[a]\n", map[string]int{"a": 3, "a.b": 1})
	f("a.b = 1\na.c = 2\n", map[string]int{"a": 1, "a.b": 1, "a.c": 2})

	// Strings hide what looks like structure.
	f("a = \"\"\"\nx = 1\n[y]\n\\\"\"\"\" # \"\"\"\nb = '''\nz = 1'''\nc = \"]\\\"[\"\nd = '\\'\ne = 1",
		map[string]int{"a": 1, "b": 5, "c": 7, "d": 8, "e": 9})
	f("a = \"\"\"x\"\"\"\"\"\nb = ''''''\nc = \"\"\nd = 1", map[string]int{"a": 1, "b": 2, "c": 3, "d": 4})

	// Inline tables and arrays.
	f("a = { b = 1, c.d = [1, { e = 2 }],\n f = {} }\ng = [ # ]\n[1],\n'#', ]\nh = 1",
		map[string]int{"a": 1, "a.b": 1, "a.c": 1, "a.c.d": 1, "a.c.d.e": 1, "a.f": 2, "g": 3, "h": 6})

	// Not TOML, but no reason to hang.
	for _, text := range []string{"[", "=", "a = [", "a = {", "a = { =", "a = [}", "a={]", "\"", "'''", "]\n}\n", "a = \"\\", "a = \"\"\"\\", "\x00", "{\n{"} {
		config.Locate([]byte(text))
	}
}

func TestLocateElements(t *testing.T) {
	f := func(text string, want ...int) {
		t.Helper()
		if d := cmp.Diff(want, config.Locate([]byte(text))["a"].Elements); d != "" {
			t.Errorf("elements of %q (-want +got):\n%s", text, d)
		}
	}
	f("a = [1, 2,\n 3]", 1, 1, 2)
	f("a = [ # one, two\n'x', # y\n\n[1,\n2], \"\"\"\n\"\"\", {\nb = 1}, 1]", 2, 4, 5, 6, 7)
	f("a = []")
}

func TestNestingIsBounded(t *testing.T) {
	f := func(depth int, want bool) {
		t.Helper()
		got := true
		for _, p := range problems(t, "a = "+strings.Repeat("[", depth)+strings.Repeat("]", depth)) {
			got = got && !strings.Contains(p.Message, "nested")
		}
		if got != want {
			t.Errorf("depth %d accepted = %t, want %t", depth, got, want)
		}
	}
	f(10, true)
	f(33, true)
	f(34, false)
	f(1_000_000, false)
}

// FuzzLocate holds the locator against the TOML library: in any text that the library accepts, both know the same
// keys, and each key is on a line that has its last part in it. Keys inside arrays are left out of the comparison,
// for the library files some of them elsewhere.
func FuzzLocate(f *testing.F) {
	for _, seed := range []string{
		"a = 1\n[b.c]\nd = [1,\n2]\n", "[a.b]\n[a]\nc.d = '''\nx\n'''", "'a b'.\"c\\n\" = { d = {}, e.f = 1 }",
		"\r\n[x] # y\r\ny = \"\"\"\\\"\"\"\"\r\n", "a = \"\"\"x\"\"\"\"\"\nb = 1", "\xef\xbb\xbfa = 1",
	} {
		f.Add([]byte(seed))
	}
	f.Add(config.Example())
	f.Fuzz(func(t *testing.T, text []byte) {
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
		at := config.Locate(text)
		if at == nil {
			return
		}
		if bytes.HasPrefix(text, []byte("\xfe\xff")) || bytes.HasPrefix(text, []byte("\xff\xfe")) {
			return // The library skips what Parse has refused by then.
		}
		var values map[string]any
		meta, err := toml.Decode(string(text), &values)
		if err != nil {
			return
		}
		lines := bytes.Split(text, []byte("\n"))
		keys := 0
		var compare func(path string, table map[string]any)
		compare = func(path string, table map[string]any) {
			for key, value := range table {
				keys++
				full := config.JoinKey(path, key)
				place, ok := at[full]
				if !ok {
					t.Fatalf("%s is not located in %q", full, text)
				}
				if config.JoinKey("", key) == key && !bytes.Contains(lines[place.Line-1], []byte(key)) && !bytes.ContainsRune(text, '\\') {
					t.Fatalf("%s is not on line %d of %q", full, place.Line, text)
				}
				if array, ok := value.([]any); ok && len(array) != len(place.Elements) {
					t.Fatalf("%s has %d elements, located %d in %q", full, len(array), len(place.Elements), text)
				}
				if inner, ok := value.(map[string]any); ok {
					compare(full, inner)
				}
			}
		}
		compare("", values)
		if !bytes.ContainsAny(text, "[") && keys != len(at) {
			t.Fatalf("located %d keys, want %d (%v) in %q", len(at), keys, meta.Keys(), text)
		}
	})
}

// FuzzParse holds what is true of any text: Parse reports Problems with lines of the file, in order, and a
// file that it accepts is one that each of its routes can be served from.
func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add(config.Example())
	f.Add([]byte("[[route]]\n[cors]\nx = 1\n[route.a]\nredirect = {}\n[limits]\nheader_bytes = '1KiB'\n"))
	f.Add([]byte("a = [1, { b = 1 }, [{ c = 2 }]]\n[listener.x]\n[listener.\"\"]\naddress = ':0'"))
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, err := config.Parse("f", text)
		if err == nil {
			if len(cfg.Routes) == 0 || len(cfg.Listeners) == 0 {
				t.Fatalf("accepted %q without routes or listeners", text)
			}
			for _, r := range cfg.Routes {
				if n := count(r.Upstream != "", r.Redirect != nil, r.Respond != nil); n != 1 {
					t.Fatalf("accepted route %q with %d actions in %q", r.Name, n, text)
				}
			}
			return
		}
		var list config.Problems
		if !errors.As(err, &list) || len(list) == 0 {
			t.Fatalf("Parse(%q) = %T %v, want Problems", text, err, err)
		}
		last := 1
		for _, p := range list {
			if p.Line < last || p.Line > bytes.Count(text, []byte("\n"))+1 || p.Message == "" {
				t.Fatalf("Parse(%q): bad problem %v after line %d", text, p, last)
			}
			last = p.Line
		}
	})
}

func count(facts ...bool) (n int) {
	for _, fact := range facts {
		if fact {
			n++
		}
	}
	return n
}
