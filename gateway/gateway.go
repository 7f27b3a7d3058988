package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/certs"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/frequent"
	"github.com/corsgate/corsgate/gateway/logging"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/ratelimit"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/prometheus/client_golang/prometheus"
)

// A Gateway serves one configuration at a time. Its methods are safe for concurrent use.
type Gateway struct {
	current   atomic.Pointer[snapshot.Snapshot] // what is served now; never nil
	mu        sync.Mutex                        // serializes Reload, Listen and Shutdown; no request takes it
	log       *slog.Logger
	metrics   *metrics.Metrics
	access    *access.Log // nil: none
	server    *edge.Server
	listeners listeners
	pseudonym string // in Via: unique to this process, says nothing about it
	draining  atomic.Bool
	succeeded atomic.Bool // by a process that accepts on the same sockets
	overload  overload
	shadows   frequent.List[ShadowDiff]
	loading   loading
	spared    atomic.Int64    // when descriptors were spared last, in Unix nanoseconds
	short     logging.Sampler // of the log's lines on what the machine is short of
	relief    logging.Sampler // likewise on memory
	refusals  frequent.List[Refusal]
	copies    *backend.Copies
	exports   exports
	stores    ratelimit.Stores
	swapped   chan struct{}   // has an element after a swap; see Watch
	warned    config.Problems // warnings that were logged

	bindings  []*binding // what is listened on
	inherited map[inheritance]*edge.Sockets

	inheritedDatagrams map[inheritance]*edge.Datagrams
	fading             []*edge.Datagrams // retired: they close when their last connection has ended

	loops   []engine                 // nil: no listener has needed them yet
	turning atomic.Pointer[[]engine] // loops, once they run
	serving bool                     // Serve was called
	closed  bool                     // Shutdown stops, or has stopped, what is served
	work    sync.WaitGroup
	failure chan error
	ended   chan struct{} // closed after Shutdown
}

// New returns a gateway that does not listen yet. An error is of type config.Problems.
func New(cfg *config.Config, log *slog.Logger) (*Gateway, error) {
	g := &Gateway{log: log, metrics: metrics.New(), copies: backend.NewCopies(log), pseudonym: "cg-" + rand.Text()[:12], swapped: make(chan struct{}, 1),
		inherited: map[inheritance]*edge.Sockets{}, inheritedDatagrams: map[inheritance]*edge.Datagrams{}, failure: make(chan error, 1), ended: make(chan struct{})}
	s, problems, warnings := snapshot.Compile(cfg, nil, g.metrics)
	if len(problems) > 0 {
		return nil, problems
	}
	g.stores.Log, g.stores.Metrics = log, g.metrics
	g.exports.ctx, g.exports.abandon = context.WithCancel(context.Background())
	g.warn(warnings)
	g.server = edge.NewServer(s.Edge, g.handle, g.refuse)
	g.server.OnRefusal(g.handleFault)
	g.server.OnLost(func(l *edge.Loss, on *edge.Listener, peer netip.Addr, err error) {
		g.metrics.Lost(l)
		g.log.Debug("connection lost", "listener", on.Name, "peer", peer.String(), "layer", l.Layer, "reason", l.Reason, "error", err.Error())
	})
	g.server.OnShort(g.noteShort)
	g.swap(s)
	g.registerScraped()
	return g, nil
}

// Check reports what is wrong with a configuration beyond what its parser sees, and apart from
// that what is worth a warning.
func Check(cfg *config.Config) (problems, warnings config.Problems) {
	_, problems, warnings = snapshot.Compile(cfg, nil, metrics.NewUnread())
	return problems, warnings
}

// warn logs the warnings of a configuration that those of the one before did not include.
func (g *Gateway) warn(warnings config.Problems) {
	for _, w := range warnings {
		if !slices.Contains(g.warned, w) {
			g.log.Warn("configuration", "warning", w.Error())
		}
	}
	g.warned = warnings
}

