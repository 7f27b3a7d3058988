package gateway_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway"
)

// TestMirrorAtShutdown: copies hold a shutdown up for the grace only, whatever they wait for: a response, a handshake, a
// place at the mirror. They are given up then: their own time is not what ends them.
func TestMirrorAtShutdown(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"})
	m := newDouble(t, reply{mute: true})
	onEngines(t, func(t *testing.T, engine string) {
		for what, c := range map[string]struct{ url, keys string }{
			"response":  {m.url(), ""},
			"half":      {newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"}).url(), ""},
			"handshake": {strings.Replace(m.url(), "http", "https", 1), "connect_timeout = \"1h\""},
			"queue":     {m.url(), "max_connections = 1\nqueue_timeout = \"1h\""},
		} {
			var log lockedBuffer
			cfg := parseFor(t, engine, strings.Replace(mirrorConfig(d.url(), c.url, "100%"), "host = \"shadow.internal\"", c.keys, 1))
			g, err := gateway.New(cfg, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Listen(); err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- g.Serve() }()
			const copies = 3
			for range copies {
				if res, content := ask(t, g.Addr("http"), "GET", "/api"); res.StatusCode != 200 || content != "ok" {
					t.Fatalf("%s: %s %q", what, res.Status, content)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			if err := g.Shutdown(ctx); err != nil {
				t.Errorf("%s: Shutdown: %v", what, err)
			}
			cancel()
			<-served
			counts := mirrored(t, g)
			if ended := counts["failed"] + counts["answered"]; ended != copies {
				t.Errorf("%s: %v after the shutdown, want %d", what, counts, copies)
			}
			if n := strings.Count(log.String(), "context canceled"); what != "half" && n != copies {
				t.Errorf("%s: %d were given up, want %d:\n%s", what, n, copies, log.String())
			}
		}
	})
}
