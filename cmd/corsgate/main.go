package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/commands"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/fleetcmd"
	"github.com/corsgate/corsgate/gateway/printable"
	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs one command line, without the program's name, and returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	// Some of the output comes from files, servers and other people.
	stdout, stderr = printable.Writer{W: stdout}, printable.Writer{W: stderr}
	root := newRoot(stdout, stderr)
	root.SetArgs(append([]string{}, args...)) // for nil the library takes those of the process
	command, err := root.ExecuteC()
	if err == nil {
		return cli.Done
	}
	if exit := (*cli.ExitError)(nil); errors.As(err, &exit) {
		if exit.Err != nil {
			cli.Complain(stderr, exit.Err)
		}
		return exit.Status
	}
	fmt.Fprintf(stderr, "corsgate: %s (see %s --help)\n", cli.UsageText(command, err), command.CommandPath())
	return cli.Usage
}

// newRoot returns the command tree. Only what a command was asked for goes to stdout.
func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "corsgate",
		Short: "An edge gateway for APIs that browsers call",
		Long: `corsgate is an edge gateway for APIs that browsers call. It answers CORS preflights
itself, enforces one CORS policy per route, and forwards the rest to upstreams.

To see it work:   corsgate demo
To begin:         corsgate init > corsgate.toml
                  corsgate check
                  corsgate serve`,
		SilenceErrors: true,
		SilenceUsage:  true,
		// It is used with a command; without one it lists them.
		DisableFlagsInUseLine: true,
		Args:                  cli.KnownCommand,
		// The default of the library, which applies only where it looks itself.
		SuggestionsMinimumDistance: 2,
		RunE:                       func(c *cobra.Command, _ []string) error { return c.Help() },
		Version:                    version(),
	}
	root.SetVersionTemplate("corsgate {{.Version}}\n")
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetHelpCommand(newHelp(root))
	root.AddCommand(newServe(), commands.NewCheck(), commands.NewExplain(), commands.NewProbe(), commands.NewConvert(), fleetcmd.New(), commands.NewHealthcheck(), commands.NewKey(), commands.NewDemo(), commands.NewInit(), newVersion())
	for _, c := range root.Commands() {
		if c.ValidArgsFunction == nil && c.Name() != "convert" {
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			// The library's own prints its help for an unknown shell, and exits with 0.
			c.Args = cli.KnownCommand
			c.RunE = func(*cobra.Command, []string) error {
				return errors.New("a shell is missing: write completion bash, zsh, fish or powershell")
			}
			for _, shell := range c.Commands() {
				shell.Args = cli.NoArgs
			}
		}
	}
	return root
}

// newHelp returns the command help. The library's own exits with 0 for an unknown command.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return cli.KnownCommand(c, rest)
			}
			return c.Help()
		},
	}
}
