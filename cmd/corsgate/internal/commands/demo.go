package commands

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/demo"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/terminal"
	"github.com/spf13/cobra"
)

// NewDemo returns the command demo.
func NewDemo() *cobra.Command {
	var open bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show CORS at work in a browser, without any setup",
		Long: `Demo starts a gateway, a small API behind it, and a page that is served from two origins: one that
the gateway's policy allows, and one that it does not. The page makes real cross-origin calls and
shows what the browser decided, and why. All of it is on loopback, and Ctrl-C ends it.`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer cancel()
			return runDemo(ctx, demo.DefaultPorts(), open && terminal.Is(c.OutOrStdout()), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().BoolVar(&open, "open", true, "open the page in a browser, if the output is a terminal")
	return c
}

// runDemo runs the demo until ctx is done.
func runDemo(ctx context.Context, ports demo.Ports, open bool, stdout, stderr io.Writer) error {
	// One upstream is down on purpose, which is not worth a warning.
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	d, err := demo.Start(ports, log)
	if err != nil {
		return cli.Fail(err)
	}
	introduce(d, stdout)
	if open {
		openBrowser(d.Allowed + "/")
	}
	<-ctx.Done()
	fmt.Fprintln(stdout, "\nstopped")
	// Pages keep connections open that they do not use.
	grace, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	d.Stop(grace) // all connections are closed now, in time or not
	return nil
}

// introduce prints the addresses, and what to try.
func introduce(d *demo.Demo, w io.Writer) {
	for _, moved := range d.Moved {
		fmt.Fprintln(w, moved)
	}
	fmt.Fprintf(w, `corsgate demo: one page, two origins, one policy

  %s/   the page, from an origin that the policy allows
  %s/   the same page, from one that it does not
  %s    the gateway, in front of an API on %s

Without a browser:

  # a preflight that is allowed, and one that is not
  curl -i -X OPTIONS %[3]s/api/items/1 -H 'Origin: %[1]s' -H 'Access-Control-Request-Method: PUT'
  curl -i -X OPTIONS %[3]s/api/items/1 -H 'Origin: %[1]s' -H 'Access-Control-Request-Method: PATCH'
  # what each of the two pages is told
  curl -i %[3]s/api/items -H 'Origin: %[1]s'
  curl -i %[3]s/api/items -H 'Origin: %[2]s'

The gateway serves this configuration:

%[5]s
Ctrl-C ends the demo.
`, d.Allowed, d.Denied, d.Gateway, d.API, indent(d.Config))
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// openBrowser shows url to the user, if the system has a way to. The browser belongs to the user: it is neither waited for
// nor ended.
func openBrowser(url string) {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	c := exec.Command(name, args...)
	if c.Start() == nil {
		c.Process.Release() // it is not waited for
	}
}
