package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// NoArgs refuses arguments, which the command does not take.
func NoArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments: remove %q", c.Name(), args[0])
	}
	return nil
}

// OneArgument takes one argument, which is described by what.
func OneArgument(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s takes %s, and there are %d arguments", c.Name(), what, len(args))
		}
		return nil
	}
}

// OneURL takes one argument, a URL.
func OneURL(c *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return errors.New("the URL is missing: write one such as https://api.example.com/items")
	case 1:
		return nil
	}
	return fmt.Errorf("%s takes one URL, and there are %d: %q is one too many", c.Name(), len(args), args[1])
}

// ConfigArgument lets c take the configuration file as an argument, as well as by --config; see [ConfigFlag].
func ConfigArgument(c *cobra.Command, path *string) {
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

// KnownCommand refuses the name of a command that does not exist, and suggests similar names.
func KnownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		text += ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return errors.New(text)
}

// UsageText describes an error in a command line without the jargon of the libraries that parsed it.
func UsageText(c *cobra.Command, err error) string {
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
	if value, reason, ok := strings.Cut(text, " flag: "); ok && (errors.As(err, &number) || strings.HasPrefix(reason, "time: ")) {
		if strings.HasPrefix(reason, "strconv.ParseBool") {
			return value + ": write true or false"
		}
		return value + `: write a time such as "5s"`
	}
	return text
}
