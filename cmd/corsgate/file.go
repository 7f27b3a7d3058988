package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/spf13/cobra"
)

// usualFiles are where the configuration is looked for, in this order, if the command line names none: beside the user, and
// where the package installs it. Tests change it.
var usualFiles = []string{"corsgate.toml", "/etc/corsgate/corsgate.toml"}

// configFlag adds the flag --config to c.
func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", "", "configuration `FILE`, or - for standard input (default "+strings.Join(usualFiles, ", or else ")+")")
	c.MarkFlagFilename("config", "toml") // the flag is there
}

// fileArgument lets c take the configuration file as an argument, too.
func fileArgument(c *cobra.Command, path *string) {
	c.Args = func(c *cobra.Command, args []string) error {
		switch named := c.Flags().Changed("config"); {
		case len(args) == 0:
			return nil
		case len(args) > 1:
			return fmt.Errorf("%s takes one FILE, and there are %d", c.Name(), len(args))
		case named && *path == "onfig":
			return fmt.Errorf("-config is read as -c onfig: write --config %s", args[0])
		case named:
			return fmt.Errorf("%s and --config %s are two files: name one", args[0], *path)
		}
		*path = args[0]
		return nil
	}
	c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"toml"}, cobra.ShellCompDirectiveFilterFileExt
	}
}

// readConfig reads the configuration file at path; of "" the usual one, of "-" standard input. The error says why it cannot
// be read.
func readConfig(path string) (config.Source, error) {
	switch path {
	case "-":
		text, err := io.ReadAll(io.LimitReader(os.Stdin, int64(config.MaxFileSize)+1))
		if err == nil && len(text) > int(config.MaxFileSize) {
			err = fmt.Errorf("standard input is larger than %v: a configuration file is text of some kilobytes", config.MaxFileSize)
		}
		return config.Source{Name: "stdin", Text: text}, err
	case "":
		for _, usual := range usualFiles {
			if _, err := os.Stat(usual); !errors.Is(err, fs.ErrNotExist) {
				return readConfig(usual)
			}
		}
		return config.Source{}, fmt.Errorf("there is neither %s (to begin with one: corsgate init > %s): name a file with --config",
			strings.Join(usualFiles, " nor "), usualFiles[0])
	}
	source, err := config.Read(path)
	if err != nil {
		err = unreadable(path, err)
	}
	return source, err
}

// unreadable explains why a configuration file cannot be read.
func unreadable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no such file (to begin with one: corsgate init > %s)", path, path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: permission denied (ask as root, or as a member of the file's group)", path)
	}
	return err
}
