package source

import (
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/google/go-cmp/cmp"
)

// TestMerge: problems stand in the order of the lines, once each, and none follows from another.
func TestMerge(t *testing.T) {
	p := func(line int, key, message string) config.Problem {
		return config.Problem{File: "f", Line: line, Key: key, Message: message}
	}
	f := func(parsed, later, want config.Problems) {
		t.Helper()
		if diff := cmp.Diff(want, Merge(parsed, later)); diff != "" {
			t.Errorf("Merge(%v, %v) (-want +got):\n%s", parsed, later, diff)
		}
	}
	f(nil, nil, nil)
	// In the order of the lines, and where they are equal in that of the stages.
	f(config.Problems{p(3, "c", "x")}, config.Problems{p(1, "a", "x"), p(3, "b", "x")},
		config.Problems{p(1, "a", "x"), p(3, "c", "x"), p(3, "b", "x")})
	// Once each.
	f(nil, config.Problems{p(1, "a", "x"), p(1, "a", "x"), p(1, "a", "y")}, config.Problems{p(1, "a", "x"), p(1, "a", "y")})
	// What follows from a default in the place of what is wrong.
	f(config.Problems{p(2, "route.b.path", "x")}, config.Problems{p(1, "route.b", "takes the same requests")},
		config.Problems{p(2, "route.b.path", "x")})
	f(config.Problems{p(2, "route.b.path", "x")}, config.Problems{p(1, "route.bb", "y")},
		config.Problems{p(1, "route.bb", "y"), p(2, "route.b.path", "x")})
}
