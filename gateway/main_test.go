package gateway_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp's pool of goroutines looks only every ten seconds whether it was stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		// It lives as long as the process.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	)
}

// patience bounds what should happen at once. It is never waited for in a test that passes.
const patience = time.Minute

func parse(t testing.TB, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("corsgate.toml", []byte(text))
	if err != nil {
		t.Fatalf("configuration: %v\n%s", err, text)
	}
	return cfg
}

// serve runs a gateway on a loopback address until the test ends.
func serve(t testing.TB, text string) (*gateway.Gateway, string) {
	t.Helper()
	cfg := parse(t, text)
	g, err := gateway.New(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatalf("New: %v\n%s", err, text)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.Attach(edge.NewListener("test", ln), &cfg.Listeners[0])
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
	return g, ln.Addr().String()
}

// dial connects to a gateway. The connection ends with the test.
func dial(t testing.TB, address string) clientConn {
	t.Helper()
	c := dialPlain(t, address)
	if _, ok := secured.Load(address); ok {
		return secureConn{overTLS(t, c), c}
	}
	return c
}

// until waits for something that nobody tells of.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	timeout := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("it did not come about that %s", what)
		}
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
