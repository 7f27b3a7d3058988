package main

import (
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/spf13/cobra"
)

func newInit() *cobra.Command {
	return &cobra.Command{
		Use:     "init",
		Short:   "Print a configuration with every key explained",
		Example: "  corsgate init > corsgate.toml",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(config.Example())
			if err != nil {
				return &exitError{exitFailed, err}
			}
			return nil
		},
	}
}
