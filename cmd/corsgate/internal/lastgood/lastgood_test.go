package lastgood

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	k := File{filepath.Join(dir, "fleet.a.toml"), "/corsgate/test/"}
	if _, _, err := k.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing is kept: %v", err)
	}
	for number, text := range map[int64]string{1: "", 7: "[route.a]\nrespond = {}\n", 1 << 60: "# no newline \xff\x00"} {
		if err := k.Write(number, []byte(text)); err != nil {
			t.Fatal(err)
		}
		n, got, err := k.Read()
		if n != number || string(got) != text || err != nil {
			t.Errorf("revision %d %q was kept, and %d %q is read: %v", number, text, n, got, err)
		}
		info, err := os.Stat(k.Path)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("there is more than the file: %v %v", files, err)
	}
	other := File{k.Path, "/corsgate/other/"}
	if _, _, err := other.Read(); err == nil || !strings.Contains(err.Error(), "is of the fleet /corsgate/test/, and this gateway is in /corsgate/other/") {
		t.Errorf("another fleet's: %v", err)
	}
}

// However a file is damaged, it is refused.
func TestFileDamaged(t *testing.T) {
	k := File{filepath.Join(t.TempDir(), "fleet.a.toml"), "/corsgate/test/"}
	if err := k.Write(12, []byte("[route.a]\nrespond = {}\n")); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(k.Path)
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, text []byte) {
		t.Helper()
		if err := os.WriteFile(k.Path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if n, text, err := k.Read(); err == nil {
			t.Errorf("%s: read as revision %d %q", what, n, text)
		}
	}
	for i := range whole {
		f("cut", whole[:i])
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1
		f("a bit is another", flipped)
	}
	f("longer", append(bytes.Clone(whole), '\n'))
	f("another number", bytes.Replace(whole, []byte("revision 12"), []byte("revision 13"), 1))
	f("as another would write it", bytes.Replace(whole, []byte("revision 12"), []byte("revision 012"), 1))
	f("a directory's worth", bytes.Repeat([]byte("x"), 1<<20))
}

func TestFileNowhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (File{filepath.Join(file, "fleet.a.toml"), "/"}).Write(1, nil); err == nil {
		t.Error("a file was written where a directory cannot be")
	}
}

// The mark of a revision is found by the next process, and by no other.
func TestMark(t *testing.T) {
	k := File{filepath.Join(t.TempDir(), "new", "fleet.a.toml"), "/corsgate/test/"}
	f := func(what string, number int64, sum string) {
		t.Helper()
		if r := k.Ended(); r.Number != number || r.Sum != sum {
			t.Errorf("%s: revision %d %q, want %d %q", what, r.Number, r.Sum, number, sum)
		}
	}
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(k.markPath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f("nothing was tried", 0, "")
	if err := k.Mark(7, "abc"); err != nil {
		t.Fatal(err)
	}
	f("the process had the same number", 7, "abc") // as in a container
	put("7 abc 99999999\n")
	f("the process is no more", 7, "abc")
	put(fmt.Sprintf("7 abc %d\n", os.Getppid()))
	f("the process is still at it", 0, "")
	for _, text := range []string{"", "7", "x y z\n", "-1 abc 99999999\n", "\x00"} {
		put(text)
		f("what is no mark", 0, "")
	}
	const text = "[route.a]\nrespond = {}\n"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	if err := k.Write(7, []byte(text)); err != nil {
		t.Fatal(err)
	}
	put("7 " + sum + " 99999999\n")
	f("what was in force once", 0, "")
	put("8 " + sum + " 99999999\n")
	f("another number", 8, sum)
	k.Unmark()
	f("it was tried", 0, "")
}
