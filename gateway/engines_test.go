package gateway_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/tooltest"
	"github.com/google/go-cmp/cmp"
)

// The engines, as a configuration names them.
const (
	looped         = "auto"
	blocking       = "fasthttp"
	secure         = "TLS" // on the loop, after the handshake
	secureBlocking = "TLS, fasthttp"
	three          = "HTTP/3" // TLS, and QUIC
)

func isSecure(engine string) bool { return strings.HasPrefix(engine, secure) }

// parseFor parses a configuration whose first listener is on loopback, on one of the engines.
func parseFor(t testing.TB, engine, text string) *config.Config {
	t.Helper()
	if isSecure(engine) || engine == three {
		cert, key := authority(t).server.Write(t, t.TempDir(), "server")
		text += fmt.Sprintf("\n[tls]\ncertificates = [{ cert = %q, key = %q }]\n", cert, key)
		cfg := parse(t, text)
		cfg.Listeners[0].Address, cfg.Listeners[0].TLS, cfg.Listeners[0].HTTP3 = "127.0.0.1:0", true, engine == three
		if engine == secureBlocking {
			cfg.Listeners[0].Engine = blocking
		}
		return cfg
	}
	cfg := parse(t, text)
	cfg.Listeners[0].Address, cfg.Listeners[0].Engine = "127.0.0.1:0", engine
	return cfg
}

// serveOn runs a gateway on one of the engines until the test ends.
func serveOn(t testing.TB, engine, text string) (*gateway.Gateway, string) {
	t.Helper()
	return serveConfig(t, parseFor(t, engine, text))
}

func serveConfig(t testing.TB, cfg *config.Config) (*gateway.Gateway, string) {
	t.Helper()
	return serveLogged(t, cfg, io.Discard)
}

// serveLogged runs a gateway that writes its log to out.
func serveLogged(t testing.TB, cfg *config.Config, out io.Writer) (*gateway.Gateway, string) {
	t.Helper()
	g, err := gateway.New(cfg, slog.New(slog.NewTextHandler(out, nil)))
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return g, serveUntilEnd(t, g, cfg)
}

// serveUntilEnd has a gateway serve until the test ends. It returns the address of the first listener.
func serveUntilEnd(t testing.TB, g *gateway.Gateway, cfg *config.Config) string {
	t.Helper()
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	address := g.Addr(cfg.Listeners[0].Name)
	if cfg.Listeners[0].TLS {
		secured.Store(address, true)
		t.Cleanup(func() { secured.Delete(address) })
	}
	return address
}

// TestExchangesOnTheLoop plays the exchanges that TestExchanges plays, on the event loop: octet by
// octet the outcome is the same.
func TestExchangesOnTheLoop(t *testing.T) { playAll(t, looped) }

// TestExchangesOverTLS and TestExchangesOverTLSOnGoroutines play them over TLS. What differs is only what the gateway
// says of the client's scheme.
func TestExchangesOverTLS(t *testing.T)             { playAll(t, secure) }
func TestExchangesOverTLSOnGoroutines(t *testing.T) { playAll(t, secureBlocking) }

func playAll(t *testing.T, engine string) {
	everyExchange(t, func(t *testing.T, config string, e *scripted) {
		if isSecure(engine) && strings.Contains(e.want.client, "Use https.\n") {
			return // there is nothing to redirect
		}
		playOn(t, engine, config, e)
	})
}

// everyExchange calls play for each exchange of the scripts.
func everyExchange(t *testing.T, play func(t *testing.T, config string, e *scripted)) {
	files, err := filepath.Glob("testdata/exchanges/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no exchanges: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		script, err := readScript(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			for _, e := range script.exchanges {
				t.Run(e.title, func(t *testing.T) { play(t, script.config, e) })
			}
		})
	}
}

// double returns an upstream that plays its part, and the configuration with it.
func (e *scripted) double(t *testing.T, config string) (d *double, text string) {
	d = newDouble(t, e.says...)
	url := d.url()
	if e.down {
		url = "http://" + tooltest.Refusing(t)
	}
	if !strings.Contains(config, "[upstream.") {
		config += "\n[upstream.api]\nendpoints = [\"http://UPSTREAM\"]\n"
	}
	return d, strings.ReplaceAll(config, "http://UPSTREAM", url)
}

func playOn(t *testing.T, engine, config string, e *scripted) {
	d, config := e.double(t, config)
	want := e.want
	if isSecure(engine) {
		want = e.want.overTLS()
	}
	g, address := serveOn(t, engine, config)
	for range 2 { // the second time connections are used again, and the cache
		got := play(t, d, g.Pseudonym(), address, e, want)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(outcome{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
