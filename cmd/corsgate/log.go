package main

import (
	"io"
	"log/slog"
	"os"

	"github.com/corsgate/corsgate/gateway/config"
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

// terminal reports whether somebody is likely to watch what is written to w.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
