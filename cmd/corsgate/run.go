package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1 // failed while serving, or before: a port in use, say
	exitUsage  = 2 // bad usage or configuration: to try again is of no use
)

// An exitError ends the process with a status of its own.
type exitError struct {
	status int
	err    error // nil: what there was to say has been said
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// run runs one command line, without the program's name, and returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	command, err := root.ExecuteC()
	if err == nil {
		return exitDone
	}
	if exit := (*exitError)(nil); errors.As(err, &exit) {
		if exit.err != nil {
			fmt.Fprintln(stderr, exit.err)
		}
		return exit.status
	}
	fmt.Fprintf(stderr, "corsgate: %v\n\n%s", err, command.UsageString())
	return exitUsage
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
		// Its usage is a command; without one it does nothing.
		DisableFlagsInUseLine: true,
		Args:                  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("a command is missing")
		},
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(newServe(), newCheck(), newExplain(), newProbe(), newConvert(), newDemo(), newInit(), newVersion())
	return root
}

// configFlag adds the flag --config to c.
func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", "corsgate.toml", "configuration `FILE`")
}
