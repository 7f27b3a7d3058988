package gateway

import (
	"log/slog"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
)

// TestAlive: a loop that hangs is noticed, and that it does not any more.
func TestAlive(t *testing.T) {
	cfg, err := config.Parse("corsgate.toml", []byte("[listener.http]\naddress = \"127.0.0.1:0\"\n[route.all]\nrespond = {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve() }()
	for g.turning.Load() == nil && onLoops(&cfg.Listeners[0]) {
		time.Sleep(time.Millisecond)
	}
	const ample = 20 * time.Second
	if !g.Alive(ample) {
		t.Error("it is dead")
	}
	if loops := g.turning.Load(); loops != nil {
		release := make(chan struct{})
		(*loops)[0].Post(func() { <-release })
		if g.Alive(10 * time.Millisecond) {
			t.Error("a loop hangs, and nobody notices")
		}
		close(release)
		if !g.Alive(ample) {
			t.Error("it does not come back to life")
		}
	}
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if !g.Alive(ample) {
		t.Error("what has ended does not hang")
	}
}
