package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/terminal"
	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/printable"
)

// A logger is the process's log. Requests write to it, so it is written by a goroutine of its own: nothing that logs
// waits for a reader, which may have stopped.
type logger struct {
	*slog.Logger
	out   io.Writer
	kept  *backlog
	level slog.LevelVar
	text  atomic.Bool
}

// newLogger returns a log to w.
func newLogger(cfg config.Log, w io.Writer) *logger {
	l := &logger{out: w}
	l.reconfigure(cfg)
	l.kept = newBacklog(w, func(lost int64) {
		slog.New(l.handler(w)).Warn("lines of this log were lost, because they were not read in time", "lines", lost)
	})
	l.Logger = slog.New(l.handler(l.kept))
	return l
}

// reconfigure makes level and format those of cfg.
func (l *logger) reconfigure(cfg config.Log) {
	l.level.Set(cfg.Level)
	l.text.Store(textual(cfg, l.out))
}

func (l *logger) handler(w io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: &l.level}
	return either{&l.text, slog.NewTextHandler(w, options), slog.NewJSONHandler(printable.Writer{W: w}, options)}
}

// finish writes what is left, if it can within a second. What is logged after it is dropped.
func (l *logger) finish() {
	select {
	case <-l.kept.end():
	case <-time.After(time.Second):
	}
}

// either is a handler of two formats. Which of them a line has is decided when it is logged.
type either struct {
	text           *atomic.Bool
	asText, asJSON slog.Handler
}

func (e either) handler() slog.Handler {
	if e.text.Load() {
		return e.asText
	}
	return e.asJSON
}

func (e either) Enabled(ctx context.Context, level slog.Level) bool {
	return e.handler().Enabled(ctx, level)
}

func (e either) Handle(ctx context.Context, r slog.Record) error { return e.handler().Handle(ctx, r) }

func (e either) WithAttrs(attrs []slog.Attr) slog.Handler {
	return either{e.text, e.asText.WithAttrs(attrs), e.asJSON.WithAttrs(attrs)}
}

func (e either) WithGroup(name string) slog.Handler {
	return either{e.text, e.asText.WithGroup(name), e.asJSON.WithGroup(name)}
}

// openAccess opens the destination of the access log of cfg: stdout, or a file.
func openAccess(cfg *config.Config, stdout io.Writer) (access.Destination, error) {
	d := access.Destination{Out: terminal.Raw(stdout)}
	if cfg.Log.AccessFile != "" && cfg.Log.Access != "off" {
		// Where it is a named pipe nobody has to wait for its reader.
		const flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND | syscall.O_NONBLOCK
		f, err := os.OpenFile(cfg.Path(cfg.Log.AccessFile), flags, 0o640)
		if err != nil {
			hint := ""
			if errors.Is(err, syscall.ENXIO) {
				hint = "no process reads from that pipe: start its reader first"
			}
			return d, cfg.Problem("log.access_file", -1, fmt.Sprintf("cannot write the access log: %v", err), hint)
		}
		d.Out, d.Close = f, f.Close
	}
	d.Text = textual(cfg.Log, d.Out)
	d.Color = d.Text && terminal.Is(d.Out) && os.Getenv("NO_COLOR") == ""
	return d, nil
}

// textual reports whether what is logged to w is text.
func textual(cfg config.Log, w io.Writer) bool {
	return cfg.Format == "text" || cfg.Format == "auto" && terminal.Is(w)
}
