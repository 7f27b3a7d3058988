package config_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

// hostile are texts of about n bytes that would like to cost more than others.
var hostile = map[string]func(n int) string{
	"nothing": func(int) string { return "" },
	"parts":   func(n int) string { return strings.Repeat("a.", n/2) + "a = 1" },
	"most parts": func(n int) string {
		return each(n, func(i int) string { return strings.Repeat("a.", 14) + word(i) + "=1\n" })
	},
	"header": func(n int) string { return "[" + strings.Repeat("a.", n/2) + "a]" },
	"headers": func(n int) string {
		return each(n, func(i int) string { return "[" + strings.Repeat("a.", 14) + word(i) + "]\n" })
	},
	"long header": func(n int) string { return longHeader() + each(n, func(i int) string { return word(i) + "=1\n" }) },
	"long key":    func(n int) string { return strings.Repeat("k", n) + " = 1" },
	"long keys": func(n int) string {
		return each(n, func(i int) string { return strings.Repeat("k", 200) + word(i) + " = 1\n" })
	},
	"quoted parts": func(n int) string {
		return each(n, func(i int) string { return `"` + strings.Repeat(`\"`, 60) + word(i) + "\".b = 1\n" })
	},
	"keys":            func(n int) string { return each(n, func(i int) string { return word(i) + "=1\n" }) },
	"same key":        func(n int) string { return strings.Repeat("a=1\n", n/4) },
	"tables":          func(n int) string { return each(n, func(i int) string { return "[" + word(i) + "]\n" }) },
	"arrays":          func(n int) string { return strings.Repeat("[[a]]\n", n/6) },
	"arrays in array": func(n int) string { return strings.Repeat("[[a]]\n[[a.b]]\n[a.b.c]\n", n/24) },
	"inline":          func(n int) string { return "a = " + strings.Repeat("{ a = ", n/6) },
	"inline dotted": func(n int) string {
		return "a = {" + each(n, func(i int) string { return "b.b.b.b.b.b.b." + word(i) + "=1," }) + "c=1}"
	},
	"nested": func(n int) string {
		return strings.Repeat("a = "+strings.Repeat("{a=", 14)+"1"+strings.Repeat("}", 14)+"\n", n/62)
	},
	"brackets":        func(n int) string { return "a = " + strings.Repeat("[", n) },
	"open brackets":   func(n int) string { return strings.Repeat("[", n) },
	"array":           func(n int) string { return "a = [" + strings.Repeat("1,", n/2) + "]" },
	"empty arrays":    func(n int) string { return "a = [" + strings.Repeat("[],", n/3) + "]" },
	"empty tables":    func(n int) string { return "a = [" + strings.Repeat("{},", n/3) + "]" },
	"string":          func(n int) string { return `a = "` + strings.Repeat("s", n) + `"` },
	"open string":     func(n int) string { return `a = "` + strings.Repeat("s", n) },
	"escapes":         func(n int) string { return `a = "` + strings.Repeat(`\u00e9`, n/6) + `"` },
	"wrong escapes":   func(n int) string { return `a = "` + strings.Repeat(`\q`, n/2) + `"` },
	"continued lines": func(n int) string { return `a = """` + strings.Repeat("\\\n", n/2) + `"""` },
	"blank lines":     func(n int) string { return `a = """` + strings.Repeat("\\\n   \n", n/6) + `"""` },
	"quotes":          func(n int) string { return `a = """` + strings.Repeat(`""x`, n/3) + `"""` },
	"many quotes":     func(n int) string { return "a = " + strings.Repeat(`"`, n) },
	"comments":        func(n int) string { return strings.Repeat("# c\n", n/4) },
	"comment":         func(n int) string { return "#" + strings.Repeat("#", n) },
	"lines":           func(n int) string { return strings.Repeat("\n", n) },
	"blanks":          func(n int) string { return strings.Repeat(" ", n) },
	"integer":         func(n int) string { return "a = " + strings.Repeat("1", n) },
	"underscores":     func(n int) string { return "a = 1" + strings.Repeat("_1", n/2) },
	"float":           func(n int) string { return "a = 1." + strings.Repeat("1", n) },
	"date":            func(n int) string { return "a = 2020-01-01T00:00:00." + strings.Repeat("1", n) },
	"not utf-8":       func(n int) string { return "#" + strings.Repeat("é", n/2) + "\xff" },
	"control bytes":   func(n int) string { return strings.Repeat("\x00", n) },
	"routes":          func(n int) string { return each(n, func(i int) string { return "[route." + word(i) + "]\n" }) },
	"bad routes": func(n int) string {
		return each(n, func(i int) string { return "[route." + word(i) + "]\ncors='n'\nx=1\n" })
	},
	"policies": func(n int) string {
		return each(n, func(i int) string { return "[cors." + word(i) + "]\nshadow='n'\n" })
	},
	"near keys": func(n int) string {
		return "[route.a]\n" + each(n, func(i int) string { return "upstrea_" + word(i) + "=1\n" })
	},
	"far keys": func(n int) string {
		return "[upstream.a]\n" + each(n, func(i int) string { return strings.Repeat("z", 58) + word(i) + "=1\n" })
	},
	"origins": func(n int) string { return "[cors.a]\norigins = [" + strings.Repeat("1,", n/2) + "]" },
	"methods": func(n int) string {
		return "[route.a]\nmethods = [" + each(n, func(i int) string { return "'" + word(i) + "'," }) + "]"
	},
	"upgrades": func(n int) string {
		return "[route.a]\nupgrades = [" + each(n, func(i int) string { return "'" + word(i) + "'," }) + "]"
	},
	"endpoints": func(n int) string {
		return "[upstream.a]\nendpoints = [" + each(n, func(i int) string { return "'http://" + word(i) + "'," }) + "]"
	},
	"split": func(n int) string {
		return "[route.a]\nsplit = [" + each(n, func(i int) string { return "{upstream='" + word(i) + "',weight=1}," }) + "]"
	},
	"headers to set": func(n int) string {
		return "[route.a.request_set_headers]\n" + each(n, func(i int) string { return word(i) + "='a'\n" })
	},
	"variables": func(n int) string {
		return "[route.a]\nrequest_set_headers = { a = '" + strings.Repeat("$host", n/5) + "' }"
	},
	"names": func(n int) string {
		return each(n/2, func(i int) string { return "[cors." + word(i) + "]\n" }) + each(n/2, func(i int) string { return "[route." + word(i) + "]\ncors='n'\n" })
	},
}

