package main

import (
	"io"
	"log/slog"
	"os"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/mattn/go-isatty"
)

// newLogger returns the process's log.
func newLogger(cfg config.Log, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Level}
	if textual(cfg, w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
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
