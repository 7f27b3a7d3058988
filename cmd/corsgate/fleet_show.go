package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/printable"
	"github.com/spf13/cobra"
)

// fleetStatus is what status says. Its JSON is for programs: names stay.
type fleetStatus struct {
	// Live is the number of the live revision, or 0.
	Live int64 `json:"live"`
	// Rollout is the revision that some gateways try, or null.
	Rollout *fleet.Rollout `json:"rollout"`
	// Nodes are the gateways that are alive, by name.
	Nodes []fleet.Node `json:"nodes"`

	revision fleet.Revision
}

func newFleetStatus() *cobra.Command {
	var place fleetPlace
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "List the gateways and the revisions that they use",
		Long: `Status shows the live revision, and for each running gateway the revision in use and any errors.
It exits with status 1 if one of them is not ready or does not use the revision that it should.`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := place.open(c)
			if err != nil {
				return err
			}
			defer client.close()
			s, err := statusOf(client)
			if err != nil {
				return cli.Fail(err)
			}
			if asJSON {
				cli.WriteJSON(c.OutOrStdout(), s)
			} else {
				s.print(c.OutOrStdout(), time.Now())
			}
			if !s.well() {
				return cli.Exit(cli.Failed)
			}
			return nil
		},
	}
	place.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func statusOf(client *fleetClient) (s fleetStatus, err error) {
	if s.revision, err = client.Live(client.ctx); err != nil && !errors.Is(err, fleet.ErrEmpty) {
		return s, err
	}
	s.Live = s.revision.Number
	if s.Nodes, err = client.Nodes(client.ctx); err != nil {
		return s, err
	}
	if s.Nodes == nil {
		s.Nodes = []fleet.Node{}
	}
	s.Rollout, err = client.Rolling(client.ctx)
	return s, err
}

// well reports whether each gateway is ready and runs what it is to run.
func (s *fleetStatus) well() bool {
	for _, n := range s.Nodes {
		if !n.Ready || n.Error != "" || n.Applied != n.Wanted {
			return false
		}
	}
	return true
}

func (s *fleetStatus) print(out io.Writer, now time.Time) {
	if s.Live == 0 {
		fmt.Fprintln(out, "no revision has been pushed yet")
	} else {
		fmt.Fprintf(out, "live: %s\n", revisionLine(s.revision))
	}
	if r := s.Rollout; r != nil {
		fmt.Fprintf(out, "under way: revision %d, tried by %s since %v, by %s\n", r.Candidate, printable.Line(strings.Join(r.Nodes, ", ")), now.Sub(r.Started).Round(time.Second), printable.Line(r.Author))
	}
	if len(s.Nodes) == 0 {
		fmt.Fprintln(out, "no gateway is alive")
		return
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tADDRESS\tREVISION\tREADY\tUP\tREQUESTS\tREFUSED\t5XX\tVERSION")
	for _, n := range s.Nodes {
		revision := strconv.FormatInt(n.Applied, 10)
		if n.Applied != n.Wanted {
			revision = fmt.Sprintf("%d, not %d", n.Applied, n.Wanted)
		}
		ready := map[bool]string{true: "yes", false: "no"}[n.Ready]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%v\t%d\t%d\t%d\t%s\n", printable.Line(n.Name), printable.Line(n.Address), revision, ready, now.Sub(n.Started).Round(time.Second),
			n.Requests, n.Refused, n.Failed, printable.Line(n.Version))
	}
	t.Flush() // nobody is left to be told
	for _, n := range s.Nodes {
		if n.Error != "" {
			name := printable.Line(n.Name)
			for line := range strings.SplitSeq(n.Error, "\n") {
				fmt.Fprintf(out, "%s: %s\n", name, printable.Line(line))
			}
		}
	}
}

// revisionLine describes a revision in a line.
func revisionLine(r fleet.Revision) string {
	if r.Unusable != "" {
		return fmt.Sprintf("revision %d  %s", r.Number, printable.Line(r.Unusable))
	}
	line := fmt.Sprintf("revision %d  %s  %s  %s", r.Number, r.Time.Local().Format(time.DateTime), printable.Line(r.Author), printable.Line(r.Message))
	if r.Dropped {
		line += "  (never live)"
	}
	return strings.TrimSpace(line)
}