// swap makes s current. Nothing here can fail.
func (g *Gateway) swap(s *snapshot.Snapshot) {
	prev := g.current.Load()
	before := prev
	if prev == nil {
		before = new(snapshot.Snapshot)
	}
	s.Upstreams.Start(before.Upstreams, g.spareDescriptors, g.log)
	g.swapExporter(prev, s)
	g.stores.Swap(before.Limits, s.Limits)
	if g.serving {
		g.work.Go(certs.Start(prev.Certs, s.Certs, g.log))
	}
	g.current.Store(s)
	g.server.Configure(s.Edge)
	if prev != nil {
		prev.Upstreams.Stop(s.Upstreams)
		g.forget(prev, s)
	}
	select {
	case g.swapped <- struct{}{}:
	default: // there is one to be taken
	}
	g.metrics.Generation.Set(float64(s.Generation))
	g.reloaded()
}

// Listen binds every address of the configuration, or none. What was inherited and is not needed is closed.
func (g *Gateway) Listen() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	next, err := g.rebind(g.current.Load().Config, g.current.Load().Certs.Auths)
	for _, s := range g.inherited {
		s.Leave()
	}
	clear(g.inherited)
	for _, d := range g.inheritedDatagrams {
		d.Close()
	}
	clear(g.inheritedDatagrams)
	if err != nil {
		for _, l := range g.loops {
			l.Drain(0)
		}
		g.loops = nil
		return err
	}
	g.exchange(next)
	return nil
}

// Addr returns where a listener listens, as "host:port" or a path, or "" if there is none of that name.
func (g *Gateway) Addr(listener string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.bindings {
		if b.on[0].Name == listener {
			return b.on[0].Addr().String()
		}
	}
	return ""
}

// Reload makes cfg the configuration in force, or returns why not and changes nothing.
// Requests under way end as they began.
func (g *Gateway) Reload(cfg *config.Config) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	prev := g.current.Load()
	if g.closed {
		return errors.New("the gateway has stopped: its configuration cannot be changed")
	}
	if p := restartOnly(prev.Config, cfg); len(p) > 0 {
		g.ReloadFailed(p)
		return p
	}
	if err := g.replace(cfg, prev); err != nil {
		return err
	}
	s := g.current.Load()
	s.Certs.ACME.Retry() // whoever reloads may have put something right
	g.log.Info("configuration reloaded", "generation", s.Generation, "routes", len(s.Routes))
	return nil
}

// replace compiles cfg and makes it current, or returns why not. Precondition: g.mu is held.
func (g *Gateway) replace(cfg *config.Config, prev *snapshot.Snapshot) error {
	s, problems, warnings := snapshot.Compile(cfg, prev, g.metrics)
	if len(problems) > 0 {
		g.ReloadFailed(problems)
		return problems
	}
	bindings := g.bindings
	if len(bindings) > 0 && cfg != prev.Config {
		var err error
		if bindings, err = g.rebind(cfg, s.Certs.Auths); err != nil {
			g.ReloadFailed(err)
			return err
		}
	}
	g.warn(warnings)
	g.swap(s)
	g.exchange(bindings)
	return nil
}

// restartOnly reports what differs between two configurations that a reload cannot change.
func restartOnly(old, cfg *config.Config) (p config.Problems) {
	const hint = "restart corsgate to change it"
	if old.Admin.Address != cfg.Admin.Address {
		p = append(p, cfg.Problem("admin.address", -1, "the admin listener cannot be changed by a reload", hint))
	}
	if old.Admin.MetricsAddress != cfg.Admin.MetricsAddress {
		p = append(p, cfg.Problem("admin.metrics_address", -1, "where metrics are asked for cannot be changed by a reload", hint))
	}
	if !reflect.DeepEqual(old.Fleet, cfg.Fleet) {
		p = append(p, cfg.Problem("fleet", -1, "which fleet a gateway is in cannot be changed by a reload", hint))
	}
	return p
}

// Config returns the configuration in force and its generation.
func (g *Gateway) Config() (*config.Config, uint64) {
	s := g.current.Load()
	return s.Config, s.Generation
}

// Registry returns the metrics.
func (g *Gateway) Registry() *prometheus.Registry { return g.metrics.Registry() }

// Ready reports whether new requests are welcome: it is false while the gateway drains.
func (g *Gateway) Ready() bool { return !g.draining.Load() }
