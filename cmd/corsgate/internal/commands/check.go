// Package commands contains the commands that do not run a gateway themselves: check, explain, probe, convert, demo,
// healthcheck and init.
package commands

import (
	"cmp"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/report"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/terminal"
	"github.com/spf13/cobra"
)

// NewCheck returns the command check.
func NewCheck() *cobra.Command {
	var path, shared, format string
	var strict bool
	c := &cobra.Command{
		Use:   "check [flags] [FILE]",
		Short: "Check a configuration and report every error in it",
		Long: `Check reads a configuration as serve does and reports every error in it, each as
FILE:LINE: key: message. Valid settings that are probably mistakes are reported as warnings.
It exits with status 0 if the file is valid, and 2 if it is not.

FILE is the same as --config FILE.`,
		Example: "  corsgate check --strict corsgate.toml",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cli.CheckFormat(format); err != nil {
				return err
			}
			stop := terminal.Working(c.ErrOrStderr(), func() string { return "checking " + cmp.Or(path, "the configuration") })
			r := report.Inspect(path, shared)
			stop()
			valid := r.Judge(strict)
			if format == "json" {
				cli.WriteJSON(c.OutOrStdout(), r) // if it cannot be written, the status still tells
			} else {
				r.WriteText(c.OutOrStdout(), c.ErrOrStderr())
			}
			if !valid {
				return cli.Exit(cli.Usage)
			}
			return nil
		},
	}
	cli.ConfigFlag(c, &path)
	cli.ConfigArgument(c, &path)
	c.Flags().StringVar(&shared, "fleet", "", "with a table [fleet]: `FILE` with the shared configuration, checked together with this one")
	c.Flags().BoolVar(&strict, "strict", false, "treat warnings as errors")
	cli.FormatFlag(c, &format)
	return c
}
