package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/spf13/cobra"
)

// ConfigFlag adds the flag --config to c.
func ConfigFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", "", "configuration `FILE`, or - for standard input (default "+strings.Join(source.Usual, ", or else ")+")")
	c.MarkFlagFilename("config", "toml") // the flag is there
}

// FormatFlag adds the flag --format to c. See [CheckFormat].
func FormatFlag(c *cobra.Command, format *string) {
	c.Flags().StringVar(format, "format", "text", `"text" or "json"`)
	Completes(c, "format", "text", "json")
}

// CheckFormat returns an error unless format is a value of --format.
func CheckFormat(format string) error {
	if format != "text" && format != "json" {
		return fmt.Errorf(`--format %q: say "text" or "json"`, format)
	}
	return nil
}

// Completes lets shells complete the value of a flag of c.
func Completes(c *cobra.Command, flag string, values ...string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic("BUG: " + err.Error())
	}
}

// WriteJSON writes v, indented, for programs and for people.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
