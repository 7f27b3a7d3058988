package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/report"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/printable"
	"github.com/spf13/cobra"
)

// A fleetChange is what makes a text live: push, rollback and edit.
type fleetChange struct {
	place   fleetPlace
	message string
	strict  bool
	dry     bool
	base    int64
	canary  string
	hold    time.Duration
}

func (f *fleetChange) flags(c *cobra.Command) {
	f.place.flags(c)
	f.place.author(c)
	c.Flags().StringVarP(&f.message, "message", "m", "", "`TEXT` for the log")
	c.Flags().BoolVar(&f.strict, "strict", false, "treat warnings as errors")
	c.Flags().BoolVar(&f.dry, "dry-run", false, "show what would change, without changing it")
	c.Flags().Int64Var(&f.base, "base", 0, "push only if revision `N` is live")
	c.Flags().StringVar(&f.canary, "canary", "", "try it first on a `SHARE` of the gateways, such as 10%, or on NAME,NAME")
	c.Flags().DurationVar(&f.hold, "hold", time.Minute, "with --canary: how long those gateways must do well")
}

func newFleetPush() *cobra.Command {
	var f fleetChange
	c := &cobra.Command{
		Use:   "push [flags] FILE",
		Short: "Make a file what the gateways share",
		Long: `Push checks a file of policies, upstreams, rate limits and routes as "corsgate check" does, together
with the gateway's own file that --config names, shows what would change, line by line and for the
pages that gateways have seen, and makes the file the live revision. If another revision is pushed in
the meantime, nothing changes. - is standard input.

With --canary, some gateways apply it first. If within --hold one of them reports an error, or rejects
or fails significantly more requests than before and than the others, they return to the live revision
and nothing else changes.`,
		Example: "  corsgate fleet push --config /etc/corsgate/corsgate.toml --message 'a new app' --canary 10% --hold 60s routes.toml",
		Args:    cli.OneArgument("a FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			shared, err := source.Read(args[0])
			if err != nil {
				return cli.Misuse(err)
			}
			client, err := f.place.open(c)
			if err != nil {
				return err
			}
			defer client.close()
			return f.run(c, client, shared)
		},
	}
	f.flags(c)
	return c
}

// run makes a text live, after all that can be said against it.
func (f *fleetChange) run(c *cobra.Command, client *fleetClient, shared config.Source) error {
	plan, err := f.plan(c)
	if err != nil {
		return cli.Misuse(err)
	}
	cfg, err := f.check(c, client, shared)
	if err != nil {
		return err
	}
	live, err := client.Live(client.ctx)
	if unusable := (*fleet.UnusableError)(nil); errors.As(err, &unusable) && live.Number != 0 {
		fmt.Fprintf(c.ErrOrStderr(), "%v: this replaces it\n", err)
	} else if err != nil && !errors.Is(err, fleet.ErrEmpty) {
		return cli.Fail(err)
	}
	if f.base != 0 && f.base != live.Number {
		return notPushed(client, f.base, fmt.Errorf("%w: revision %d is live, not %d", fleet.ErrMoved, live.Number, f.base))
	}
	if live.Number != 0 && live.Text == string(shared.Text) {
		fmt.Fprintf(c.OutOrStdout(), "%s is already live: revision %d\n", shared.Name, live.Number)
		return nil
	}
	if err := difference(client, c.OutOrStdout(), live, shared, cfg); err != nil {
		return err
	}
	if f.dry {
		fmt.Fprintln(c.OutOrStdout(), "nothing was changed (--dry-run)")
		return nil
	}
	return f.push(c, client, live, fleet.Revision{Text: string(shared.Text), Author: client.author, Message: f.message}, plan)
}

// check checks a text as "corsgate check" would, and says what is wrong with it.
func (f *fleetChange) check(c *cobra.Command, client *fleetClient, shared config.Source) (*config.Config, error) {
	cfg, r := report.InspectTexts(client.own, &shared)
	r.File = shared.Name
	if !r.Judge(f.strict) {
		r.WriteText(c.OutOrStdout(), c.ErrOrStderr())
		return nil, cli.Exit(cli.Usage)
	}
	r.WriteText(io.Discard, c.ErrOrStderr())
	return cfg, nil
}

