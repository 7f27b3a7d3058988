package fleetcmd

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/printable"
	"github.com/spf13/cobra"
)

func newLog() *cobra.Command {
	var at place
	var limit int
	c := &cobra.Command{
		Use:   "log",
		Short: "List revisions, the newest first",
		Args:  cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return fmt.Errorf("--limit %d: write how many, at least 1", limit)
			}
			s, err := at.open(c)
			if err != nil {
				return err
			}
			defer s.close()
			list, err := s.Log(s.ctx, limit)
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
	at.flags(c)
	c.Flags().IntVar(&limit, "limit", 20, "at most `N`")
	return c
}

func newShow() *cobra.Command {
	var at place
	c := &cobra.Command{
		Use:   "show [flags] [REVISION]",
		Short: "Print the text of a revision, or of the live one",
		Args:  atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withRevisions(c, &at, args, func(_ *session, r []fleet.Revision) error {
				_, err := io.WriteString(c.OutOrStdout(), r[0].Text)
				return err
			})
		},
	}
	at.flags(c)
	return c
}

func newDiff() *cobra.Command {
	var at place
	c := &cobra.Command{
		Use:   "diff [flags] [REVISION [REVISION]]",
		Short: "Show what changed between two revisions",
		Long: `Diff shows what changed between two revisions, or between one revision and the live one, or (without
arguments) in the live one: line by line, and for the pages that gateways have seen.`,
		Args: atMost(2),
		RunE: func(c *cobra.Command, args []string) error {
			return withRevisions(c, &at, args, func(s *session, r []fleet.Revision) error {
				return diffRevisions(c, s, r, len(args))
			})
		},
	}
	at.flags(c)
	return c
}

// diffRevisions prints what changed between two revisions; given are those that the command line names.
func diffRevisions(c *cobra.Command, s *session, r []fleet.Revision, given int) (err error) {
	from, to := r[0], r[len(r)-1]
	switch given {
	case 0:
		if to.Parent == 0 {
			fmt.Fprintf(c.OutOrStdout(), "revision %d is the first\n", to.Number)
			return nil
		}
		from, err = s.Revision(s.ctx, to.Parent)
	case 1:
		to, err = s.Live(s.ctx)
	}
	if err != nil {
		return cli.Fail(err)
	}
	if from.Text == to.Text {
		fmt.Fprintf(c.OutOrStdout(), "revisions %d and %d are the same\n", from.Number, to.Number)
		return nil
	}
	shared := source.Revision(to.Number, to.Text)
	cfg, err := source.Compose(s.own, shared)
	if err != nil {
		printDiff(c.OutOrStdout(), *source.Revision(from.Number, from.Text), *shared)
		fmt.Fprintf(c.OutOrStdout(), "the effect on pages is not known, because revision %d is not valid here:\n%v\n", to.Number, err)
		return nil
	}
	return s.difference(c.OutOrStdout(), from, *shared, cfg)
}

func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return fmt.Errorf("%s takes at most %s, and there are %d arguments", c.Name(), cli.Count(n, "revision", "revisions"), len(args))
		}
		return nil
	}
}

// withRevisions calls f with the revisions of these numbers, or with the live one if there are none.
func withRevisions(c *cobra.Command, at *place, numbers []string, f func(*session, []fleet.Revision) error) error {
	wanted := make([]int64, len(numbers))
	for i, text := range numbers {
		var err error
		if wanted[i], err = revisionNumber(text); err != nil {
			return cli.Misuse(err)
		}
	}
	s, err := at.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	var list []fleet.Revision
	for _, number := range wanted {
		r, err := s.Revision(s.ctx, number)
		if err != nil {
			return failedToFind(number, err)
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		r, err := s.Live(s.ctx)
		if err != nil {
			return cli.Fail(err)
		}
		list = append(list, r)
	}
	return f(s, list)
}

// revisionNumber parses the number of a revision.
func revisionNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n >= 1e16 {
		return 0, fmt.Errorf("%q is not the number of a revision: corsgate fleet log lists them", text)
	}
	return n, nil
}

// failedToFind returns the error for a revision that cannot be read.
func failedToFind(number int64, err error) error {
	if errors.Is(err, fleet.ErrNone) {
		return cli.Misuse(fmt.Errorf("there is no revision %d: corsgate fleet log lists them", number))
	}
	return cli.Fail(err)
}

// revisionLine describes a revision in one line.
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
