package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/logs"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/node"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/operators"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/systemd"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/upgrade"
	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/listen"
)

// A process is one run of serve.
type process struct {
	path      string
	log       *logs.Log
	stdout    io.Writer // for the access log
	gate      *gateway.Gateway
	given     *upgrade.Inherited
	upgrader  upgrade.Upgrader
	operators *operators.Listeners
	systemd   systemd.Manager
	node      *node.Node // nil: in no fleet
	started   time.Time

	stopWatchdog func()      // ends the messages to systemd's watchdog
	handedOver   atomic.Bool // a successor has the sockets
	opened       atomic.Bool // clients are served
	served       chan error  // has the error that ended serving

	mu       sync.Mutex     // held while the configuration changes, and guards:
	own      config.Source  // the text of the file in force
	shared   *config.Source // the fleet's text in force, which is combined with it; nil: none
	waiting  bool           // there is no configuration to serve yet
	stopping bool           // it is too late for another configuration
}

// newProcess returns a process that serves nothing yet.
func newProcess(own config.Source, cfg *config.Config, given *upgrade.Inherited, log *logs.Log, stdout io.Writer) (*process, error) {
	p := &process{path: own.Name, log: log, stdout: stdout, given: given, operators: operators.New(given, log.Logger),
		systemd: systemd.Manager{Log: log.Logger}, started: time.Now(), own: own, served: make(chan error, 1)}
	var err error
	p.gate, err = gateway.New(cfg, log.Logger)
	return p, err
}

// listen binds all addresses, or none, and serves clients, unless it has to wait for a configuration to serve.
func (p *process) listen(cfg *config.Config) error {
	if err := p.operators.Bind(cfg); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if cfg, _ := p.gate.Config(); len(cfg.Routes) == 0 {
		p.waiting = true
		p.log.Warn("waiting for a first revision: until then this gateway is not ready and serves only the admin listener")
		p.operators.Introduce()
		p.tellReady(nil)
	} else if err := p.open(p.operators.Introduce); err != nil {
		p.operators.Unbind()
		return err
	}
	return nil
}

// open begins to serve clients. Before the first of them can be answered, introduce logs what else is served. Precondition: p.mu is
// held.
func (p *process) open(introduce func()) error {
	err := p.gate.Inherit(p.given.Sockets())
	if err == nil {
		err = p.gate.Listen()
	}
	if err != nil {
		return err
	}
	cfg, _ := p.gate.Config()
	for _, l := range cfg.Listeners {
		p.log.Info("listening", "listener", l.Name, "address", p.gate.Addr(l.Name))
	}
	introduce()
	p.log.Info("serving", "version", version(), "config", p.path, "routes", len(cfg.Routes))
	p.opened.Store(true)
	go func() { p.served <- p.gate.Serve() }()
	p.tellReady(nil)
	p.given.Serves()
	return nil
}

// abandon ends a gateway that does not come to serve.
func (p *process) abandon() {
	now, end := context.WithCancel(context.Background())
	end()
	p.gate.Shutdown(now) // there are no requests
}

// sockets returns duplicates of all listening sockets. The files are the caller's, also those that come with an error.
func (p *process) sockets() ([]listen.Socket, error) {
	list, err := p.gate.Sockets()
	if err != nil {
		return nil, err
	}
	more, err := p.operators.Sockets()
	return append(list, more...), err
}

// tellReady tells systemd what the process serves, after a start or a reload. failed is why the reload failed, or nil.
func (p *process) tellReady(failed error) {
	cfg, generation := p.gate.Config()
	status := fmt.Sprintf("Serving %d routes, configuration %d", len(cfg.Routes), generation)
	switch {
	case p.waiting:
		status = "Waiting for the fleet's first revision"
	case cfg.Revision != "":
		status += ", " + cfg.Revision
	}
	if failed != nil {
		first, _, _ := strings.Cut(failed.Error(), "\n")
		status += "; not reloaded: " + first
	}
	p.systemd.Ready(status)
}
