package fleetcmd

import (
	"fmt"
	"strings"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/spf13/cobra"
)

func newRollback() *cobra.Command {
	var f change
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
			s, err := f.at.open(c)
			if err != nil {
				return err
			}
			defer s.close()
			old, err := s.Revision(s.ctx, number)
			if err != nil {
				return failedToFind(number, err)
			}
			if f.message == "" {
				f.message = strings.TrimSuffix(fmt.Sprintf("back to revision %d: %s", number, old.Message), ": ")
			}
			return f.run(c, s, *source.Revision(number, old.Text))
		},
	}
	f.flags(c)
	return c
}
