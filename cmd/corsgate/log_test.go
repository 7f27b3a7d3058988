package main

import (
	"os"
	"testing"
)

// TestTerminal: what is no terminal gets JSON.
func TestTerminal(t *testing.T) {
	for _, name := range []string{os.DevNull, t.TempDir() + "/file"} {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if terminal(f) {
			t.Errorf("%s is taken for a terminal", name)
		}
	}
	if terminal(nil) {
		t.Error("nothing is taken for a terminal")
	}
}
