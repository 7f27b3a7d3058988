package commands

import (
	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/spf13/cobra"
)

// NewInit returns the command init.
func NewInit() *cobra.Command {
	return &cobra.Command{
		Use:     "init",
		Short:   "Print a configuration with every key explained",
		Example: "  corsgate init > corsgate.toml",
		Args:    cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(config.Example())
			if err != nil {
				return cli.Fail(err)
			}
			return nil
		},
	}
}
