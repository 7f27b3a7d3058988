package fleetcmd

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

// A change makes a text live: by push, rollback or edit.
type change struct {
	at      place
	message string
	strict  bool
	dry     bool
	base    int64
	canary  string
	hold    time.Duration
}

func (f *change) flags(c *cobra.Command) {
	f.at.flags(c)
	f.at.author(c)
	c.Flags().StringVarP(&f.message, "message", "m", "", "`TEXT` for the log")
	c.Flags().BoolVar(&f.strict, "strict", false, "treat warnings as errors")
	c.Flags().BoolVar(&f.dry, "dry-run", false, "show what would change, without changing it")
	c.Flags().Int64Var(&f.base, "base", 0, "push only if revision `N` is live")
	c.Flags().StringVar(&f.canary, "canary", "", "try it first on a `SHARE` of the gateways, such as 10%, or on NAME,NAME")
	c.Flags().DurationVar(&f.hold, "hold", time.Minute, "with --canary: how long those gateways must do well")
}

func newPush() *cobra.Command {
	var f change
	c := &cobra.Command{
		Use:   "push [flags] FILE",
		Short: "Make a file what the gateways share",
		Long: `Push checks a file of policies, upstreams, auth, rate limits and routes as "corsgate check" does, together
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
			s, err := f.at.open(c)
			if err != nil {
				return err
			}
			defer s.close()
			return f.run(c, s, shared)
		},
	}
	f.flags(c)
	return c
}

// run makes a text live, if all checks allow it.
func (f *change) run(c *cobra.Command, s *session, shared config.Source) error {
	plan, err := f.plan(c)
	if err != nil {
		return cli.Misuse(err)
	}
	cfg, err := f.check(c, s, shared)
	if err != nil {
		return err
	}
	live, err := s.Live(s.ctx)
	if unusable := (*fleet.UnusableError)(nil); errors.As(err, &unusable) && live.Number != 0 {
		fmt.Fprintf(c.ErrOrStderr(), "%v: this replaces it\n", err)
	} else if err != nil && !errors.Is(err, fleet.ErrEmpty) {
		return cli.Fail(err)
	}
	if f.base != 0 && f.base != live.Number {
		return s.notPushed(f.base, fmt.Errorf("%w: revision %d is live, not %d", fleet.ErrMoved, live.Number, f.base))
	}
	if live.Number != 0 && live.Text == string(shared.Text) {
		fmt.Fprintf(c.OutOrStdout(), "%s is already live: revision %d\n", shared.Name, live.Number)
		return nil
	}
	if err := s.difference(c.OutOrStdout(), live, shared, cfg); err != nil {
		return err
	}
	if f.dry {
		fmt.Fprintln(c.OutOrStdout(), "nothing was changed (--dry-run)")
		return nil
	}
	return f.push(c, s, live, fleet.Revision{Text: string(shared.Text), Author: s.author, Message: f.message}, plan)
}

// check checks a text as "corsgate check" does, and prints the problems.
func (f *change) check(c *cobra.Command, s *session, shared config.Source) (*config.Config, error) {
	cfg, r := report.InspectTexts(s.own, &shared)
	r.File = shared.Name
	if !r.Judge(f.strict) {
		r.WriteText(c.OutOrStdout(), c.ErrOrStderr())
		return nil, cli.Exit(cli.Usage)
	}
	r.WriteText(io.Discard, c.ErrOrStderr())
	return cfg, nil
}

// plan returns what --canary and --hold ask for, or nil.
func (f *change) plan(c *cobra.Command) (*fleet.Plan, error) {
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
func (f *change) push(c *cobra.Command, s *session, live, r fleet.Revision, plan *fleet.Plan) error {
	out := c.OutOrStdout()
	var err error
	if plan != nil && live.Number == 0 {
		fmt.Fprintln(out, "there is no earlier revision to return to, so --canary has no effect")
		plan = nil
	}
	if plan == nil {
		r, err = s.Push(s.ctx, r, live.Number)
	} else {
		r, err = s.RollOut(s.ctx, r, live.Number, *plan, func(e fleet.Event) { printEvent(out, e, plan.Hold) })
	}
	if err != nil {
		return s.notPushed(live.Number, err)
	}
	fmt.Fprintf(out, "revision %d is live\n", r.Number)
	return nil
}

// notPushed returns the error that ends a push because of err. If another push came first, it
// lists the revisions since base.
func (s *session) notPushed(base int64, err error) error {
	switch {
	case errors.Is(err, fleet.ErrMoved):
		err = fmt.Errorf("%w%s", err, s.meanwhile(base))
	case errors.Is(err, fleet.ErrTooLarge):
		return cli.Misuse(fmt.Errorf("not pushed: %w", err))
	case s.ctx.Err() != nil:
		err = errors.New("a signal came first")
	}
	return cli.Fail(fmt.Errorf("not pushed: %w", err))
}

// meanwhile lists the revisions that were pushed since a revision.
func (s *session) meanwhile(since int64) string {
	var b strings.Builder
	log, err := s.Log(context.WithoutCancel(s.ctx), 10)
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
	case fleet.EventLive: // printed by push
	}
}
