package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	k := kept{filepath.Join(dir, "fleet.a.toml"), "/corsgate/test/"}
	if _, _, err := k.read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing is kept: %v", err)
	}
	for number, text := range map[int64]string{1: "", 7: "[route.a]\nrespond = {}\n", 1 << 60: "# no newline \xff\x00"} {
		if err := k.write(number, []byte(text)); err != nil {
			t.Fatal(err)
		}
		n, got, err := k.read()
		if n != number || string(got) != text || err != nil {
			t.Errorf("revision %d %q was kept, and %d %q is read: %v", number, text, n, got, err)
		}
		info, err := os.Stat(k.path)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("there is more than the file: %v %v", files, err)
	}
	other := kept{k.path, "/corsgate/other/"}
	if _, _, err := other.read(); err == nil || !strings.Contains(err.Error(), "is of the fleet /corsgate/test/, and this gateway is in /corsgate/other/") {
		t.Errorf("another fleet's: %v", err)
	}
}

// However a file is damaged, it is refused.
func TestKeptDamaged(t *testing.T) {
	k := kept{filepath.Join(t.TempDir(), "fleet.a.toml"), "/corsgate/test/"}
	if err := k.write(12, []byte("[route.a]\nrespond = {}\n")); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, text []byte) {
		t.Helper()
		if err := os.WriteFile(k.path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if n, text, err := k.read(); err == nil {
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

func TestKeptNowhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (kept{filepath.Join(file, "fleet.a.toml"), "/"}).write(1, nil); err == nil {
		t.Error("a file was written where a directory cannot be")
	}
}
