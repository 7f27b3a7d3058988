package gateway

import (
	"errors"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/auth"
	"github.com/corsgate/corsgate/gateway/certs"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/listen"
	"github.com/corsgate/corsgate/gateway/logging"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/proxy"
	"github.com/corsgate/corsgate/gateway/ratelimit"
	"github.com/corsgate/corsgate/gateway/report"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/trace"
	"github.com/prometheus/client_golang/prometheus"
)

// A Gateway serves one configuration at a time. Its methods are safe for concurrent use.
type Gateway struct {
	proxy  *proxy.Proxy // one pointer: what is served now
	listen *listen.Set  // guarded by mu
	server *edge.Server
	mu     sync.Mutex // one lock: serializes Reload, Listen and Shutdown; no request takes it

	log     *slog.Logger
	metrics *metrics.Metrics
	access  *access.Log // nil: none
	loading loading
	short   logging.Sampler // of the log's lines on what the machine is short of
	relief  logging.Sampler // likewise on memory
	floods  logging.Sampler // likewise on floods
	spared  atomic.Int64    // when descriptors were spared last, in Unix nanoseconds
	exports trace.Running
	stores  ratelimit.Stores
	sources auth.Sources
	swapped chan struct{}   // has an element after a swap; see Watch
	warned  config.Problems // warnings that were logged

	closed bool           // Shutdown stops, or has stopped, what is served
	work   sync.WaitGroup // what a swap has stopped and still ends
	ended  chan struct{}  // closed after Shutdown
}

// New returns a gateway that does not listen yet. An error is of type config.Problems.
func New(cfg *config.Config, log *slog.Logger) (*Gateway, error) {
	m := metrics.New()
	g := &Gateway{proxy: proxy.New(log, m), log: log, metrics: m, swapped: make(chan struct{}, 1), ended: make(chan struct{})}
	s, problems, warnings := snapshot.Compile(cfg, nil, g.metrics)
	if len(problems) > 0 {
		return nil, problems
	}
	g.stores.Log, g.stores.Metrics, g.sources.Log = log, g.metrics, log
	g.warn(warnings)
	g.server = edge.NewServer(s.Edge, g.proxy.Serve, g.proxy.Refuse)
	g.server.OnRefusal(g.proxy.ServeFault)
	g.server.OnFailure(func(l *edge.Failure, on *edge.Listener, peer netip.Addr, err error) {
		g.metrics.Lost(l)
		g.log.Debug("connection lost", "listener", on.Name, "peer", peer.String(), "layer", l.Layer, "reason", l.Reason, "error", err.Error())
	})
	g.server.OnExhausted(g.noteShort)
	g.server.OnFlood(g.noteFlood)
	g.listen = listen.NewSet(g.server, g.proxy.Exchanges, log)
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
	prev := g.proxy.Current()
	before := prev
	if prev == nil {
		before = new(snapshot.Snapshot)
	}
	s.Upstreams.Start(before.Upstreams, g.spareDescriptors, g.log)
	g.exports.Swap(prev.Exporter(), s.Exporter(), g.log)
	g.stores.Swap(before.Limits, s.Limits)
	g.sources.Swap(s.Auth)
	if g.listen.Serving() {
		g.work.Go(certs.Start(prev.Certs, s.Certs, g.log))
	}
	g.proxy.Swap(s)
	g.server.Configure(s.Edge)
	if prev != nil {
		prev.Upstreams.Stop(s.Upstreams)
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
	s := g.proxy.Current()
	return g.listen.Listen(s.Config, s.Certs.Auths)
}

// Inherit has Listen use sockets that another process has handed over, for listeners of the same
// address. It closes the files.
func (g *Gateway) Inherit(sockets []listen.Socket) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.listen.Inherit(sockets)
}

// Sockets returns duplicates of all sockets, for another process to be given. The files are the caller's.
func (g *Gateway) Sockets() ([]listen.Socket, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.listen.Sockets()
}

// Attach adds a listener that was made elsewhere; c says how it is to be served. It must be called
// before Serve. A reload that changes it needs a restart.
func (g *Gateway) Attach(l *edge.Listener, c *config.Listener) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listen.Attach(l, c)
}

// Addr returns where a listener listens, as "host:port" or a path, or "" if there is none of that name.
func (g *Gateway) Addr(listener string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.listen.Addr(listener)
}

// Reload makes cfg the configuration in force, or returns why not and changes nothing.
// Requests under way end as they began.
func (g *Gateway) Reload(cfg *config.Config) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	prev := g.proxy.Current()
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
	s := g.proxy.Current()
	s.Certs.ACME.Retry() // what made an order fail may have been put right
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
	install := func() {}
	if cfg != prev.Config {
		var err error
		if install, err = g.listen.Rebind(cfg, s.Certs.Auths); err != nil {
			g.ReloadFailed(err)
			return err
		}
	}
	g.warn(warnings)
	g.swap(s)
	install()
	return nil
}

// restartOnly reports what differs between two configurations that a reload cannot change.
func restartOnly(old, cfg *config.Config) (p config.Problems) {
	const hint = "restart corsgate to change it"
	if old.Admin.Address != cfg.Admin.Address {
		p = append(p, cfg.Problem("admin.address", -1, "the admin listener cannot be changed by a reload", hint))
	}
	if old.Admin.MetricsAddress != cfg.Admin.MetricsAddress {
		p = append(p, cfg.Problem("admin.metrics_address", -1, "the metrics listener cannot be changed by a reload", hint))
	}
	if !reflect.DeepEqual(old.Fleet, cfg.Fleet) {
		p = append(p, cfg.Problem("fleet", -1, "the fleet of a gateway cannot be changed by a reload", hint))
	}
	return p
}

// Config returns the configuration in force and its generation.
func (g *Gateway) Config() (*config.Config, uint64) {
	s := g.proxy.Current()
	return s.Config, s.Generation
}

// Refusals returns the origins that policies have refused, the most frequent first, at most 256. The list is never nil.
// A reload forgets those of a route whose policy it changes, whatever their files of origins hold, and those without a route.
func (g *Gateway) Refusals() []report.Refusal { return g.proxy.Report().Refusals() }

// ShadowDiffs returns what the shadows of policies would change, the most frequent first, at most 256. The list is
// never nil. A reload keeps the counts of the routes whose policies it does not change, whatever their files of origins
// hold.
func (g *Gateway) ShadowDiffs() []report.ShadowDiff { return g.proxy.Report().ShadowDiffs() }

// Seen returns questions that pages have asked lately, at most n: the most frequent of those that were refused, and as far as
// there is room preflights that were allowed. Allowed requests without a preflight leave no trace that could be listed.
func (g *Gateway) Seen(n int) []fetch.Question { return g.proxy.Report().Questions(n) }

// Explain answers q for the configuration in force. It counts nothing and remembers nothing. An error says what is
// wrong with the question.
func (g *Gateway) Explain(q fetch.Question) (explain.Explanation, error) {
	return explain.Of(g.proxy.Current(), q)
}

// Registry returns the metrics.
func (g *Gateway) Registry() *prometheus.Registry { return g.metrics.Registry() }

// Ready reports whether new requests are welcome: it is false while the gateway drains.
func (g *Gateway) Ready() bool { return !g.proxy.Draining() }