func newFleetLog() *cobra.Command {
	var place fleetPlace
	var limit int
	c := &cobra.Command{
		Use:   "log",
		Short: "List revisions, the newest first",
		Args:  cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return fmt.Errorf("--limit %d: write how many, at least 1", limit)
			}
			client, err := place.open(c)
			if err != nil {
				return err
			}
			defer client.close()
			list, err := client.Log(client.ctx, limit)
			if err != nil {
				return cli.Fail(err)
			}
			if len(list) == 0 {
				fmt.Fprintln(c.OutOrStdout(), "no revision has been pushed yet")
			}
			for _, r := range list {
				fmt.Fprintln(c.OutOrStdout(), revisionLine(r))
			}
			return nil
		},
	}
	place.flags(c)
	c.Flags().IntVar(&limit, "limit", 20, "at most `N`")
	return c
}

func newFleetShow() *cobra.Command {
	var place fleetPlace
	c := &cobra.Command{
		Use:   "show [flags] [REVISION]",
		Short: "Print the text of a revision, or of the live one",
		Args:  atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withRevisions(c, &place, args, func(_ *fleetClient, r []fleet.Revision) error {
				_, err := io.WriteString(c.OutOrStdout(), r[0].Text)
				return err
			})
		},
	}
	place.flags(c)
	return c
}

func newFleetDiff() *cobra.Command {
	var place fleetPlace
	c := &cobra.Command{
		Use:   "diff [flags] [REVISION [REVISION]]",
		Short: "Show what changed between two revisions",
		Long: `Diff shows what changed between two revisions, or between one revision and the live one, or (without
arguments) in the live one: line by line, and for the pages that gateways have seen.`,
		Args: atMost(2),
		RunE: func(c *cobra.Command, args []string) error {
			return withRevisions(c, &place, args, func(client *fleetClient, r []fleet.Revision) error {
				return diffRevisions(c, client, r, len(args))
			})
		},
	}
	place.flags(c)
	return c
}

// diffRevisions says what changed between two revisions, of which given were named.
func diffRevisions(c *cobra.Command, client *fleetClient, r []fleet.Revision, given int) (err error) {
	from, to := r[0], r[len(r)-1]
	switch given {
	case 0:
		if to.Parent == 0 {
			fmt.Fprintf(c.OutOrStdout(), "revision %d is the first\n", to.Number)
			return nil
		}
		from, err = client.Revision(client.ctx, to.Parent)
	case 1:
		to, err = client.Live(client.ctx)
	}
	if err != nil {
		return cli.Fail(err)
	}
	if from.Text == to.Text {
		fmt.Fprintf(c.OutOrStdout(), "revisions %d and %d are the same\n", from.Number, to.Number)
		return nil
	}
	shared := source.Revision(to.Number, to.Text)
	cfg, err := source.Compose(client.own, shared)
	if err != nil {
		printDiff(c.OutOrStdout(), *source.Revision(from.Number, from.Text), *shared)
		fmt.Fprintf(c.OutOrStdout(), "the effect on pages is not known, because revision %d is not valid here:\n%v\n", to.Number, err)
		return nil
	}
	return difference(client, c.OutOrStdout(), from, *shared, cfg)
}

func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return fmt.Errorf("%s takes at most %s, and there are %d arguments", c.Name(), cli.Count(n, "revision", "revisions"), len(args))
		}
		return nil
	}
}

// withRevisions calls f with the revisions of which there are the numbers, or with the live one.
func withRevisions(c *cobra.Command, place *fleetPlace, numbers []string, f func(*fleetClient, []fleet.Revision) error) error {
	wanted := make([]int64, len(numbers))
	for i, text := range numbers {
		var err error
		if wanted[i], err = revisionNumber(text); err != nil {
			return cli.Misuse(err)
		}
	}
	client, err := place.open(c)
	if err != nil {
		return err
	}
	defer client.close()
	var list []fleet.Revision
	for _, number := range wanted {
		r, err := client.Revision(client.ctx, number)
		if err != nil {
			return failedToFind(number, err)
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		r, err := client.Live(client.ctx)
		if err != nil {
			return cli.Fail(err)
		}
		list = append(list, r)
	}
	return f(client, list)
}

// revisionNumber understands the number of a revision.
func revisionNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n >= 1e16 {
		return 0, fmt.Errorf("%q is not the number of a revision: corsgate fleet log lists them", text)
	}
	return n, nil
}

// failedToFind is the error of a revision that cannot be read.
func failedToFind(number int64, err error) error {
	if errors.Is(err, fleet.ErrNone) {
		return cli.Misuse(fmt.Errorf("there is no revision %d: corsgate fleet log lists them", number))
	}
	return cli.Fail(err)
}
