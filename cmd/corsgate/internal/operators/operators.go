// Package operators serves operators: the admin listener, and the listener that has metrics only.
package operators

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

	"github.com/corsgate/corsgate/cmd/corsgate/internal/upgrade"
	"github.com/corsgate/corsgate/gateway/admin"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/listen"
	"github.com/corsgate/corsgate/gateway/socket"
)

// adminKey and metricsKey name the sockets of the listeners when a successor inherits them.
const (
	adminKey   = "admin"
	metricsKey = "metrics"
)

// Keys returns the keys under which a successor finds the sockets of these listeners. See [upgrade.Inherit].
func Keys() []string { return []string{adminKey, metricsKey} }

// Listeners are the listeners for operators.
type Listeners struct {
	list  []*listener
	given *upgrade.Inherited
	log   *slog.Logger
}

// New returns no listeners yet; see Bind.
func New(given *upgrade.Inherited, log *slog.Logger) *Listeners {
	return &Listeners{given: given, log: log}
}

// A listener is the admin listener, or the one that has metrics only.
type listener struct {
	key      string // adminKey or metricsKey
	address  config.Address
	sockets  *socket.Group
	listener net.Listener
}

// Bind binds the addresses of [admin], or none of them.
func (l *Listeners) Bind(cfg *config.Config) error {
	bind := func(key string, a config.Address, name, hint string) error {
		if a == "" || a == config.Off {
			return nil
		}
		o := &listener{key: key, address: a}
		var err error
		if o.sockets, err = l.given.Bind(key, a); err == nil {
			o.listener, err = o.sockets.Listener(0)
		}
		if err != nil {
			l.Unbind()
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

// Unbind closes the sockets, before anything was accepted.
func (l *Listeners) Unbind() {
	if l.given.Shared() {
		return // the predecessor uses the sockets
	}
	for _, o := range l.list {
		o.sockets.Close() // nothing was accepted
	}
	l.list = nil
}

// Introduce logs the addresses, and where the dashboard is.
func (l *Listeners) Introduce() {
	for _, o := range l.list {
		o.introduce(l.log)
	}
}

func (o *listener) introduce(log *slog.Logger) {
	about := []any{"listener", o.key, "address", o.listener.Addr().String()}
	if tcp, ok := o.listener.Addr().(*net.TCPAddr); ok && o.key == adminKey {
		about = append(about, "dashboard", "http://"+tcp.String()+"/")
	}
	log.Info("listening", about...)
}

// Serve serves pages until the returned function is called. handedOver says that a successor accepts. A failure here does
// not stop the gateway for its clients.
func (l *Listeners) Serve(pages *admin.Admin, mayScrape func(netip.Addr) bool, handedOver *atomic.Bool) (stop func()) {
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
			drain(servers)
		}
		for i, o := range l.list {
			if handedOver.Load() {
				o.sockets.Leave()
				continue
			}
			servers[i].Close() // the process ends
			o.sockets.Close()  // as above
		}
		done.Wait()
	}
}

// Sockets returns duplicates of the listening sockets, for a successor. The files are the caller's, also those that come with an
// error.
func (l *Listeners) Sockets() (list []listen.Socket, err error) {
	for _, o := range l.list {
		file, err := o.sockets.File(0)
		if err != nil {
			return list, err
		}
		list = append(list, listen.Socket{Key: o.key, Address: string(o.address), File: file})
	}
	return list, nil
}

// Retire stops accepting, because a successor does.
func (l *Listeners) Retire() {
	for _, o := range l.list {
		o.listener.Close() // the successor accepts there
	}
}

func (l *Listeners) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(l.log.Handler(), slog.LevelWarn),
		// No WriteTimeout: a profile takes as long as it is asked to.
	}
}

// patience is how long the requests of operators may take to end once a successor serves.
const patience = 5 * time.Second

// drain lets requests end, for a while, once nothing more is accepted. net/http drops what a connection has sent when Shutdown
// begins, so requests that are on their way first have the time that they have at the gateway.
func drain(servers []*http.Server) {
	time.Sleep(edge.Grace)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, server := range servers {
		if server.Shutdown(ctx) != nil {
			server.Close() // the process ends
		}
	}
}
