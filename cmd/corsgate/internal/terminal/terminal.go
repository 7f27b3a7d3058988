// Package terminal tells whether output goes to a person, and tells that person that a command is still at work.
package terminal

import (
	"io"
	"os"

	"github.com/corsgate/corsgate/gateway/printable"
	"github.com/mattn/go-isatty"
)

// Is reports whether w is a terminal. /dev/null is a character device as well, but text on it is not read, and costs
// twenty times as much as JSON.
func Is(w io.Writer) bool {
	f, ok := Raw(w).(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// Raw returns the writer behind one that makes text printable: for the access log, which does
// that itself and may be in colour, and for an editor, which draws on the terminal.
func Raw(w io.Writer) io.Writer {
	if p, ok := w.(printable.Writer); ok {
		return p.W
	}
	return w
}
