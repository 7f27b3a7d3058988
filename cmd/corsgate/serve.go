package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/admin"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/spf13/cobra"
)

func newServe() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: `Serve runs the gateway until SIGTERM or SIGINT: it then lets the requests under way end, for as long
as timeouts.shutdown says, and exits with 0. A second signal ends it at once.

The access log (log.access) goes to stdout, and the log of the process itself to stderr.

SIGHUP reads the configuration file again. If anything is wrong with it, that is logged, and the
gateway goes on with the configuration that it has. Changes of a policy's origins_file are taken
over in the same way, without a signal.`,
		Args: nothing,
		RunE: func(c *cobra.Command, _ []string) error {
			return serve(path, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	configFlag(c, &path)
	return c
}

// signals are those that serve obeys. They are asked for before anything else is done, so that
// none is lost while the gateway starts. Many of one kind are as good as one.
type signals struct {
	reload chan os.Signal
	stop   chan os.Signal
}

func notify() *signals {
	s := &signals{reload: make(chan os.Signal, 1), stop: make(chan os.Signal, 2)}
	signal.Notify(s.reload, syscall.SIGHUP)
	signal.Notify(s.stop, syscall.SIGTERM, os.Interrupt)
	signal.Ignore(syscall.SIGPIPE) // who has stopped to read a log does not end the gateway
	return s
}

func (s *signals) ignore() {
	signal.Stop(s.reload)
	signal.Stop(s.stop)
	signal.Reset(syscall.SIGPIPE)
}

// A process is one run of serve.
type process struct {
	path  string
	log   *slog.Logger
	gate  *gateway.Gateway
	admin *edge.Sockets // nil: off

	started time.Time
	mu      sync.Mutex // held while the configuration is read again
}

// serve runs the gateway that the file at path describes until it is told to stop.
//
// The access log goes to stdout, everything else to stderr: each can have a reader of its own.
func serve(path string, stdout, stderr io.Writer) error {
	s := notify()
	defer s.ignore()
	cfg, err := load(path)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	p := &process{path: path, log: newLogger(cfg.Log, stderr), started: time.Now()}
	if p.gate, err = gateway.New(cfg, p.log); err != nil {
		return &exitError{exitUsage, err}
	}
	operators, err := p.listen(cfg)
	if err != nil {
		// Nothing was accepted, so there is nothing to drain: what there is ends with the process.
		// Status 1 and not 2: the configuration is as valid as check says, and a supervisor does
		// well to try again when the address may have become free.
		return &exitError{exitFailed, err}
	}
	text := textual(cfg.Log, stdout)
	p.gate.LogAccess(stdout, text, text && terminal(stdout) && os.Getenv("NO_COLOR") == "")
	p.log.Info("serving", "version", version(), "config", path, "routes", len(cfg.Routes))
	if operators != nil {
		defer p.serveAdmin(operators)()
	}
	defer p.watch()()
	served := make(chan error, 1)
	go func() { served <- p.gate.Serve() }()
	return p.wait(s, served)
}

// listen binds all addresses, or none. It returns the admin listener, or nil if that is off.
func (p *process) listen(cfg *config.Config) (net.Listener, error) {
	var operators net.Listener
	if a := cfg.Admin.Address; a != config.Off {
		var err error
		if p.admin, err = edge.Bind(string(a), 1, false); err == nil {
			operators, err = p.admin.Listener(0)
		}
		if err != nil {
			return nil, cfg.Problem("admin.address", -1, fmt.Sprintf("cannot listen on %s: %v", a, err), `"off" for none`)
		}
	}
	if err := p.gate.Listen(); err != nil {
		if operators != nil {
			operators.Close() //nolint:errcheck // nothing was accepted
			p.admin.Close()   //nolint:errcheck // likewise
		}
		return nil, err
	}
	for _, l := range cfg.Listeners {
		p.log.Info("listening", "listener", l.Name, "address", p.gate.Addr(l.Name))
	}
	if operators != nil {
		p.log.Info("listening", "listener", "admin", "address", operators.Addr().String())
	}
	return operators, nil
}

// serveAdmin serves the operators on l until the function that it returns is called. That they
// cannot be served is no reason to stop serving everybody else.
func (p *process) serveAdmin(l net.Listener) (stop func()) {
	server, done := p.adminServer(), make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("the admin listener has failed", "error", err)
		}
	}()
	return func() {
		server.Close() //nolint:errcheck // the process ends
		<-done
		p.admin.Close() //nolint:errcheck // likewise
	}
}

