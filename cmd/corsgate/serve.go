package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/admin"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/spf13/cobra"
)

func newServe() *cobra.Command {
	var path string
	var watch bool
	c := &cobra.Command{
		Use:   "serve [flags] [FILE]",
		Short: "Run the gateway",
		Long: `Serve runs the gateway until SIGTERM or SIGINT: it then lets the requests under way end, for as long
as timeouts.shutdown says, and exits with 0. A second signal ends it at once.

The access log (log.access) goes to stdout or to log.access_file, which SIGUSR1 opens anew, and the log of
the process itself to stderr.

SIGHUP reads the configuration file again. If anything is wrong with it, that is logged, and the
gateway goes on with the configuration that it has. Listeners that it does not change are left
alone. Changes of a policy's origins_file, of certificates and of their keys are taken over in the same
way, without a signal, and with --watch also those of the configuration file.

SIGUSR2 starts the binary anew, from the path that this one was started by, hands all listening
sockets to it, and drains this process as soon as the new one serves. If that fails nothing changes.

Under systemd use Type=notify, or notify-reload from systemd 253 on; WatchdogSec= and socket units are understood.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return serve(path, watch, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	configFlag(c, &path)
	fileArgument(c, &path)
	c.Flags().BoolVar(&watch, "watch", false, "reload when the configuration file changes")
	return c
}

// A process is one run of serve.
type process struct {
	path  string
	log   *slog.Logger
	obey  func(config.Log) // by log
	gate  *gateway.Gateway
	given *legacy

	stdout     io.Writer
	program    string       // the binary
	operators  []*operators // who listens for them: nobody, or on [admin]'s addresses
	unguard    func()       // ends what guard does
	handedOver atomic.Bool  // a successor has the sockets
	opened     atomic.Bool  // clients are served
	served     chan error   // has the end of that

	started time.Time
	mu      sync.Mutex // held while the configuration is changed, and guards what follows

	own      config.Source  // the text of the file in force
	shared   *config.Source // what it is taken together with; nil: nothing
	member   *member        // nil: in no fleet
	waiting  bool           // for a first configuration
	stopping bool           // it is too late for another
}

// serve runs the gateway that the file at path describes until it is told to stop.
//
// The access log goes to stdout, if not to a file, everything else to stderr: each can have a reader of its own.
func serve(path string, watch bool, stdout, stderr io.Writer) error {
	if path == "-" {
		return &exitError{exitUsage, errors.New("serve reads its configuration again when it is reloaded, so standard input cannot hold it: name a file")}
	}
	s := notify()
	defer s.ignore()
	collectLessOnce()
	given, err := inherit()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	stop := working(stderr, func() string { return "loading " + cmp.Or(path, "the configuration") })
	defer stop()
	own, cfg, err := loadOwn(path)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	log := newLogger(cfg.Log, stderr)
	defer log.finish()
	p := &process{path: own.Name, log: log.Logger, obey: log.obey, stdout: stdout, given: given, started: time.Now(), own: own, served: make(chan error, 1)}
	if p.gate, err = gateway.New(cfg, p.log); err != nil {
		return &exitError{exitUsage, err}
	}
	stop()
	if p.program, err = program(); err != nil {
		p.log.Warn("the binary cannot be upgraded", "error", err.Error())
	}
	lines, err := openAccess(cfg, stdout)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	p.gate.LogAccess(lines)
	if cfg.Fleet != nil {
		if err := p.join(cfg); err != nil {
			p.abandon()
			return &exitError{exitUsage, err}
		}
		defer p.member.leave()
	}
	if err := p.listen(cfg); err != nil {
		// Status 1 and not 2: the configuration is as valid as check says, and a supervisor does
		// well to try again when the address may have become free.
		p.abandon()
		return &exitError{exitFailed, err}
	}
	defer p.serveOperators()()
	defer p.aside(func(ctx context.Context) { p.watch(ctx, watch) })()
	p.unguard = p.aside(p.guard)
	defer p.unguard()
	return p.wait(s)
}

// listen binds all addresses, or none, and serves clients, if there is a configuration to serve: else that is left for when
// there is one.
func (p *process) listen(cfg *config.Config) error {
	if err := p.bindOperators(cfg); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if cfg, _ := p.gate.Config(); len(cfg.Routes) == 0 {
		p.waiting = true
		p.log.Warn("waiting for a first revision: until then this gateway is not ready, and listens for operators only")
		p.tellReady(nil)
	} else if err := p.open(); err != nil {
		p.unbindOperators()
		return err
	}
	for _, o := range p.operators {
		o.introduce(p.log)
	}
	return nil
}

// open begins to serve clients. Precondition: p.mu is held.
func (p *process) open() error {
	err := p.gate.Inherit(p.given.sockets)
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
	p.log.Info("serving", "version", version(), "config", p.path, "routes", len(cfg.Routes))
	p.opened.Store(true)
	go func() { p.served <- p.gate.Serve() }()
	p.tellReady(nil)
	p.given.serves()
	return nil
}

// abandon ends what there is of a gateway that does not come to serve.
func (p *process) abandon() {
	now, end := context.WithCancel(context.Background())
	end()
	p.gate.Shutdown(now) // there are no requests
}

// aside runs f until the function that it returns is called.
func (p *process) aside(f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f(ctx) }()
	return func() { cancel(); <-done }
}

// watch takes over changes of the files that the configuration names, and of its own if that is asked for.
func (p *process) watch(ctx context.Context, all bool) {
	if all {
		p.gate.Watch(ctx, func() { p.reload() }) // it has logged
		return
	}
	p.gate.Watch(ctx, nil)
}

// ready reports whether who asks at the gateway's addresses is welcome there: if not by this process, then by
// its successor.
func (p *process) ready() bool { return p.opened.Load() && p.gate.Ready() || p.handedOver.Load() }

func (p *process) status() admin.Status {
	cfg, generation := p.gate.Config()
	s := admin.Status{Version: version(), Started: p.started, File: cfg.File, Revision: cfg.Revision, Generation: generation}
	var err error
	if s.Loaded, err = p.gate.LastReload(); err != nil {
		s.ReloadError = err.Error()
	}
	return s
}

// reload reads the file again. If its configuration cannot be served, each reason is logged and nothing
// else changes. It is safe for concurrent use.
func (p *process) reload() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tellReloading()
	own, err := p.reread()
	p.tellReady(err)
	if err != nil {
		p.complain("configuration not reloaded", err)
		return err
	}
	p.own = own
	return nil
}

// reread makes what the file says now, together with what is shared, what is in force, or returns why not.
func (p *process) reread() (config.Source, error) {
	own, err := readConfig(p.path)
	if err != nil {
		p.gate.ReloadFailed(err)
		return own, err
	}
	cfg, err := compose(own, p.shared)
	if err != nil {
		p.gate.ReloadFailed(err)
		return own, err
	}
	return own, p.replace(cfg)
}

// complain logs each problem of an error.
func (p *process) complain(what string, err error) {
	problems, ok := problemsOf(err)
	if !ok {
		p.log.Error(what, "error", err.Error())
	}
	for _, problem := range problems {
		p.log.Error(what, "error", problem.Error())
	}
}

// replace makes cfg the configuration in force, with its logs, or returns why not and changes nothing.
func (p *process) replace(cfg *config.Config) error {
	lines, err := openAccess(cfg, p.stdout)
	if err != nil {
		p.gate.ReloadFailed(err)
		return err
	}
	if err := p.gate.Reload(cfg); err != nil {
		if lines.Close != nil {
			lines.Close() // nothing was written to it
		}
		return err
	}
	p.obey(cfg.Log)
	p.gate.RedirectAccess(lines)
	return nil
}

// reopen opens the file of the access log anew: another program has put the old one aside.
func (p *process) reopen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	cfg, _ := p.gate.Config()
	lines, err := openAccess(cfg, p.stdout)
	switch {
	case err != nil:
		p.log.Error("the access log is not opened anew: the old file is written to", "error", err.Error())
	case lines.Close == nil:
		p.log.Info("there is no access log to be opened anew: it goes to stdout, or is off")
	default:
		p.gate.RedirectAccess(lines)
		p.log.Info("access log opened anew", "file", cfg.Path(cfg.Log.AccessFile))
	}
}
