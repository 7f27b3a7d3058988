package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/printable"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
	// Files, servers and colleagues have a say in what is printed.
	stdout, stderr = printable.Writer{W: stdout}, printable.Writer{W: stderr}
	root := newRoot(stdout, stderr)
	root.SetArgs(append([]string{}, args...)) // of nil the library takes those of the process
	command, err := root.ExecuteC()
	if err == nil {
		return exitDone
	}
	if exit := (*exitError)(nil); errors.As(err, &exit) {
		if exit.err != nil {
			complain(stderr, exit.err)
		}
		return exit.status
	}
	fmt.Fprintf(stderr, "corsgate: %s (see %s --help)\n", usageText(command, err), command.CommandPath())
	return exitUsage
}

// complain prints an error. Problems begin with the place that they are at, all else with the program's name.
func complain(stderr io.Writer, err error) {
	if problems, ok := problemsOf(err); ok && len(problems) > 0 && problems[0].Line > 0 {
		fmt.Fprintln(stderr, err)
		return
	}
	fmt.Fprintf(stderr, "corsgate: %v\n", err)
}

// usageText returns what is wrong with a command line without the words of the libraries that have read it.
func usageText(c *cobra.Command, err error) string {
	var number *strconv.NumError
	text := err.Error()
	if wrong, ok := strings.CutPrefix(text, "unknown flag: --"); ok {
		var known []string
		c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if near := config.Suggest(wrong, known); near != "" {
			text += ": did you mean --" + near + "?"
		}
		return text
	}
	if value, reason, ok := strings.Cut(text, " flag: "); ok && (errors.As(err, &number) || strings.Contains(reason, ": invalid duration")) {
		if strings.HasPrefix(reason, "strconv.ParseBool") {
			return value + ": write true or false"
		}
		return value + `: write a time such as "5s"`
	}
	return text
}

// noArgs refuses arguments, which the command does not take.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments: remove %q", c.Name(), args[0])
	}
	return nil
}

// knownCommand refuses the name of a command that there is not, with those that it is near to.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		text += ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return errors.New(text)
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
		// Its usage is a command; without one it shows what there is.
		DisableFlagsInUseLine: true,
		Args:                  knownCommand,
		// As the library has it where it looks itself.
		SuggestionsMinimumDistance: 2,
		RunE:                       func(c *cobra.Command, _ []string) error { return c.Help() },
		Version:                    version(),
	}
	root.SetVersionTemplate("corsgate {{.Version}}\n")
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetHelpCommand(newHelp(root))
	root.AddCommand(newServe(), newCheck(), newExplain(), newProbe(), newConvert(), newFleet(), newHealthcheck(), newDemo(), newInit(), newVersion())
	for _, c := range root.Commands() {
		if c.ValidArgsFunction == nil && c.Name() != "convert" {
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			// The library's own prints its help for whatever shell it does not know, and exits with 0.
			c.Args = knownCommand
			c.RunE = func(*cobra.Command, []string) error {
				return errors.New("a shell is missing: write completion bash, zsh, fish or powershell")
			}
			for _, shell := range c.Commands() {
				shell.Args = noArgs
			}
		}
	}
	return root
}

// newHelp returns the command help: the library's own exits with 0 for what it does not know.
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
				return knownCommand(c, rest)
			}
			return c.Help()
		},
	}
}
