package redistest

import (
	"testing"

	"github.com/corsgate/corsgate/gateway/tooltest"
)

// A Mini is miniredis: the program gateway/internal/doubles/miniredis. It ends with its test.
type Mini struct {
	Address string // "127.0.0.1:port"

	process *tooltest.Process
}

// StartMini starts one.
func StartMini(t testing.TB) *Mini {
	t.Helper()
	p := tooltest.StartDouble(t, "miniredis")
	return &Mini{Address: p.Line(), process: p}
}

// RequireAuth sets the password that clients must give from now on.
func (m *Mini) RequireAuth(password string) { m.process.Tell(password) }
