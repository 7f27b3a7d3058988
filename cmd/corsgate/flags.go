package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// formatFlag adds the flag --format to c.
func formatFlag(c *cobra.Command, format *string) {
	c.Flags().StringVar(format, "format", "text", `"text" or "json"`)
	completes(c, "format", "text", "json")
}

// completes lets shells complete the value of a flag of c.
func completes(c *cobra.Command, flag string, values ...string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic("BUG: " + err.Error())
	}
}

// oneURL takes one argument, a URL.
func oneURL(command string, args []string) error {
	switch len(args) {
	case 0:
		return errors.New("the URL is missing: write one such as https://api.example.com/items")
	case 1:
		return nil
	}
	return fmt.Errorf("%s takes one URL, and there are %d: %q is one too many", command, len(args), args[1])
}
