package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"syscall"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/spf13/cobra"
)

func newFleet() *cobra.Command {
	c := &cobra.Command{
		Use:   "fleet",
		Short: "Show and change what the gateways of a fleet share",
		Long: `Fleet shows and changes what gateways share in etcd: policies, upstreams, rate limits and routes.
The table [fleet] of a gateway's own file says where etcd is; --etcd and related flags replace it.

Each version of the shared configuration is a numbered revision, and one revision is live. Revisions
never change: to undo one, make the text of an older one live again, as a new revision.

Each command exits with status 0 on success, 1 if the state of the fleet prevents it (another push came
first, a canary failed, etcd does not respond), and 2 if the arguments or the text are invalid.`,
		DisableFlagsInUseLine: true,
		Args:                  cli.KnownCommand,
		RunE: func(c *cobra.Command, _ []string) error {
			return c.Help()
		},
		SuggestionsMinimumDistance: 2,
	}
	c.AddCommand(newFleetPush(), newFleetStatus(), newFleetLog(), newFleetShow(), newFleetDiff(), newFleetRollback(), newFleetEdit())
	return c
}

// A fleetPlace says where a fleet is.
type fleetPlace struct {
	path                                                  string
	etcd                                                  []string
	prefix, ca, cert, key, username, password, files, who string
}

// flags adds the flags that say so to c.
func (f *fleetPlace) flags(c *cobra.Command) {
	cli.ConfigFlag(c, &f.path)
	c.Flags().Lookup("config").Usage = "a gateway's own `FILE`, with a table [fleet]"
	c.Flags().StringArrayVar(&f.etcd, "etcd", nil, "`URL` of a member of etcd, instead of --config; repeatable")
	c.Flags().StringVar(&f.prefix, "prefix", "", "with --etcd: `PREFIX` of the fleet's keys (default \"/corsgate/production/\")")
	c.Flags().StringVar(&f.ca, "tls-ca", "", "with --etcd: PEM `FILE` with the authorities that etcd is verified against")
	c.Flags().StringVar(&f.cert, "tls-cert", "", "with --etcd: PEM `FILE` with the client certificate")
	c.Flags().StringVar(&f.key, "tls-key", "", "with --etcd: PEM `FILE` of its key")
	c.Flags().StringVar(&f.username, "username", "", "with --etcd: `NAME` of the etcd user")
	c.Flags().StringVar(&f.password, "password-file", "", "with --etcd: `FILE` with its password")
	c.Flags().StringVar(&f.files, "files", "", "with --etcd: `DIRECTORY` of the files that the shared text names")
}

// author adds the flag that says who makes a change.
func (f *fleetPlace) author(c *cobra.Command) {
	c.Flags().StringVar(&f.who, "author", "", "`WHO` makes the change (default USER@HOST)")
}

// A fleetClient is what the commands work with.
type fleetClient struct {
	*fleet.Store
	ctx    context.Context // until a signal to stop
	own    config.Source   // a gateway's text, to be taken together with what is shared
	author string
	close  func()
}

// open opens the fleet's store. An error ends the process with 2.
func (f *fleetPlace) open(c *cobra.Command) (*fleetClient, error) {
	own, err := f.own(c)
	if err != nil {
		return nil, cli.Misuse(err)
	}
	cfg, err := source.Compose(own, nil)
	if err != nil {
		return nil, cli.Misuse(err)
	}
	if cfg.Fleet == nil {
		return nil, cli.Misuse(fmt.Errorf("%s has no table [fleet]: name the file of a gateway in a fleet with --config, or etcd with --etcd", own.Name))
	}
	options, problems := source.FleetOptions(cfg)
	if len(problems) > 0 {
		return nil, cli.Misuse(problems)
	}
	store, err := fleet.Open(options)
	if err != nil {
		return nil, cli.Misuse(err)
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	return &fleetClient{Store: store, ctx: ctx, own: own, author: cmp.Or(f.who, whoami()),
		close: func() { stop(); store.Close() }}, nil // all that was to be written has been
}

// own returns the text of a gateway's file, or one that says what the flags say.
func (f *fleetPlace) own(c *cobra.Command) (config.Source, error) {
	extra := []string{"prefix", "tls-ca", "tls-cert", "tls-key", "username", "password-file", "files"}
	if len(f.etcd) == 0 {
		for _, name := range extra {
			if c.Flags().Changed(name) {
				return config.Source{}, fmt.Errorf("--%s belongs to --etcd: without that, a gateway's own file says where the fleet is", name)
			}
		}
		return source.Read(f.path)
	}
	if c.Flags().Changed("config") {
		return config.Source{}, errors.New("--config and --etcd both say where the fleet is: give one of them")
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "fleet.etcd = [")
	for _, e := range f.etcd {
		fmt.Fprintf(&text, "%q, ", e)
	}
	fmt.Fprintf(&text, "]\n")
	for i, value := range []string{f.prefix, f.ca, f.cert, f.key, f.username, f.password, f.files} {
		if name := extra[i]; c.Flags().Changed(name) {
			fmt.Fprintf(&text, "fleet.%s = %q\n", strings.ReplaceAll(name, "-", "_"), value)
		}
	}
	return config.Source{Name: "--etcd", Text: text.Bytes()}, nil
}

// whoami returns who runs this process, as "user@host".
func whoami() string {
	name := os.Getenv("SUDO_USER")
	if u, err := user.Current(); err == nil && name == "" {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	return cmp.Or(name, "?") + "@" + host
}
