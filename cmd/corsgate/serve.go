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

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/terminal"
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
		Long: `Serve runs the gateway until SIGTERM or SIGINT. It then waits for requests in progress, for at most
timeouts.shutdown, and exits with status 0. A second signal stops it immediately.

The access log (log.access) is written to stdout or to log.access_file, which SIGUSR1 reopens. The log of
the process itself is written to stderr.

SIGHUP reloads the configuration file. If it is not valid, the errors are logged and the current
configuration stays in use. Listeners that the reload does not change are left alone. Changes to a
policy's origins_file, to certificates and to their keys are picked up without a signal; with --watch,
so are changes to the configuration file.

SIGUSR2 starts the binary again, from the path that this process was started from, passes all listening
sockets to it, and drains this process once the new one serves. If that fails, nothing changes.

Under systemd use Type=notify, or notify-reload from systemd 253 on; WatchdogSec= and socket units are supported.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return serve(path, watch, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	cli.ConfigFlag(c, &path)
	cli.ConfigArgument(c, &path)
	c.Flags().BoolVar(&watch, "watch", false, "reload when the configuration file changes")
	return c
}

// A process is one run of serve.
type process struct {
	path  string
	log   *slog.Logger
	gate  *gateway.Gateway
	given *inherited

	reconfigureLog func(config.Log)
	stdout         io.Writer
	upgrader       upgrader
	operators      operators // at [admin]'s addresses
	systemd        systemd
	stopWatchdog   func()      // systemd's is not told any more after it
	handedOver     atomic.Bool // a successor has the sockets
	opened         atomic.Bool // clients are served
	served         chan error  // has the end of that

	started time.Time
	mu      sync.Mutex // held while the configuration is changed, and guards what follows

	own      config.Source  // the text of the file in force
	shared   *config.Source // what it is taken together with; nil: nothing
	node     *fleetNode     // nil: in no fleet
	waiting  bool           // for a first configuration
	stopping bool           // it is too late for another
}

// serve runs the gateway that the file at path describes until it is told to stop.
//
// The access log goes to stdout, if not to a file, everything else to stderr: each can have a reader of its own.
func serve(path string, watch bool, stdout, stderr io.Writer) error {
	if path == "-" {
		return cli.Misuse(errors.New("serve rereads its configuration on reload, so it cannot come from standard input: name a file"))
	}
	s := notify()
	defer s.ignore()
	collectLessOnce()
	given, err := inherit()
	if err != nil {
		return cli.Misuse(err)
	}
	stop := terminal.Working(stderr, func() string { return "loading " + cmp.Or(path, "the configuration") })
	defer stop()
	own, cfg, err := source.Load(path)
	if err != nil {
		return cli.Misuse(err)
	}
	log := newLogger(cfg.Log, stderr)
	defer log.finish()
	p := &process{path: own.Name, log: log.Logger, reconfigureLog: log.reconfigure, stdout: stdout, given: given, systemd: systemd{log.Logger},
		operators: operators{given: given, log: log.Logger}, started: time.Now(), own: own, served: make(chan error, 1)}
	if p.gate, err = gateway.New(cfg, p.log); err != nil {
		return cli.Misuse(err)
	}
	stop()
	if p.upgrader, err = newUpgrader(p); err != nil {
		p.log.Warn("the binary cannot be upgraded", "error", err.Error())
	}
	lines, err := openAccess(cfg, stdout)
	if err != nil {
		return cli.Misuse(err)
	}
	p.gate.LogAccess(lines)
	if cfg.Fleet != nil {
		if err := p.join(cfg); err != nil {
			p.abandon()
			return cli.Misuse(err)
		}
		defer p.node.leave()
	}
	if err := p.listen(cfg); err != nil {
		// Status 1 and not 2: the configuration is as valid as check says, and a supervisor does
		// well to try again when the address may have become free.
		p.abandon()
		return cli.Fail(err)
	}
	defer p.operators.serve(p.pages(), p.mayScrape, &p.handedOver)()
	defer background(func(ctx context.Context) { p.watch(ctx, watch) })()
	p.stopWatchdog = background(func(ctx context.Context) { p.systemd.watchdog(ctx, p.gate.Alive) })
	defer p.stopWatchdog()
	return p.wait(s)
}

// listen binds all addresses, or none, and serves clients, if there is a configuration to serve: else that is left for when
// there is one.
func (p *process) listen(cfg *config.Config) error {
	if err := p.operators.bind(cfg); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if cfg, _ := p.gate.Config(); len(cfg.Routes) == 0 {
		p.waiting = true
		p.log.Warn("waiting for a first revision: until then this gateway is not ready and serves only the admin listener")
		p.tellReady(nil)
	} else if err := p.open(); err != nil {
		p.operators.unbind()
		return err
	}
	for _, o := range p.operators.list {
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

// background runs f until the function that it returns is called.
func background(f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f(ctx) }()
	return func() { cancel(); <-done }
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
