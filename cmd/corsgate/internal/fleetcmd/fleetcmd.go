// Package fleetcmd holds the command fleet, which shows and changes what the gateways of a fleet share.
package fleetcmd

import (
	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/spf13/cobra"
)

// New returns the command fleet with its subcommands.
func New() *cobra.Command {
	c := &cobra.Command{
		Use:   "fleet",
		Short: "Show and change what the gateways of a fleet share",
		Long: `Fleet shows and changes what gateways share in etcd: policies, upstreams, auth, rate limits and routes.
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
	c.AddCommand(newPush(), newStatus(), newLog(), newShow(), newDiff(), newRollback(), newEdit())
	return c
}
