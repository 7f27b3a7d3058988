package fleetcmd

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

// A place says where the store of a fleet is, by the flags of a command.
type place struct {
	path                                                  string
	etcd                                                  []string
	prefix, ca, cert, key, username, password, files, who string
}

// flags adds these flags to c.
func (p *place) flags(c *cobra.Command) {
	cli.ConfigFlag(c, &p.path)
	c.Flags().Lookup("config").Usage = "a gateway's own `FILE`, with a table [fleet]"
	c.Flags().StringArrayVar(&p.etcd, "etcd", nil, "`URL` of a member of etcd, instead of --config; repeatable")
	c.Flags().StringVar(&p.prefix, "prefix", "", "with --etcd: `PREFIX` of the fleet's keys (default \"/corsgate/production/\")")
	c.Flags().StringVar(&p.ca, "tls-ca", "", "with --etcd: PEM `FILE` with the authorities that etcd is verified against")
	c.Flags().StringVar(&p.cert, "tls-cert", "", "with --etcd: PEM `FILE` with the client certificate")
	c.Flags().StringVar(&p.key, "tls-key", "", "with --etcd: PEM `FILE` of its key")
	c.Flags().StringVar(&p.username, "username", "", "with --etcd: `NAME` of the etcd user")
	c.Flags().StringVar(&p.password, "password-file", "", "with --etcd: `FILE` with its password")
	c.Flags().StringVar(&p.files, "files", "", "with --etcd: `DIRECTORY` of the files that the shared text names")
}

// author adds the flag for the author of a change to c.
func (p *place) author(c *cobra.Command) {
	c.Flags().StringVar(&p.who, "author", "", "`WHO` makes the change (default USER@HOST)")
}

// A session is what a command works with: the open store of a fleet, and how the command was called.
type session struct {
	*fleet.Store
	ctx    context.Context // until a signal to stop
	own    config.Source   // a gateway's own text, to be taken together with the shared one
	author string
	close  func()
}

// open opens the store. Every error is a misuse.
func (p *place) open(c *cobra.Command) (*session, error) {
	own, err := p.own(c)
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
	return &session{Store: store, ctx: ctx, own: own, author: cmp.Or(p.who, whoami()),
		close: func() { stop(); store.Close() }}, nil // everything was written before
}

// own returns the text of a gateway's file, or the flags as such a text.
func (p *place) own(c *cobra.Command) (config.Source, error) {
	extra := []string{"prefix", "tls-ca", "tls-cert", "tls-key", "username", "password-file", "files"}
	if len(p.etcd) == 0 {
		for _, name := range extra {
			if c.Flags().Changed(name) {
				return config.Source{}, fmt.Errorf("--%s belongs to --etcd: without that, a gateway's own file says where the fleet is", name)
			}
		}
		return source.Read(p.path)
	}
	if c.Flags().Changed("config") {
		return config.Source{}, errors.New("--config and --etcd both say where the fleet is: give one of them")
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "fleet.etcd = [")
	for _, e := range p.etcd {
		fmt.Fprintf(&text, "%q, ", e)
	}
	fmt.Fprintf(&text, "]\n")
	for i, value := range []string{p.prefix, p.ca, p.cert, p.key, p.username, p.password, p.files} {
		if name := extra[i]; c.Flags().Changed(name) {
			fmt.Fprintf(&text, "fleet.%s = %q\n", strings.ReplaceAll(name, "-", "_"), value)
		}
	}
	return config.Source{Name: "--etcd", Text: text.Bytes()}, nil
}

// whoami returns the user and the host of this process, as "user@host".
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
