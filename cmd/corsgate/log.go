package main

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog/diode"
)

// linesKept is how many lines of the process's log may wait to be written.
const linesKept = 1024

// newLogger returns the process's log, which is written to w behind the back of those who log: requests are among them,
// and must not wait for whoever reads what the process says, who may have stopped. If more lines wait than are kept the
// oldest are lost, which is logged. finish writes what is left, if it can within a second; nothing may be logged after it.
func newLogger(cfg config.Log, w io.Writer) (log *slog.Logger, finish func()) {
	text := textual(cfg, w)
	to := func(w io.Writer) *slog.Logger {
		options := &slog.HandlerOptions{Level: cfg.Level}
		if text {
			return slog.New(slog.NewTextHandler(w, options))
		}
		return slog.New(slog.NewJSONHandler(w, options))
	}
	kept := diode.NewWriter(struct{ io.Writer }{w}, linesKept, 0, func(missed int) { // w is not its own to close
		to(w).Warn("lines of this log were lost: nobody has read it", "lines", missed)
	})
	return to(kept), func() {
		done := make(chan struct{})
		go func() { kept.Close(); close(done) }() //nolint:errcheck // there is nothing to close
		select {
		case <-done:
		case <-time.After(time.Second):
		}
	}
}

// textual reports whether what is logged to w is text.
func textual(cfg config.Log, w io.Writer) bool {
	return cfg.Format == "text" || cfg.Format == "auto" && terminal(w)
}

// terminal reports whether somebody is likely to watch what is written to w. /dev/null is a device of
// characters, too, but nobody watches it: text costs twenty times what JSON does.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
