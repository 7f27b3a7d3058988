package config_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/config/configtest"
)

// work returns what it takes to parse a text, in bytes and in allocations.
func work(text string) (bytes, allocations uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	config.Parse("f", []byte(text))                                                                                                 // only the work matters
	config.ParseFleet(config.Source{Name: "own", Text: []byte("[fleet]\n")}, config.Source{Name: "revision 1", Text: []byte(text)}) // likewise
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, after.Mallocs - before.Mallocs
}

// No text costs more than so much for each of its bytes, whatever is in it: all that is allocated is counted, also what is
// given back at once.
func TestHostileTexts(t *testing.T) {
	const size = 64 << 10
	for name, text := range configtest.Hostile {
		bytes, allocations := work(text(size))
		if bytes > 64<<20 || allocations > 700_000 {
			t.Errorf("%s: %d KiB and %d allocations for a text of 64 KiB twice", name, bytes>>10, allocations)
		}
	}
}

// Four times the text is about four times the work.
func TestHostileTextsAreLinear(t *testing.T) {
	for name, text := range configtest.Hostile {
		small, few := work(text(16 << 10))
		large, many := work(text(64 << 10))
		if large > 6*small+1<<20 || many > 6*few+1000 {
			t.Errorf("%s: from 16 to 64 KiB the work grows from %d to %d KiB, and from %d to %d allocations", name, small>>10, large>>10, few, many)
		}
	}
}

// FuzzWork holds that against texts that nobody has thought of: 64 MiB for 64 KiB, and some for the empty one.
func FuzzWork(f *testing.F) {
	for _, text := range configtest.Hostile {
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
	got := problems(t, "[route.a]\nrespond = {}\n"+configtest.Each(4000, func(i int) string { return "x" + configtest.Word(i) + " = 1\n" }))
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
	bytes := "f.toml:2: the name of a key, including its tables, has more than 256 bytes"
	f("\n"+strings.Repeat("k", 257)+" = 1", bytes)
	f("["+strings.Repeat("h", 200)+"]\n"+strings.Repeat("k", 60)+" = 1", bytes)
	f("\na = {"+strings.Repeat(`"\u0061`, 1)+strings.Repeat("k", 256)+`" = 1}`, bytes)
}

// What is small to write and large to serve is bounded, too.
func TestManyTablesAreRefused(t *testing.T) {
	many := func(n int, part string) string {
		return configtest.Each(n*len(part+"00"), func(i int) string { return strings.Replace(part, "%", configtest.Word(i), 1) })
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
	f("[upstream.many]\nendpoints = ["+configtest.Each(9_000*21, func(i int) string { return fmt.Sprintf("'http://host-%05d',\n", i) })+"]\n", "")
	f("[upstream.many]\nendpoints = ["+configtest.Each(10_010*21, func(i int) string { return fmt.Sprintf("'http://host-%05d',\n", i) })+"]\n",
		"upstream.many.endpoints: the configuration has more than 10000 endpoints and split shares")
}
