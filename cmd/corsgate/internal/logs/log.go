// Package logs holds the two logs of a process that serves: its own, which waits for no reader, and the destination of the
// access log.
package logs

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/terminal"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/printable"
)

// A Log is the log of the process. Requests write to it, so a goroutine of its own writes it out: a caller never waits for
// a reader, which may have stopped. It is safe for concurrent use.
type Log struct {
	*slog.Logger
	out   io.Writer
	kept  *backlog
	level slog.LevelVar
	text  atomic.Bool
}

// New returns a log to w.
func New(cfg config.Log, w io.Writer) *Log {
	l := &Log{out: w}
	l.Reconfigure(cfg)
	l.kept = newBacklog(w, func(lost int64) {
		slog.New(l.handler(w)).Warn("lines of this log were lost, because they were not read in time", "lines", lost)
	})
	l.Logger = slog.New(l.handler(l.kept))
	return l
}

// Reconfigure sets the level and the format.
func (l *Log) Reconfigure(cfg config.Log) {
	l.level.Set(cfg.Level)
	l.text.Store(textual(cfg, l.out))
}

func (l *Log) handler(w io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: &l.level}
	return either{&l.text, slog.NewTextHandler(w, options), slog.NewJSONHandler(printable.Writer{W: w}, options)}
}

// Finish writes the lines that wait, for at most a second. Lines that are logged after it are dropped.
func (l *Log) Finish() {
	select {
	case <-l.kept.end():
	case <-time.After(time.Second):
	}
}

// textual reports whether lines for w are text, not JSON.
func textual(cfg config.Log, w io.Writer) bool {
	return cfg.Format == "text" || cfg.Format == "auto" && terminal.Is(w)
}

// An either is a handler of two formats. The format of a line is chosen when it is logged.
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
