package acmetest

import (
	"bytes"
	"log/slog"
	"sync"
)

// A Journal is a log that can be read while it is written.
type Journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write is part of io.Writer.
func (j *Journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// String returns what was logged so far.
func (j *Journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// Log returns a logger that writes to j.
func (j *Journal) Log(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: level}))
}
