//go:build linux

package loop_test

import (
	"testing"

	"github.com/corsgate/corsgate/gateway/loop"
)

// TestHasControl: a HTAB, which a field value may hold in any number, is no reason to parse a head once more.
func TestHasControl(t *testing.T) {
	for b := range 256 {
		want := b < ' ' && b != '\t'
		if got := loop.HasControl([]byte{'a', byte(b)}); got != want {
			t.Errorf("HasControl(%q) = %t, want %t", byte(b), got, want)
		}
	}
}
