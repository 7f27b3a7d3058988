package commands

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/convert"
	"github.com/spf13/cobra"
)

// NewConvert returns the command convert.
func NewConvert() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "convert --from " + strings.Join(convert.Sources(), "|") + " FILE",
		Short: "Turn another gateway's CORS configuration into a policy, and show its holes",
		Long: `Convert reads the CORS configuration of another gateway and prints an equivalent configuration that
corsgate check accepts: policies, each with a route, and an upstream to fill in. Comments say what could
not be converted and why, and which holes were found. A regular expression is replaced by patterns only
if it provably matches every origin that they match, so the result is equal or narrower.

nginx: add_header with map, set and if. express: the options of cors({…}). envoy: CORS policies in YAML
or JSON. traefik: the headers middleware in YAML or TOML, and labels. FILE may be - for standard input.`,
		Example: "  corsgate convert --from nginx /etc/nginx/sites-enabled/api.conf > corsgate.toml",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.Misuse(fmt.Errorf("convert takes one FILE, not %d", len(args)))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := runConvert(from, args[0], c.InOrStdin(), c.OutOrStdout()); err != nil {
				return cli.Misuse(err)
			}
			return nil
		},
	}
	c.Flags().StringVar(&from, "from", "", "whose configuration it is: "+strings.Join(convert.Sources(), ", "))
	cli.Completes(c, "from", convert.Sources()...)
	return c
}

func runConvert(from, path string, stdin io.Reader, stdout io.Writer) error {
	in, name := stdin, "standard input"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return fmt.Errorf("%s is a directory: name a file in it", path)
		}
		in, name = f, path
	}
	text, err := io.ReadAll(io.LimitReader(in, convert.MaxSize+1))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := convert.Convert(&out, from, name, text); err != nil {
		return err
	}
	_, err = stdout.Write(out.Bytes())
	return err
}
