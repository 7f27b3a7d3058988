// Package demo demonstrates CORS: a gateway, a small API behind it, and one page served from
// two origins; the gateway's policy allows one of them. Everything listens on loopback. The demo
// has no prerequisites, and leaves nothing behind when it stops.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
)

// Ports are where the parts would like to listen; 0 lets the kernel choose.
type Ports struct{ Gateway, Allowed, Denied, API int }

// DefaultPorts are easy to remember.
func DefaultPorts() Ports { return Ports{Gateway: 8080, Allowed: 8081, Denied: 8082, API: 8083} }

// A Demo is running from Start to Stop. Its fields do not change.
type Demo struct {
	// Gateway, Allowed, Denied and API are origins such as "http://127.0.0.1:8080": the gateway's,
	// those of the page that is allowed and of the one that is not, and the API's own.
	Gateway, Allowed, Denied, API string
	// Moved says, one a line, which parts do not listen where they would have liked to.
	Moved []string
	// Config is the configuration that the gateway serves.
	Config string

	gate    *gateway.Gateway
	servers []*http.Server
	running sync.WaitGroup // the goroutines of all servers and of the gateway
}

// Start starts all parts. A port that is in use is replaced by any free one.
func Start(ports Ports, log *slog.Logger) (*Demo, error) {
	d := &Demo{}
	var bound []net.Listener
	listen := func(what string, port int) (net.Listener, string, error) {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				return nil, "", fmt.Errorf("listen on loopback for %s: %w", what, err)
			}
			d.Moved = append(d.Moved, fmt.Sprintf("port %d is in use: %s listens on %s instead", port, what, l.Addr()))
		}
		bound = append(bound, l)
		return l, "http://" + l.Addr().String(), nil
	}
	fail := func(err error) (*Demo, error) {
		for _, l := range bound {
			l.Close() // nothing was accepted
		}
		return nil, err
	}
	gate, origin, err := listen("the gateway", ports.Gateway)
	if err != nil {
		return fail(err)
	}
	d.Gateway = origin
	pages, origin, err := listen("the allowed page", ports.Allowed)
	if err != nil {
		return fail(err)
	}
	d.Allowed = origin
	strangers, origin, err := listen("the page that is not allowed", ports.Denied)
	if err != nil {
		return fail(err)
	}
	d.Denied = origin
	api, origin, err := listen("the API", ports.API)
	if err != nil {
		return fail(err)
	}
	d.API = origin
	d.Config = d.configuration()
	if err := d.startGateway(gate, log); err != nil {
		return fail(err)
	}
	d.serve(api, newAPI())
	d.serve(pages, d.pages(d.Allowed))
	d.serve(strangers, d.pages(d.Denied))
	return d, nil
}

//go:embed demo.toml
var configuration string

// configuration returns the text of the configuration with the addresses of this run.
func (d *Demo) configuration() string {
	return strings.NewReplacer(
		"GATEWAY", strings.TrimPrefix(d.Gateway, "http://"),
		"ALLOWED", d.Allowed,
		"API", d.API,
	).Replace(configuration)
}

func (d *Demo) startGateway(l net.Listener, log *slog.Logger) error {
	cfg, err := config.Parse("demo.toml", []byte(d.Config))
	if err != nil {
		return fmt.Errorf("configuration of the demo: %w", err)
	}
	if d.gate, err = gateway.New(cfg, log); err != nil {
		return fmt.Errorf("configuration of the demo: %w", err)
	}
	d.gate.Attach(edge.NewListener("http", l), &config.Listener{})
	d.running.Go(func() {
		if err := d.gate.Serve(); err != nil {
			log.Error("the gateway has failed", "error", err)
		}
	})
	return nil
}

// serve serves h on l until Stop.
func (d *Demo) serve(l net.Listener, h http.Handler) {
	s := &http.Server{
		Handler:           http.MaxBytesHandler(h, 4<<10),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	d.servers = append(d.servers, s)
	d.running.Go(func() {
		s.Serve(l) // it is that of Close
	})
}

// Stop ends all parts and waits for them: requests under way have until ctx is done, whose error
// is then returned.
func (d *Demo) Stop(ctx context.Context) error {
	err := d.gate.Shutdown(ctx)
	for _, s := range d.servers {
		if late := s.Shutdown(ctx); late != nil {
			err = errors.Join(err, late, s.Close())
		}
	}
	d.running.Wait()
	return err
}
