package commands

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/demo"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/report"
)

// A screen takes what a command prints, and reports when it has printed a line that ends it.
type screen struct {
	strings.Builder
	complete func(text string)
}

func (s *screen) Write(p []byte) (int, error) {
	n, err := s.Builder.Write(p)
	s.complete(s.String())
	return n, err
}

// TestDemo: it prints addresses that answer and a configuration that check --strict accepts, and ends with its context.
func TestDemo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	printed, ended := make(chan string, 1), make(chan error, 1)
	out := &screen{complete: func(text string) {
		if strings.HasSuffix(text, "Ctrl-C ends the demo.\n") {
			printed <- text
		}
	}}
	go func() { ended <- runDemo(ctx, demo.Ports{}, false, out, io.Discard) }()
	var text string
	select {
	case text = <-printed:
	case err := <-ended:
		t.Fatal(err)
	}
	pages := regexp.MustCompile(`(?m)^  (http://127\.0\.0\.1:\d+/) `).FindAllStringSubmatch(text, -1)
	if len(pages) != 2 {
		t.Fatalf("%d pages, want 2:\n%s", len(pages), text)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, page := range pages {
		res, err := client.Get(page[1])
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", page[1], res.StatusCode)
		}
	}
	_, config, _ := strings.Cut(text, "serves this configuration:\n")
	config, _, _ = strings.Cut(config, "Ctrl-C")
	path := filepath.Join(t.TempDir(), "corsgate.toml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := report.Inspect(path, ""); !r.Judge(true) {
		t.Errorf("check of the demo's configuration: %+v", r)
	}
	for line := range strings.Lines(text) {
		if strings.Contains(line, "%!") {
			t.Errorf("a badly formatted line: %s", line)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
