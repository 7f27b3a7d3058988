package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/printabletest"
	"github.com/corsgate/corsgate/gateway/config"
)

// TestLogIsFinished: every line is there at the end, in order, and none is torn.
func TestLogIsFinished(t *testing.T) {
	var b bytes.Buffer
	log := New(config.Log{Format: "json"}, &b)
	for i := range linesKept / 2 {
		log.Info("line", "n", i)
	}
	log.Finish()
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
	log := New(config.Log{Format: "json"}, written)
	defer log.Finish()
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
	log := New(config.Log{Format: "json"}, w)
	for range 3 * linesKept {
		log.Info("line")
	}
	close(w.goOn)
	log.Finish()
	if text := w.String(); !strings.Contains(text, "lines of this log were lost") || !strings.Contains(text, `"msg":"line"`) {
		t.Errorf("%.1000s, and no word of what was lost", text)
	}

	w = &stuck{goOn: make(chan struct{})}
	log = New(config.Log{Format: "json"}, w)
	log.Info("line")
	log.Finish()
	close(w.goOn)
}

// TestLogObeys: level and format change while the log is used, and every line is whole.
func TestLogObeys(t *testing.T) {
	var b bytes.Buffer
	log := New(config.Log{Format: "json"}, &b)
	child := log.With("name", "value")
	for _, cfg := range []config.Log{{Format: "json"}, {Format: "text", Level: slog.LevelDebug}, {Format: "json", Level: slog.LevelError}} {
		log.Reconfigure(cfg)
		child.Debug("debug")
		child.WithGroup("group").Info("info", "key", 1)
		child.Error("error")
	}
	log.Finish()
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

// TestLogIsPrintable: no format lets a terminal obey a line, and JSON decodes to what was logged.
func TestLogIsPrintable(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		l := New(config.Log{Level: slog.LevelInfo, Format: format}, &out)
		l.Error(printabletest.Nasty, "error", errors.New("\u009b\u202e").Error())
		l.Finish()
		if bad := printabletest.Obeyed(out.String()); bad != "" || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: %q in %q", format, bad, out.String())
		}
		if format != "json" {
			continue
		}
		var line struct{ Error string }
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Error != "\u009b\u202e" {
			t.Errorf("%q, %v", line.Error, err)
		}
	}
}