// plan understands --canary.
func (f *fleetChange) plan(c *cobra.Command) (*fleet.Plan, error) {
	if f.canary == "" {
		if c.Flags().Changed("hold") {
			return nil, errors.New("--hold is for those who try a revision first: say who, such as --canary 10%")
		}
		return nil, nil
	}
	if f.hold <= 0 {
		return nil, errors.New("--hold: gateways that try a revision need some time, such as 60s")
	}
	p := &fleet.Plan{Hold: f.hold}
	percent, ok := strings.CutSuffix(f.canary, "%")
	if !ok {
		p.Nodes = strings.Split(f.canary, ",")
		return p, nil
	}
	n, err := strconv.ParseFloat(percent, 64)
	if p.Share = n / 100; err != nil || math.IsNaN(n) || n <= 0 || n > 100 {
		return nil, fmt.Errorf("--canary %s: write a share above 0%% and up to 100%%, or names of gateways", f.canary)
	}
	return p, nil
}

// push makes r live.
func (f *fleetChange) push(c *cobra.Command, client *fleetClient, live, r fleet.Revision, plan *fleet.Plan) error {
	out := c.OutOrStdout()
	var err error
	if plan != nil && live.Number == 0 {
		fmt.Fprintln(out, "there is no earlier revision to return to, so --canary has no effect")
		plan = nil
	}
	if plan == nil {
		r, err = client.Push(client.ctx, r, live.Number)
	} else {
		r, err = client.RollOut(client.ctx, r, live.Number, *plan, func(e fleet.Event) { printEvent(out, e, plan.Hold) })
	}
	if err != nil {
		return notPushed(client, live.Number, err)
	}
	fmt.Fprintf(out, "revision %d is live\n", r.Number)
	return nil
}

// notPushed ends the process because of err. If that is a push of somebody else since base, it says whose.
func notPushed(client *fleetClient, base int64, err error) error {
	switch {
	case errors.Is(err, fleet.ErrMoved):
		err = fmt.Errorf("%w%s", err, meanwhile(client, base))
	case errors.Is(err, fleet.ErrTooLarge):
		return cli.Misuse(fmt.Errorf("not pushed: %w", err))
	case client.ctx.Err() != nil:
		err = errors.New("a signal came first")
	}
	return cli.Fail(fmt.Errorf("not pushed: %w", err))
}

// meanwhile says who has pushed what since a revision.
func meanwhile(client *fleetClient, since int64) string {
	var b strings.Builder
	log, err := client.Log(context.WithoutCancel(client.ctx), 10)
	for _, r := range log {
		if err == nil && r.Number > since && !r.Dropped {
			fmt.Fprintf(&b, "\n  %s", revisionLine(r))
		}
	}
	if b.Len() > 0 {
		b.WriteString("\nLook at it (corsgate fleet diff), take it into account, and push again")
	}
	return b.String()
}

func printEvent(out io.Writer, e fleet.Event, hold time.Duration) {
	switch e.Kind {
	case fleet.EventBegun:
		fmt.Fprintf(out, "revision %d is tried by %s\n", e.Revision, printable.Line(strings.Join(e.Nodes, ", ")))
	case fleet.EventApplied:
		fmt.Fprintf(out, "  %s runs it\n", printable.Line(e.Node))
	case fleet.EventHolding:
		fmt.Fprintf(out, "  all of them run it: holding for %v\n", hold)
	case fleet.EventStopped:
		fmt.Fprintf(out, "  stopped: they go back to what is live\n")
	case fleet.EventLive: // is said after
	}
}

func newFleetRollback() *cobra.Command {
	var f fleetChange
	c := &cobra.Command{
		Use:   "rollback [flags] REVISION",
		Short: "Make the text of an older revision live again",
		Long: `Rollback makes the text of an older revision live again, as a new revision, so the log stays complete.
It is checked like a push, because a text that was valid before may not be valid now.`,
		Example: "  corsgate fleet rollback --config /etc/corsgate/corsgate.toml 11",
		Args:    cli.OneArgument("the number of a REVISION"),
		RunE: func(c *cobra.Command, args []string) error {
			number, err := revisionNumber(args[0])
			if err != nil {
				return cli.Misuse(err)
			}
			client, err := f.place.open(c)
			if err != nil {
				return err
			}
			defer client.close()
			old, err := client.Revision(client.ctx, number)
			if err != nil {
				return failedToFind(number, err)
			}
			if f.message == "" {
				f.message = strings.TrimSuffix(fmt.Sprintf("back to revision %d: %s", number, old.Message), ": ")
			}
			return f.run(c, client, *source.Revision(number, old.Text))
		},
	}
	f.flags(c)
	return c
}
