package main

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestKey: a key is shown once, on standard error, and its line is what a file of keys wants.
func TestKey(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		status, stdout, stderr := command("key", "acme", "plan=pro")
		key := strings.TrimSuffix(stderr, "\n")
		if want := fmt.Sprintf("acme %x plan=pro\n", sha256.Sum256([]byte(key))); status != 0 || stdout != want {
			t.Errorf("status %d, %q, want %q", status, stdout, want)
		}
		if !regexp.MustCompile("^cgk_[A-Z2-7]{26}$").MatchString(key) || seen[key] {
			t.Errorf("the key %q", key)
		}
		seen[key] = true
	}
	for _, args := range [][]string{{}, {"a b"}, {"#x"}, {""}, {"a/b"}, {"a", "plan"}, {"a", "plan=a b"}, {"a", "=x"}, {strings.Repeat("a", 65)}} {
		if status, stdout, stderr := command(append([]string{"key"}, args...)...); status != 2 || stdout != "" || stderr == "" {
			t.Errorf("key %q: status %d, %q, %q", args, status, stdout, stderr)
		}
	}
}
