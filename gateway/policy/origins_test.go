package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/matcher"
)

func TestReadOrigins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "origins.txt")
	// Each want is "line pattern".
	f := func(text string, want ...string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		file, patterns, err := readOrigins(config.NamedFile{Path: path})
		if err != nil {
			t.Errorf("%q: %v", text, err)
			return
		}
		var got []string
		for i, p := range patterns {
			got = append(got, fmt.Sprint(file.place(i).Line, " ", p))
			want := p
			if _, err := matcher.ParsePattern(p); err != nil {
				want = "" // it may be another file by now
			}
			if line := originsLine(config.NamedFile{Path: path}, file.place(i).Line); line != want {
				t.Errorf("%q: line %d is %q, want %q", text, file.place(i).Line, line, want)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	f("https://a.com", "1 https://a.com")
	f("https://a.com\nhttps://b.com\n", "1 https://a.com", "2 https://b.com")
	f("\n\n  https://a.com\t\n \n\thttps://b.com", "3 https://a.com", "5 https://b.com")
	f("\ufeffhttps://a.com\r\n\r\nhttps://b.com\r\n", "1 https://a.com", "3 https://b.com")
	f("\ufeff# all of them\r\nhttps://a.com # the first\n#https://b.com\n  # c\nhttps://d.com\t#\n", "2 https://a.com", "5 https://d.com")
	f("https://a.com#b\nhttps://a.com https://b.com\n", "1 https://a.com#b", "2 https://a.com https://b.com")
	f("a\rb\n", "1 a\rb")
	f(strings.Repeat("x", 1<<20), "1 "+strings.Repeat("x", maxOriginsLine))
}