// watch takes over changes of the files of origins until the function that it returns is called.
func (p *process) watch() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); p.gate.Watch(ctx) }()
	return func() { cancel(); <-done }
}

func (p *process) adminServer() *http.Server {
	a := &admin.Admin{
		Ready:    p.gate.Ready,
		Status:   p.status,
		Registry: p.gate.Registry(),
		Reload:   p.reload,
		Config:   func() any { return effective(p.gate.Config()) },
		Shadow:   func() any { return p.gate.ShadowDiffs() },
		Refused:  func() any { return p.gate.Refusals() },
		Explain: func(q admin.Question) (any, error) {
			e, err := p.gate.Explain(gateway.Question(q))
			return &e, err
		},
		Log: p.log,
	}
	return &http.Server{
		Handler:           a.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
		// No WriteTimeout: a profile takes as long as it was asked to.
	}
}

func (p *process) status() admin.Status {
	cfg, generation := p.gate.Config()
	s := admin.Status{Version: version(), Started: p.started, File: cfg.File, Generation: generation}
	var err error
	if s.Loaded, err = p.gate.LastReload(); err != nil {
		s.ReloadError = err.Error()
	}
	return s
}

// wait obeys signals until the gateway has stopped.
func (p *process) wait(s *signals, served <-chan error) error {
	for {
		select {
		case <-s.reload:
			p.reload() //nolint:errcheck // it has logged
		case sig := <-s.stop:
			err := p.drain(sig, s.stop)
			<-served
			return err
		case err := <-served:
			return &exitError{exitFailed, fmt.Errorf("serving has ended: %w", err)}
		}
	}
}

// drain ends the gateway: at leisure, or at once on a second signal.
func (p *process) drain(first os.Signal, more <-chan os.Signal) error {
	cfg, _ := p.gate.Config()
	p.log.Info("draining", "signal", first.String(), "lame_duck", cfg.Timeouts.LameDuck.String(), "timeout", cfg.Timeouts.Shutdown.String())
	ctx, cancel := context.WithTimeout(context.Background(), cfg.Timeouts.LameDuck+cfg.Timeouts.Shutdown)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- p.gate.Shutdown(ctx) }()
	var err error
	select {
	case err = <-ended:
	case sig := <-more:
		p.log.Warn("stopping at once", "signal", sig.String())
		cancel()
		err = <-ended
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &exitError{exitFailed, fmt.Errorf("requests were still under way after %v: their connections were closed", cfg.Timeouts.Shutdown)}
	case err != nil:
		return &exitError{exitFailed, fmt.Errorf("stopped before all requests had ended: %w", err)}
	}
	p.log.Info("stopped")
	return nil
}

// reload reads the configuration again. If it cannot be served, each reason is logged and nothing
// else changes. It is safe for concurrent use.
func (p *process) reload() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	cfg, err := load(p.path)
	if err != nil {
		p.gate.ReloadFailed(err)
	} else {
		err = p.gate.Reload(cfg)
	}
	if err == nil {
		return nil
	}
	problems, ok := problemsOf(err)
	if !ok {
		p.log.Error("configuration not reloaded", "error", err.Error())
		return err
	}
	for _, problem := range problems {
		p.log.Error("configuration not reloaded", "error", problem.Error())
	}
	return err
}
