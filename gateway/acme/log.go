package acme

import (
	"context"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// This file has the libraries log where the gateway does. Their errors are also returned, and the
// gateway logs them with advice; so their own lines are for debugging only: all are of level debug,
// with their own level as an attribute.

// lowered is a handler whose records are of level debug.
type lowered struct{ slog.Handler }

func (l lowered) Enabled(ctx context.Context, _ slog.Level) bool {
	return l.Handler.Enabled(ctx, slog.LevelDebug)
}

func (l lowered) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(slog.String("severity", r.Level.String()))
	r.Level = slog.LevelDebug
	return l.Handler.Handle(ctx, r)
}

func (l lowered) WithAttrs(attrs []slog.Attr) slog.Handler {
	return lowered{l.Handler.WithAttrs(attrs)}
}
func (l lowered) WithGroup(name string) slog.Handler { return lowered{l.Handler.WithGroup(name)} }

// zapLogger returns a zap logger over log.
func zapLogger(log *slog.Logger) *zap.Logger { return zap.New(bridge{log.Handler()}) }

// A bridge takes zap's entries to a handler of slog.
type bridge struct{ to slog.Handler }

// Enabled is part of zapcore.Core.
func (b bridge) Enabled(zapcore.Level) bool {
	return b.to.Enabled(context.Background(), slog.LevelDebug)
}

// With is part of zapcore.Core.
func (b bridge) With(fields []zapcore.Field) zapcore.Core {
	return bridge{b.to.WithAttrs(attrs(fields))}
}

// Check is part of zapcore.Core.
func (b bridge) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(e.Level) {
		return c.AddCore(e, b)
	}
	return c
}

// Write is part of zapcore.Core.
func (b bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, slog.LevelDebug, e.Message, 0)
	r.AddAttrs(slog.String("severity", e.Level.CapitalString()))
	if e.LoggerName != "" {
		r.AddAttrs(slog.String("by", e.LoggerName))
	}
	r.AddAttrs(attrs(fields)...)
	return b.to.Handle(context.Background(), r)
}

// Sync is part of zapcore.Core.
func (b bridge) Sync() error { return nil }

func attrs(fields []zapcore.Field) []slog.Attr {
	list := make([]slog.Attr, 0, len(fields))
	for _, f := range fields {
		encoded := zapcore.NewMapObjectEncoder()
		f.AddTo(encoded)
		for key, value := range encoded.Fields {
			list = append(list, slog.Any(key, value))
		}
	}
	return list
}
