package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/spf13/cobra"
)

func newCheck() *cobra.Command {
	var path, shared, format string
	var strict bool
	c := &cobra.Command{
		Use:   "check [flags] [FILE]",
		Short: "Check a configuration and report every error in it",
		Long: `Check reads a configuration as serve does and reports every error in it, each as
FILE:LINE: key: message. Valid settings that are probably mistakes are reported as warnings.
It exits with status 0 if the file is valid, and 2 if it is not.

FILE is the same as --config FILE.`,
		Example: "  corsgate check --strict corsgate.toml",
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf(`--format %q: say "text" or "json"`, format)
			}
			stop := working(c.ErrOrStderr(), func() string { return "checking " + cmp.Or(path, "the configuration") })
			r := inspect(path, shared)
			stop()
			r.Valid = len(r.Problems) == 0 && !(strict && len(r.Warnings) > 0)
			if format == "json" {
				r.printJSON(c.OutOrStdout())
			} else {
				r.printText(c.OutOrStdout(), c.ErrOrStderr())
			}
			if !r.Valid {
				return &exitError{status: exitUsage}
			}
			return nil
		},
	}
	configFlag(c, &path)
	fileArgument(c, &path)
	c.Flags().StringVar(&shared, "fleet", "", "with a table [fleet]: `FILE` with the shared configuration, checked together with this one")
	c.Flags().BoolVar(&strict, "strict", false, "treat warnings as errors")
	formatFlag(c, &format)
	return c
}

// A report is what check has to say about a file. Its JSON is for programs: names stay.
type report struct {
	File      string `json:"file"`
	Valid     bool   `json:"valid"`
	Routes    int    `json:"routes"`
	Policies  int    `json:"policies"`
	Upstreams int    `json:"upstreams"`
	// Fleet is the prefix of the fleet that the rest of the configuration comes from, or "".
	Fleet    string    `json:"fleet,omitempty"`
	Problems []finding `json:"problems"`
	Warnings []finding `json:"warnings"`
}

// A finding is a config.Problem for programs. Line is 0 and Key "" if the file cannot be read; Key is "" also in a file
// of origins.
type finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Key     string `json:"key"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// inspect reports about the file at path, and, unless that is "", about the one at shared as what it shares with a fleet.
func inspect(path, shared string) *report {
	broken := func(name string, err error) *report {
		return &report{File: path, Problems: []finding{{File: name, Message: err.Error()}}, Warnings: []finding{}}
	}
	own, err := readConfig(path)
	if err != nil {
		return broken(path, err)
	}
	if shared == "" {
		_, r := inspectTexts(own, nil)
		return r
	}
	text, err := readConfig(shared)
	if err != nil {
		return broken(shared, err)
	}
	_, r := inspectTexts(own, &text)
	return r
}

// inspectTexts reports about a configuration, which it returns as far as it can be read. Whether it is valid is for the
// caller to say.
func inspectTexts(own config.Source, shared *config.Source) (*config.Config, *report) {
	r := &report{File: own.Name}
	cfg, err := parse(own, shared)
	problems, _ := problemsOf(err)
	var warnings config.Problems
	if cfg != nil {
		var later config.Problems
		later, warnings = gateway.Check(cfg)
		if cfg.Fleet != nil {
			_, files := fleetOptions(cfg)
			later = append(later, files...)
			if cfg.Revision == "" {
				r.Fleet = cfg.Fleet.Prefix
			}
		}
		problems = merge(problems, later)
		warnings = merge(nil, warnings)
		r.Routes, r.Policies, r.Upstreams = len(cfg.Routes), len(cfg.CORS), len(cfg.Upstreams)
	}
	r.Problems, r.Warnings = findings(problems), findings(warnings)
	return cfg, r
}

// findings is never nil: programs expect an array.
func findings(problems config.Problems) []finding {
	list := make([]finding, len(problems))
	for i, p := range problems {
		list[i] = finding(p)
	}
	return list
}

func (r *report) printJSON(w io.Writer) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	e.Encode(r) // nobody is left to be told
}

func (r *report) printText(stdout, stderr io.Writer) {
	type line struct {
		finding
		kind string
	}
	var lines []line
	for _, p := range r.Problems {
		lines = append(lines, line{p, ""})
	}
	for _, w := range r.Warnings {
		lines = append(lines, line{w, "warning: "})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return byPlace(config.Problem(a.finding), config.Problem(b.finding)) })
	for _, l := range lines {
		if l.Line == 0 {
			fmt.Fprintln(stderr, "corsgate: "+l.Message)
			continue
		}
		p := config.Problem(l.finding)
		p.Message = l.kind + p.Message
		fmt.Fprintln(stderr, p.Error())
	}
	switch {
	case r.Valid && r.Fleet != "":
		fmt.Fprintf(stdout, "%s: valid: what it shares with the fleet %s is not looked at (see --fleet)\n", r.File, r.Fleet)
	case r.Valid:
		fmt.Fprintf(stdout, "%s: valid: %s, %s, %s\n", r.File,
			count(r.Routes, "route", "routes"), count(r.Policies, "policy", "policies"), count(r.Upstreams, "upstream", "upstreams"))
	case len(r.Problems) == 0:
		fmt.Fprintf(stderr, "%s: %s, and --strict admits none\n", r.File, count(len(r.Warnings), "warning", "warnings"))
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