// each returns what part returns for 0, 1, 2, … until that is n bytes.
func each(n int, part func(i int) string) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString(part(i))
	}
	return b.String()
}

func word(i int) string { return fmt.Sprintf("%03x", i) }

// longHeader is as long as it may be, so that the keys below it have long names.
func longHeader() string { return "[" + strings.Repeat("a.", 13) + strings.Repeat("h", 220) + "]\n" }

// work returns what it takes to parse a text, in bytes and in allocations.
func work(text string) (bytes, allocations uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	config.Parse("f", []byte(text))                                                                                                 //nolint:errcheck // only the work matters
	config.ParseFleet(config.Source{Name: "own", Text: []byte("[fleet]\n")}, config.Source{Name: "revision 1", Text: []byte(text)}) //nolint:errcheck // likewise
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, after.Mallocs - before.Mallocs
}

// No text costs more than so much for each of its bytes, whatever is in it: all that is allocated is counted, also what is
// given back at once.
func TestHostileTexts(t *testing.T) {
	const size = 64 << 10
	for name, text := range hostile {
		bytes, allocations := work(text(size))
		if bytes > 64<<20 || allocations > 700_000 {
			t.Errorf("%s: %d KiB and %d allocations for a text of 64 KiB twice", name, bytes>>10, allocations)
		}
	}
}

// Four times the text is about four times the work.
func TestHostileTextsAreLinear(t *testing.T) {
	for name, text := range hostile {
		small, few := work(text(16 << 10))
		large, many := work(text(64 << 10))
		if large > 6*small+1<<20 || many > 6*few+1000 {
			t.Errorf("%s: from 16 to 64 KiB the work grows from %d to %d KiB, and from %d to %d allocations", name, small>>10, large>>10, few, many)
		}
	}
}

