package main

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/collector"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/logs"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/node"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/operators"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/terminal"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/upgrade"
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

// serve serves the configuration file at path until a signal to stop.
//
// The access log goes to stdout or to a file, everything else to stderr: each can have a reader of its own.
func serve(path string, watch bool, stdout, stderr io.Writer) error {
	if path == "-" {
		return cli.Misuse(errors.New("serve rereads its configuration on reload, so it cannot come from standard input: name a file"))
	}
	s := notify()
	defer s.ignore()
	collector.Relax()
	given, err := upgrade.Inherit(operators.Keys()...)
	if err != nil {
		return cli.Misuse(err)
	}
	stop := terminal.Working(stderr, func() string { return "loading " + cmp.Or(path, "the configuration") })
	defer stop()
	own, cfg, err := source.Load(path)
	if err != nil {
		return cli.Misuse(err)
	}
	log := logs.New(cfg.Log, stderr)
	defer log.Finish()
	p, err := newProcess(own, cfg, given, log, stdout)
	if err != nil {
		return cli.Misuse(err)
	}
	stop()
	if p.upgrader, err = upgrade.New(p.sockets, p.log.Logger); err != nil {
		p.log.Warn("the binary cannot be upgraded", "error", err.Error())
	}
	lines, err := logs.OpenAccess(cfg, stdout)
	if err != nil {
		return cli.Misuse(err)
	}
	p.gate.LogAccess(lines)
	if cfg.Fleet != nil {
		if p.node, err = node.Join(cfg, p.gate, p.log.Logger, p); err != nil {
			p.abandon()
			return cli.Misuse(err)
		}
		defer p.node.Leave()
	}
	if err := p.listen(cfg); err != nil {
		// The status is Failed, not Usage: the configuration is valid, and a supervisor should try again, because the address
		// may be free by then.
		p.abandon()
		return cli.Fail(err)
	}
	defer p.operators.Serve(p.pages(), p.mayScrape, &p.handedOver)()
	defer background(func(ctx context.Context) { p.watch(ctx, watch) })()
	p.stopWatchdog = background(func(ctx context.Context) { p.systemd.Watchdog(ctx, p.gate.Alive) })
	defer p.stopWatchdog()
	return p.wait(s)
}

// background runs f until the function that it returns is called.
func background(f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f(ctx) }()
	return func() { cancel(); <-done }
}
