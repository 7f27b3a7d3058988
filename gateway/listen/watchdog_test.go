package listen

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/loop"
	"github.com/corsgate/corsgate/gateway/wire"
)

// TestAlive: a loop that hangs is noticed, and that it does not any more.
func TestAlive(t *testing.T) {
	cfg, err := config.Parse("corsgate.toml", []byte("[listener.http]\naddress = \"127.0.0.1:0\"\n[route.all]\nrespond = {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	server := edge.NewServer(edge.Options{Connections: 16}, func(*edge.Conn) {}, func(*wire.Fault, netip.Addr) {})
	s := NewSet(server, func(int) func() loop.Exchange { return func() loop.Exchange { return nil } }, log)
	if err := s.Listen(cfg, nil); err != nil {
		t.Fatal(err)
	}
	s.Serve()
	const ample = 20 * time.Second
	if !s.Alive(ample) {
		t.Error("loops that run are not alive")
	}
	for _, l := range *s.running.Load() {
		release := make(chan struct{})
		l.Post(func() { <-release })
		if s.Alive(10 * time.Millisecond) {
			t.Error("a loop that hangs is alive")
		}
		close(release)
		if !s.Alive(ample) {
			t.Error("a loop that hangs no longer is not alive")
		}
	}
	if err := s.Stop(t.Context(), false); err != nil {
		t.Error(err)
	}
	if !s.Alive(ample) {
		t.Error("loops that have ended are not alive")
	}
}