// FuzzWork holds that against texts that nobody has thought of: 64 MiB for 64 KiB, and some for the empty one.
func FuzzWork(f *testing.F) {
	for _, text := range hostile {
		f.Add(text(300))
	}
	f.Fuzz(func(t *testing.T, text string) {
		bytes, _ := work(text)
		if most := uint64(1<<20 + 1024*len(text)); bytes > most {
			t.Errorf("%d bytes are allocated for a text of %d, twice", bytes, len(text))
		}
	})
}

// What is wrong with the first mistakes is said, and how many more there are.
func TestManyMistakes(t *testing.T) {
	got := problems(t, "[route.a]\nrespond = {}\n"+each(4000, func(i int) string { return "x" + word(i) + " = 1\n" }))
	if len(got) != 101 {
		t.Fatalf("%d problems are noted", len(got))
	}
	if want := "f.toml:102: and 345 more mistakes"; got[100].Error() != want {
		t.Errorf("the last is %q, want %q", got[100].Error(), want)
	}
}

func TestLongNamesAreRefused(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got := problems(t, text)
		if len(got) != 1 || got[0].Error() != want {
			t.Errorf("%.60s…: %v, want %s", text, got, want)
		}
	}
	parts := "f.toml:2: the name of a key has more than 10 parts"
	f("\n["+strings.Repeat("a.", 10)+"a]", parts)
	f("\n"+strings.Repeat("a.", 10)+"a = 1", parts)
	f("\n[["+strings.Repeat("'a' . ", 10)+"a]]", parts)
	f("[a.b.c.d.e]\na.b.c.d.e.f = 1", parts)
	f("[a.b.c.d.e]\na = { b.c.d = { e = { f = 1 } } }", parts)
	f("[a.b.c.d.e]\na = [[{ b.c.d = [{ e = { f = 1 } }] }]]", parts)
	bytes := "f.toml:2: the name of a key, with those of its tables, has more than 256 bytes"
	f("\n"+strings.Repeat("k", 257)+" = 1", bytes)
	f("["+strings.Repeat("h", 200)+"]\n"+strings.Repeat("k", 60)+" = 1", bytes)
	f("\na = {"+strings.Repeat(`"\u0061`, 1)+strings.Repeat("k", 256)+`" = 1}`, bytes)
}

// What is small to write and large to serve is bounded, too.
func TestManyTablesAreRefused(t *testing.T) {
	many := func(n int, part string) string {
		return each(n*len(part+"00"), func(i int) string { return strings.Replace(part, "%", word(i), 1) })
	}
	f := func(text, want string) {
		t.Helper()
		got := problems(t, minimal+text)
		if want == "" && len(got) == 0 {
			return
		}
		if len(got) != 1 || want == "" || !strings.Contains(got[0].Error(), want) {
			t.Errorf("%.40q…: %.300v, want %q", text, got, want)
		}
	}
	f(many(99, "[limit.a%]\nrate='1/s'\n"), "")
	f(many(102, "[limit.a%]\nrate='1/s'\n"), "there are more than 100 tables [limit.NAME]")
	f(many(4090, "[route.a%]\nrespond={}\n"), "")
	f(many(4090, "[route.a%]\nrespond={}\n")+many(1000, "[route.b%]\nrespond={}\n"), "there are more than 5000 tables [route.NAME]")
	f(many(1010, "[cors.a%]\norigins=['*']\n"), "there are more than 1000 tables [cors.NAME]")
	f("[upstream.many]\nendpoints = ["+each(9_000*21, func(i int) string { return fmt.Sprintf("'http://host-%05d',\n", i) })+"]\n", "")
	f("[upstream.many]\nendpoints = ["+each(10_010*21, func(i int) string { return fmt.Sprintf("'http://host-%05d',\n", i) })+"]\n",
		"upstream.many.endpoints: with this the configuration has more than 10000 endpoints and shares of splits")
}
