package commands

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/probe"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/terminal"
	"github.com/spf13/cobra"
)

// foundSomething is the status of probe for any grade but A.
const foundSomething = 1

// NewProbe returns the command probe.
func NewProbe() *cobra.Command {
	var format string
	var o probe.Options
	c := &cobra.Command{
		Use:   "probe [flags] URL",
		Short: "Test the CORS behavior of any server and report its mistakes",
		Long: `Probe sends about sixty requests to a running server, corsgate or any other, and reports its CORS
mistakes: foreign origins that it allows, disguised or not; responses that caches confuse; responses
that no browser accepts; and fields that are missing from preflights, from responses or from a 304. Each
finding comes with evidence and a remedy. The grade ranges from A, nothing found, to F; it is ? if
nothing was found but not everything could be checked.

It sends only GET and OPTIONS, without credentials, and does not follow redirects. With --origin it
also checks what should be allowed. Probe only your own servers, or those whose owners agree.

It exits with status 0 for grade A, 1 for any other grade, and 2 if the usage is wrong or the server
does not respond.`,
		Example: "  corsgate probe --origin https://app.example.com https://api.example.com/items",
		Args:    cli.OneURL,
		RunE: func(c *cobra.Command, args []string) error {
			o.URL = args[0]
			ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer cancel()
			return runProbe(ctx, o, format, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringArrayVar(&o.Origins, "origin", nil, "`ORIGIN` that should be allowed, such as https://app.example.com; up to 8 times")
	c.Flags().DurationVar(&o.Timeout, "timeout", 5*time.Second, "for each question")
	cli.FormatFlag(c, &format)
	return c
}

func runProbe(ctx context.Context, o probe.Options, format string, stdout, stderr io.Writer) error {
	if err := cli.CheckFormat(format); err != nil {
		return cli.Misuse(err)
	}
	var asked atomic.Int32
	o.Asking = func() { asked.Add(1) }
	stop := terminal.Working(stderr, func() string { return fmt.Sprintf("waiting for the answer to question %d", asked.Load()) })
	r, err := probe.Run(ctx, o)
	stop()
	if err != nil {
		return cli.Misuse(err)
	}
	if format == "json" {
		err = cli.WriteJSON(stdout, r)
	} else {
		err = r.WriteText(stdout)
	}
	if err != nil {
		return cli.Misuse(err)
	}
	if r.Grade != "A" {
		return cli.Exit(foundSomething)
	}
	return nil
}
