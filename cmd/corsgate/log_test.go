package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
)

// TestLogIsFinished: every line is there at the end, in order, and none is torn.
func TestLogIsFinished(t *testing.T) {
	var b bytes.Buffer
	log := newLogger(config.Log{Format: "json"}, &b)
	for i := range linesKept / 2 {
		log.Info("line", "n", i)
	}
	log.finish()
	n := 0
	for line := range strings.Lines(b.String()) {
		var l struct{ N int }
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.N != n {
			t.Fatalf("line %d: %q, %v", n, line, err)
		}
		n++
	}
	if n != linesKept/2 {
		t.Errorf("%d lines, want %d", n, linesKept/2)
	}
}

// A handing writer hands over each line that it is told to write.
type handing chan []byte

func (h handing) Write(p []byte) (int, error) {
	h <- bytes.Clone(p)
	return len(p), nil
}

// TestLogLastLine: a line is written although no other follows, also when it comes just as the writer goes to sleep.
func TestLogLastLine(t *testing.T) {
	written := make(handing)
	log := newLogger(config.Log{Format: "json"}, written)
	defer log.finish()
	for i := range 100_000 {
		log.Info("line")
		select {
		case <-written:
		case <-time.After(30 * time.Second):
			t.Fatalf("line %d was not written in 30 s", i)
		}
	}
}

// A stuck writer writes nothing until it is told to go on.
type stuck struct {
	goOn chan struct{}
	bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.goOn
	return s.Buffer.Write(p)
}

// TestLogWithoutReader: who logs does not wait for a reader that has stopped, nor does the end; what is lost is said
// when the reader goes on.
func TestLogWithoutReader(t *testing.T) {
	w := &stuck{goOn: make(chan struct{})}
	log := newLogger(config.Log{Format: "json"}, w)
	for range 3 * linesKept {
		log.Info("line")
	}
	close(w.goOn)
	log.finish()
	if text := w.String(); !strings.Contains(text, "lines of this log were lost") || !strings.Contains(text, `"msg":"line"`) {
		t.Errorf("%.1000s, and no word of what was lost", text)
	}

	w = &stuck{goOn: make(chan struct{})}
	log = newLogger(config.Log{Format: "json"}, w)
	log.Info("line")
	log.finish()
	close(w.goOn)
}

// TestLogObeys: level and format change while the log is used, and every line is whole.
func TestLogObeys(t *testing.T) {
	var b bytes.Buffer
	log := newLogger(config.Log{Format: "json"}, &b)
	child := log.With("name", "value")
	for _, cfg := range []config.Log{{Format: "json"}, {Format: "text", Level: slog.LevelDebug}, {Format: "json", Level: slog.LevelError}} {
		log.reconfigure(cfg)
		child.Debug("debug")
		child.WithGroup("group").Info("info", "key", 1)
		child.Error("error")
	}
	log.finish()
	var short []string
	for line := range strings.Lines(b.String()) {
		if _, rest, ok := strings.Cut(line, " level="); ok {
			short = append(short, rest)
		} else if _, rest, ok := strings.Cut(line, `"level":`); ok {
			short = append(short, rest)
		}
	}
	const want = `"INFO","msg":"info","name":"value","group":{"key":1}}
"ERROR","msg":"error","name":"value"}
DEBUG msg=debug name=value
INFO msg=info name=value group.key=1
ERROR msg=error name=value
"ERROR","msg":"error","name":"value"}
`
	if got := strings.Join(short, ""); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
