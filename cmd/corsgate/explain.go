package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"

	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/spf13/cobra"
)

// exitDenied: explain has found that a page cannot read the response, or that this is not the gateway's to say.
const exitDenied = 1

func newExplain() *cobra.Command {
	var path, shared, format string
	var q fetch.Question
	c := &cobra.Command{
		Use:   "explain [flags] URL",
		Short: "Say what becomes of a page's request, why, and what would allow it",
		Long: `Explain says what the gateway and a browser make of a request that a page makes, with fetch(), by a
form (--mode navigate) or for a WebSocket (a URL of ws or wss): the route and the pattern with their
lines in the file, the preflight and its answer, each step of the Fetch standard, and the fewest
edits of the file that would allow the request. Nothing is sent: the file need not be served, and
the code that serves is the code that decides.

The scheme of URL is the one that the browser uses, wherever TLS ends. A header is "Name: value" or a
"Name" alone: Accept, Accept-Language and Content-Language then count as safelisted, and all
others do not, Content-Type included, for which APIs want application/json.

It exits with 0 if the page can read the response, and each --response-header of it, or in the modes
in which no page can, if the request has its effects; with 1 if not, or if the upstream or the target
of a redirect decides that, and with 2 if the file or the question is invalid.`,
		Example: "  corsgate explain --origin https://app.example.com --method PUT --header Content-Type https://api.example.com/items/1",
		Args: func(c *cobra.Command, args []string) error {
			return oneURL("explain", args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			q.URL = args[0]
			return runExplain(path, shared, q, format, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&shared, "fleet", "", "with a table [fleet]: `FILE` of what is shared, instead of what this gateway keeps of it")
	c.Flags().StringVar(&q.Origin, "origin", "", "`ORIGIN` of the page, such as https://app.example.com, or null")
	c.Flags().StringVar(&q.Method, "method", "GET", "`METHOD` of the request")
	c.Flags().StringArrayVar(&q.Headers, "header", nil, "request header that the page sets, `NAME` or \"NAME: VALUE\"; any number of times")
	c.Flags().StringArrayVar(&q.ResponseHeaders, "response-header", nil, "`NAME` of a response header that the page wants to read; any number of times")
	c.Flags().BoolVar(&q.Credentials, "credentials", false, `the page asks with credentials: "include"`)
	c.Flags().StringVar(&q.Mode, "mode", "", "`MODE` of the request: cors, no-cors, same-origin, or navigate for a form or link (default cors; a URL of ws or wss is a WebSocket)")
	c.Flags().StringVar(&q.Listener, "listener", "", "`NAME` of the listener that is asked (default: the one of the URL's port and scheme)")
	formatFlag(c, &format)
	completes(c, "mode", "cors", "no-cors", "same-origin", "navigate")
	completes(c, "method", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
	return c
}

func runExplain(path, shared string, q fetch.Question, format string, stdout, stderr io.Writer) error {
	if format != "text" && format != "json" {
		return &exitError{exitUsage, fmt.Errorf(`--format %q: say "text" or "json"`, format)}
	}
	stop := working(stderr, func() string { return "loading " + cmp.Or(path, "the configuration") })
	defer stop()
	cfg, err := loadWhole(path, shared)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	e, err := explain.Config(cfg, q)
	stop()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if format == "json" {
		encoder := json.NewEncoder(stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(e)
	} else {
		err = e.WriteText(stdout)
	}
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if !e.Allowed || !e.Readable() {
		return &exitError{status: exitDenied}
	}
	return nil
}
