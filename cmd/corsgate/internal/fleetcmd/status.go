package fleetcmd

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/printable"
	"github.com/spf13/cobra"
)

// A status is what the command status prints. Its JSON is for programs, so names of fields stay.
type status struct {
	// Live is the number of the live revision, or 0.
	Live int64 `json:"live"`
	// Rollout is the revision that some gateways try, or null.
	Rollout *fleet.Rollout `json:"rollout"`
	// Nodes are the gateways that are alive, by name.
	Nodes []fleet.Node `json:"nodes"`

	revision fleet.Revision
}

func newStatus() *cobra.Command {
	var at place
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "List the gateways and the revisions that they use",
		Long: `Status shows the live revision, and for each running gateway the revision in use and any errors.
It exits with status 1 if one of them is not ready or does not use the revision that it should.`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := at.open(c)
			if err != nil {
				return err
			}
			defer s.close()
			now, err := s.status()
			if err != nil {
				return cli.Fail(err)
			}
			if asJSON {
				cli.WriteJSON(c.OutOrStdout(), now) // if it cannot be written, the status still tells
			} else {
				now.print(c.OutOrStdout(), time.Now())
			}
			if !now.well() {
				return cli.Exit(cli.Failed)
			}
			return nil
		},
	}
	at.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// status returns the current status of the fleet.
func (s *session) status() (now status, err error) {
	if now.revision, err = s.Live(s.ctx); err != nil && !errors.Is(err, fleet.ErrEmpty) {
		return now, err
	}
	now.Live = now.revision.Number
	if now.Nodes, err = s.Nodes(s.ctx); err != nil {
		return now, err
	}
	if now.Nodes == nil {
		now.Nodes = []fleet.Node{} // programs expect an array
	}
	now.Rollout, err = s.Rolling(s.ctx)
	return now, err
}

// well reports whether each gateway is ready and uses the revision that it should.
func (s *status) well() bool {
	for _, n := range s.Nodes {
		if !n.Ready || n.Error != "" || n.Applied != n.Wanted {
			return false
		}
	}
	return true
}

func (s *status) print(out io.Writer, now time.Time) {
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
	t.Flush() // if it cannot be written, the status still tells
	for _, n := range s.Nodes {
		if n.Error != "" {
			name := printable.Line(n.Name)
			for line := range strings.SplitSeq(n.Error, "\n") {
				fmt.Fprintf(out, "%s: %s\n", name, printable.Line(line))
			}
		}
	}
}
