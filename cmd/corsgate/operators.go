package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/admin"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/socket"
)

// operators are the listeners for operators.
type operators struct {
	list  []*operatorListener
	given *inherited
	log   *slog.Logger
}

// An operatorListener is the admin listener, or the one that has metrics only.
type operatorListener struct {
	key      string // adminKey or metricsKey
	address  config.Address
	sockets  *socket.Group
	listener net.Listener
}

// bind binds the addresses of [admin], or none of them.
func (l *operators) bind(cfg *config.Config) error {
	bind := func(key string, a config.Address, name, hint string) error {
		if a == "" || a == config.Off {
			return nil
		}
		o := &operatorListener{key: key, address: a}
		var err error
		if o.sockets, err = l.given.bind(key, a); err == nil {
			o.listener, err = o.sockets.Listener(0)
		}
		if err != nil {
			l.unbind()
			return cfg.Problem("admin."+name, -1, fmt.Sprintf("cannot listen on %s: %v", a, err), hint)
		}
		l.list = append(l.list, o)
		return nil
	}
	if err := bind(adminKey, cfg.Admin.Address, "address", `"off" for none`); err != nil {
		return err
	}
	return bind(metricsKey, cfg.Admin.MetricsAddress, "metrics_address", "")
}

// unbind gives up what was bound, before anything was accepted.
func (l *operators) unbind() {
	if l.given.ready != nil {
		return // the sockets are another's
	}
	for _, o := range l.list {
		o.sockets.Close() // nothing was accepted
	}
	l.list = nil
}

// introduce logs where operators find what.
func (o *operatorListener) introduce(log *slog.Logger) {
	about := []any{"listener", o.key, "address", o.listener.Addr().String()}
	if tcp, ok := o.listener.Addr().(*net.TCPAddr); ok && o.key == adminKey {
		about = append(about, "dashboard", "http://"+tcp.String()+"/")
	}
	log.Info("listening", about...)
}

// serve serves pages until the function that it returns is called. handedOver says that a successor accepts. A failure here does
// not stop the gateway for its clients.
func (l *operators) serve(pages *admin.Admin, mayScrape func(netip.Addr) bool, handedOver *atomic.Bool) (stop func()) {
	var servers []*http.Server
	var done sync.WaitGroup
	for _, o := range l.list {
		handler := pages.Handler()
		if o.key == metricsKey {
			handler = pages.MetricsHandler(mayScrape)
		}
		server := l.server(handler)
		servers = append(servers, server)
		done.Go(func() {
			if err := server.Serve(o.listener); !errors.Is(err, http.ErrServerClosed) && !handedOver.Load() {
				l.log.Error("the admin or metrics listener failed", "listener", o.key, "error", err)
			}
		})
	}
	return func() {
		if handedOver.Load() {
			endAdmin(servers)
		}
		for i, o := range l.list {
			if handedOver.Load() {
				o.sockets.Leave()
				continue
			}
			servers[i].Close() // the process ends
			o.sockets.Close()  // likewise
		}
		done.Wait()
	}
}

// retire ends accepting: a successor does that now.
func (l *operators) retire() {
	for _, o := range l.list {
		o.listener.Close() // the successor accepts there
	}
}

// mayScrape reports whether metrics_allow has an address.
func (p *process) mayScrape(from netip.Addr) bool {
	cfg, _ := p.gate.Config()
	return admin.MayScrape(cfg.Admin.MetricsAllow, from)
}

// pages returns what operators are shown.
func (p *process) pages() *admin.Admin {
	return &admin.Admin{
		Ready:    p.ready,
		Status:   p.status,
		Registry: p.gate.Registry(),
		Reload:   p.reload,
		Config:   func() any { return effective(p.gate.Config()) },
		Shadow:   func() any { return p.gate.ShadowDiffs() },
		Refused:  func() any { return p.gate.Refusals() },
		Explain: func(q fetch.Question) (any, error) {
			e, err := p.gate.Explain(q)
			return &e, err
		},
		Log: p.log,
	}
}

func (l *operators) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(l.log.Handler(), slog.LevelWarn),
		// No WriteTimeout: a profile takes as long as it was asked to.
	}
}

// adminPatience is how long the operators' requests may take to end once a successor serves.
const adminPatience = 5 * time.Second

// endAdmin lets the operators' requests end, for a while, once nothing more is accepted. What a connection has
// sent when Shutdown begins net/http would drop, so requests have the time first that the gateway's have too.
func endAdmin(servers []*http.Server) {
	time.Sleep(edge.Grace)
	ctx, cancel := context.WithTimeout(context.Background(), adminPatience)
	defer cancel()
	for _, server := range servers {
		if server.Shutdown(ctx) != nil {
			server.Close() // the process ends
		}
	}
}
