package commands

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/gateway/auth"
	"github.com/spf13/cobra"
)

// NewKey returns the command key.
func NewKey() *cobra.Command {
	return &cobra.Command{
		Use:   "key NAME [VALUE=TEXT]...",
		Short: "Make an API key, and its line for a keys_file",
		Long: `Key makes an API key of 130 random bits for [auth.NAME] with keys_file. The line for the file, with the
SHA-256 of the key, goes to standard output; the key itself goes to standard error, and is kept nowhere.
What follows the name stands in the line, too: the values of $key.NAME, and of a plan.

All keys begin with "` + auth.KeyPrefix + `", so scanners for secrets can know them.`,
		Example: "  corsgate key acme plan=pro >> /etc/corsgate/partners.keys",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("key wants the name of who is to have it")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			key := auth.KeyPrefix + rand.Text()
			line := strings.Join(append([]string{args[0], fmt.Sprintf("%x", sha256.Sum256([]byte(key)))}, args[1:]...), " ")
			if wrong := auth.CheckKeyLine(line, args); wrong != "" {
				return cli.Misuse(fmt.Errorf("key %q: %s", args[0], wrong))
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s\n", key)
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s\n", line)
			return err
		},
	}
}
