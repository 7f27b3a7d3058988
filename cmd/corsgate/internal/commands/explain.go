package commands

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/terminal"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/spf13/cobra"
)

// denied is the status of explain if a page cannot read the response, or if the gateway cannot tell.
const denied = 1

// NewExplain returns the command explain.
func NewExplain() *cobra.Command {
	var path, shared, format, token string
	var q fetch.Question
	c := &cobra.Command{
		Use:   "explain [flags] URL",
		Short: "Explain what happens to a page's request, why, and what would allow it",
		Long: `Explain shows what the gateway and a browser do with a request from a page: one made with fetch(), by
a form (--mode navigate) or for a WebSocket (a URL of ws or wss). It prints the route and the pattern
with their lines in the file, the preflight and its response, each step of the Fetch standard, and the
fewest edits of the file that would allow the request. Nothing is sent, and no gateway needs to run: the
answer comes from the code that serves.

The scheme of URL is the one that the browser uses, wherever TLS ends. A header is "Name: value" or
"Name" alone. Without a value, Accept, Accept-Language and Content-Language count as safelisted, and
all others do not; this includes Content-Type, because APIs usually need application/json.

It exits with status 0 if the page can read the response and each --response-header (in modes where no
page can read it: if the request takes effect), 1 if not, or if that depends on the upstream or on the
target of a redirect, or if the token is refused, and 2 if the file or the question is invalid.`,
		Example: "  corsgate explain --origin https://app.example.com --method PUT --header Content-Type https://api.example.com/items/1",
		Args:    cli.OneURL,
		RunE: func(c *cobra.Command, args []string) error {
			q.URL = args[0]
			token, err := tokenOf(token, c.InOrStdin())
			if err != nil {
				return cli.Misuse(err)
			}
			return runExplain(path, shared, q, token, format, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	cli.ConfigFlag(c, &path)
	c.Flags().StringVar(&shared, "fleet", "", "with a table [fleet]: `FILE` with the shared configuration, instead of this gateway's copy of it")
	c.Flags().StringVar(&q.Origin, "origin", "", "`ORIGIN` of the page, such as https://app.example.com, or null")
	c.Flags().StringVar(&q.Method, "method", "GET", "`METHOD` of the request")
	c.Flags().StringArrayVar(&q.Headers, "header", nil, "request header that the page sets, `NAME` or \"NAME: VALUE\"; repeatable")
	c.Flags().StringArrayVar(&q.ResponseHeaders, "response-header", nil, "`NAME` of a response header that the page wants to read; repeatable")
	c.Flags().StringVar(&token, "token", "", "`FILE` with a token or API key, or - for standard input: the request has it where the route's [auth.NAME] looks for it, and it is not shown")
	c.Flags().BoolVar(&q.Credentials, "credentials", false, `the page uses credentials: "include"`)
	c.Flags().StringVar(&q.Mode, "mode", "", "`MODE` of the request: cors, no-cors, same-origin, or navigate for a form or link (default cors; a URL of ws or wss is a WebSocket)")
	c.Flags().StringVar(&q.Listener, "listener", "", "`NAME` of the listener that receives the request (default: the one of the URL's port and scheme)")
	cli.FormatFlag(c, &format)
	cli.Completes(c, "mode", "cors", "no-cors", "same-origin", "navigate")
	cli.Completes(c, "method", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
	return c
}

func runExplain(path, shared string, q fetch.Question, token, format string, stdout, stderr io.Writer) error {
	if err := cli.CheckFormat(format); err != nil {
		return cli.Misuse(err)
	}
	stop := terminal.Working(stderr, func() string { return "loading " + cmp.Or(path, "the configuration") })
	defer stop()
	cfg, err := source.LoadWhole(path, shared)
	if err != nil {
		return cli.Misuse(err)
	}
	answer := explain.Config
	if token != "" {
		answer = func(cfg *config.Config, q fetch.Question) (explain.Explanation, error) {
			return explain.Token(cfg, q, token)
		}
	}
	e, err := answer(cfg, q)
	stop()
	if err != nil {
		return cli.Misuse(err)
	}
	if format == "json" {
		err = cli.WriteJSON(stdout, e)
	} else {
		err = e.WriteText(stdout)
	}
	if err != nil {
		return cli.Misuse(err)
	}
	if !e.Allowed || !e.Readable() || token != "" && !e.Admitted() {
		return cli.Exit(denied)
	}
	return nil
}

// maxToken bounds a file with a token, in bytes: there is no longer request head.
const maxToken = 64 << 10

// tokenOf reads a token from a file or from standard input, so that it is in no history of commands and in no list of processes.
func tokenOf(file string, stdin io.Reader) (string, error) {
	if file == "" {
		return "", nil
	}
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			if at := new(fs.PathError); errors.As(err, &at) {
				err = at.Err // the name may be the token
			}
			return "", fmt.Errorf("--token is not the token, but a file that holds it, or - for standard input: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxToken+1))
	switch token := strings.TrimSpace(string(text)); {
	case err != nil:
		return "", fmt.Errorf("--token: %w", err)
	case len(text) > maxToken:
		return "", fmt.Errorf("--token: more than %d KiB: give the token alone", maxToken>>10)
	case token == "":
		return "", errors.New("--token: there is no token")
	default:
		return token, nil
	}
}
