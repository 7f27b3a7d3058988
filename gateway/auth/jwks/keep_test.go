package jwks

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestRedirects: keys do not come from where they could be anybody's.
func TestRedirects(t *testing.T) {
	text := keySet(t, "a")
	for to, want := range map[string]int{"https://other.example.com/keys": 1, "http://other.example.com/keys": 0, keysURL: 0} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{answer: func(r *http.Request) (int, map[string]string, string, error) {
				if r.URL.Host == "id.example.com" {
					return 302, map[string]string{"Location": to}, "", nil
				}
				return 200, nil, text, nil
			}}
			src := run(t, Options{URL: keysURL, Interval: time.Minute}, s)
			synctest.Wait()
			if n := src.Keys().Len(); n != want {
				t.Errorf("redirected to %s: %d keys, want %d", to, n, want)
			}
		})
	}
}

// TestKept: keys outlive the process, until they are fetched again; what is damaged is of no use, and does no harm.
func TestKept(t *testing.T) {
	text := keySet(t, "a", "b")
	path := KeepIn(t.TempDir(), keysURL)
	down := &server{answer: func(*http.Request) (int, map[string]string, string, error) { return 0, nil, "", errors.New("down") }}
	start := func(s *server) (keys int) {
		synctest.Test(t, func(t *testing.T) {
			src := run(t, Options{URL: keysURL, Interval: time.Minute, Keep: path}, s)
			synctest.Wait()
			time.Sleep(time.Second)
			keys = src.Keys().Len()
		})
		return keys
	}
	if n := start(down); n != 0 {
		t.Errorf("%d keys before there were any", n)
	}
	start(&server{answer: says(text)})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v, want a file of mode 0600", info, err)
	}
	if n := start(down); n != 2 {
		t.Errorf("%d keys from what was kept, want 2", n)
	}
	if err := os.WriteFile(path, []byte(text[:len(text)/2]), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := start(down); n != 0 {
		t.Errorf("%d keys from half a file", n)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("%v, %v, want one file", files, err)
	}
}
