package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway/admin"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/socket"
)

// operators is a listener for operators: the admin listener, or the one that has metrics only.
type operators struct {
	key      string // adminKey or metricsKey
	address  config.Address
	sockets  *socket.Group
	listener net.Listener
}

// bindOperators binds the addresses of [admin], or none of them.
func (p *process) bindOperators(cfg *config.Config) error {
	bind := func(key string, a config.Address, name, hint string) error {
		if a == "" || a == config.Off {
			return nil
		}
		o := &operators{key: key, address: a}
		var err error
		if o.sockets, err = p.given.bind(key, a); err == nil {
			o.listener, err = o.sockets.Listener(0)
		}
		if err != nil {
			p.unbindOperators()
			return cfg.Problem("admin."+name, -1, fmt.Sprintf("cannot listen on %s: %v", a, err), hint)
		}
		p.operators = append(p.operators, o)
		return nil
	}
	if err := bind(adminKey, cfg.Admin.Address, "address", `"off" for none`); err != nil {
		return err
	}
	return bind(metricsKey, cfg.Admin.MetricsAddress, "metrics_address", "")
}

// unbindOperators gives up what was bound, before anything was accepted.
func (p *process) unbindOperators() {
	if p.given.ready != nil {
		return // the sockets are another's
	}
	for _, o := range p.operators {
		o.sockets.Close() // nothing was accepted
	}
	p.operators = nil
}

// introduce logs where operators find what.
func (o *operators) introduce(log *slog.Logger) {
	about := []any{"listener", o.key, "address", o.listener.Addr().String()}
	if tcp, ok := o.listener.Addr().(*net.TCPAddr); ok && o.key == adminKey {
		about = append(about, "dashboard", "http://"+tcp.String()+"/")
	}
	log.Info("listening", about...)
}

// serveOperators serves the operators until the function that it returns is called. That they cannot be served is no reason
// to stop serving everybody else.
func (p *process) serveOperators() (stop func()) {
	pages := p.pages()
	var servers []*http.Server
	var done sync.WaitGroup
	for _, o := range p.operators {
		handler := pages.Handler()
		if o.key == metricsKey {
			handler = pages.MetricsHandler(p.mayScrape)
		}
		server := p.operatorServer(handler)
		servers = append(servers, server)
		done.Go(func() {
			if err := server.Serve(o.listener); !errors.Is(err, http.ErrServerClosed) && !p.handedOver.Load() {
				p.log.Error("a listener for operators has failed", "listener", o.key, "error", err)
			}
		})
	}
	return func() {
		if p.handedOver.Load() {
			leaveAdmin(servers)
		}
		for i, o := range p.operators {
			if p.handedOver.Load() {
				o.sockets.Leave()
				continue
			}
			servers[i].Close() // the process ends
			o.sockets.Close()  // likewise
		}
		done.Wait()
	}
}

// retireOperators ends accepting: a successor does that now.
func (p *process) retireOperators() {
	for _, o := range p.operators {
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

func (p *process) operatorServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
		// No WriteTimeout: a profile takes as long as it was asked to.
	}
}
