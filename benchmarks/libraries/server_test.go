package libraries

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v3"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
)

// This file measures whole servers: one connection over loopback, a request, its answer, the next. Client and
// server run in this process, so each row carries the same share of the client and the kernel.

// serveNetHTTP serves h until the benchmark ends and returns its address.
func serveNetHTTP(b *testing.B, h http.Handler) string {
	l := listen(b)
	s := &http.Server{Handler: h}
	done := make(chan error)
	go func() { done <- s.Serve(l) }()
	b.Cleanup(func() {
		s.Close() // the benchmark is over
		<-done
	})
	return l.Addr().String()
}

func serveFiber(b *testing.B, app *fiber.App) string {
	l := listen(b)
	done := make(chan error)
	go func() { done <- app.Listener(l, fiber.ListenConfig{DisableStartupMessage: true}) }()
	b.Cleanup(func() {
		l.Close()                           // the benchmark is over
		app.Server().CloseOnShutdown = true // its connections too
		app.Shutdown()                      // the same
		<-done
	})
	return l.Addr().String()
}

func serveCorsgate(b *testing.B, origins []string) string {
	var text bytes.Buffer
	text.WriteString("[listener.http]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"off\"\n[cors.app]\norigins = [\n")
	for _, o := range origins {
		fmt.Fprintf(&text, "%q,\n", o)
	}
	text.WriteString(`]
methods = ["PUT", "DELETE"]
request_headers = ["Authorization", "Content-Type"]
max_age = "24h"
[route.all]
cors = "app"
respond = { status = 200, body = "hello", content_type = "text/plain" }
`)
	cfg, err := config.Parse("corsgate.toml", text.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	if err := g.Listen(); err != nil {
		b.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- g.Serve() }()
	b.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		g.Shutdown(ctx) // ctx is done, as it says
		<-done
	})
	return g.Addr("http")
}

func listen(b *testing.B) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func BenchmarkServer(b *testing.B) {
	servers := []struct {
		name  string
		serve func(b *testing.B, origins []string) string
	}{
		{"corsgate", serveCorsgate},
		{"rs", func(b *testing.B, o []string) string { return serveNetHTTP(b, rsHandler(o)) }},
		{"chi", func(b *testing.B, o []string) string { return serveNetHTTP(b, chiHandler(o)) }},
		{"gin", func(b *testing.B, o []string) string { return serveNetHTTP(b, ginHandler(o)) }},
		{"fiber", func(b *testing.B, o []string) string { return serveFiber(b, fiberApp(o)) }},
	}
	for _, n := range sizes {
		for _, r := range requests(n) {
			switch r.name {
			case "preflight-allowed", "preflight-denied-origin", "actual-allowed":
			default:
				continue // they differ in the decision alone
			}
			for _, s := range servers {
				b.Run(fmt.Sprintf("origins=%d/request=%s/library=%s", n, r.name, s.name), func(b *testing.B) {
					roundTrips(b, s.serve(b, origins(n)), r.raw())
				})
			}
		}
	}
}

// roundTrips measures request after request on one connection. The answer's length is learnt from the first.
func roundTrips(b *testing.B, address string, request []byte) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close() // the benchmark is over
	buffer := make([]byte, 4096)
	length, err := firstAnswer(c, request, buffer)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, buffer[:length]); err != nil {
			b.Fatal(err)
		}
	}
}

// firstAnswer returns the length of an answer in bytes: all later ones have the same, since a date's never changes.
func firstAnswer(c net.Conn, request, buffer []byte) (length int, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, err
	}
	for {
		n, err := c.Read(buffer[length:])
		if err != nil {
			return 0, err
		}
		length += n
		head, body, complete := bytes.Cut(buffer[:length], []byte("\r\n\r\n"))
		if !complete {
			continue
		}
		if bytes.HasPrefix(head[9:], []byte("204")) {
			return length, nil
		}
		value := parseLines(head).Get("Content-Length")
		if fmt.Sprint(len(body)) == value {
			return length, nil
		}
	}
}
