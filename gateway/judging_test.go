package gateway_test

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/config/configtest"
)

// judge is what check, a reload and a fleet do with a text, whatever is wrong with it.
func judge(text string) {
	if cfg, _ := config.Parse("f", []byte(text)); cfg != nil {
		gateway.Check(cfg)
	}
}

// judging returns what it takes to judge a text, in bytes and in allocations.
func judging(text string) (bytes, allocations uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	judge(text)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, after.Mallocs - before.Mallocs
}

// hostileTexts are all of configtest.
func hostileTexts() map[string]func(n int) string {
	all := maps.Clone(configtest.Hostile)
	for name, text := range configtest.Judged {
		all["judged: "+name] = text
	}
	return all
}

// Four times the text is about four times the work, and that is bounded: also for what is only wrong, or odd, as a whole.
func TestJudgingIsLinear(t *testing.T) {
	judge("") // what is made once
	for name, text := range hostileTexts() {
		var small, few, large, many uint64
		for range 5 { // what other goroutines allocate meanwhile counts, too
			small, few = judging(text(8 << 10))
			if large, many = judging(text(32 << 10)); large <= 6*small+2<<20 && many <= 6*few+2000 && large <= 32<<20 {
				break
			}
		}
		if large > 6*small+2<<20 || many > 6*few+2000 {
			t.Errorf("%s: from 8 to 32 KiB the work grows from %d to %d KiB, and from %d to %d allocations", name, small>>10, large>>10, few, many)
		}
		if large > 32<<20 {
			t.Errorf("%s: %d MiB for a text of 32 KiB", name, large>>20)
		}
	}
}

// What the parser has refused is compiled all the same, for what else is wrong, and must not be trusted.
func TestJudgingOfWhatIsWrong(t *testing.T) {
	files, err := filepath.Glob("config/testdata/bad/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		judge(string(text))
	}
}

// FuzzJudging looks for texts that are judged by a panic.
func FuzzJudging(f *testing.F) {
	for _, text := range hostileTexts() {
		f.Add(text(300))
	}
	f.Fuzz(func(_ *testing.T, text string) { judge(text) })
}

// BenchmarkJudging has the figure for 64 KiB of anything: at most 50 ms.
func BenchmarkJudging(b *testing.B) {
	texts := hostileTexts()
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		text := texts[name](64 << 10)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				judge(text)
			}
		})
	}
}
