package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/probe"
	"github.com/spf13/cobra"
)

// exitFindings: probe has found something, or could not judge all.
const exitFindings = 1

func newProbe() *cobra.Command {
	var format string
	var o probe.Options
	c := &cobra.Command{
		Use:   "probe [flags] URL",
		Short: "Ask any server the CORS questions, and report what it gets wrong",
		Long: `Probe sends some sixty requests to a running server, this one or anyone's, and reports what it
gets wrong about CORS: strangers that it lets in, disguised or not, answers that caches mix up, answers
that no browser takes, fields that are on preflights or on responses only, or lost with a 304. Each
finding has its evidence and what to do about it; the grade is from A, nothing was found, to F, or ?
where nothing was found, but not all could be judged.

It sends GET and OPTIONS only, without credentials, and follows no redirect. With --origin it also
asks for what should be allowed. Probe your own servers, or those whose owners agree.

It exits with 0 for the grade A, with 1 for any other, and with 2 if the usage is wrong or
the server does not answer.`,
		Example: "  corsgate probe --origin https://app.example.com https://api.example.com/items",
		Args: func(_ *cobra.Command, args []string) error {
			return oneURL("probe", args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.URL = args[0]
			ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer cancel()
			return runProbe(ctx, o, format, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringArrayVar(&o.Origins, "origin", nil, "`ORIGIN` that should be allowed, such as https://app.example.com; up to 8 times")
	c.Flags().DurationVar(&o.Timeout, "timeout", 5*time.Second, "for each question")
	formatFlag(c, &format)
	return c
}

func runProbe(ctx context.Context, o probe.Options, format string, stdout, stderr io.Writer) error {
	if format != "text" && format != "json" {
		return &exitError{exitUsage, fmt.Errorf(`--format %q: say "text" or "json"`, format)}
	}
	var asked atomic.Int32
	o.Asking = func() { asked.Add(1) }
	stop := working(stderr, func() string { return fmt.Sprintf("waiting for the answer to question %d", asked.Load()) })
	r, err := probe.Run(ctx, o)
	stop()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if format == "json" {
		e := json.NewEncoder(stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = r.WriteText(stdout)
	}
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if r.Grade != "A" {
		return &exitError{status: exitFindings}
	}
	return nil
}
