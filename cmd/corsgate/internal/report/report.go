// Package report checks a configuration and reports its problems, for "corsgate check" and before a push.
package report

import (
	"fmt"
	"io"
	"slices"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
)

// A Report lists the problems of a configuration. Its JSON is for programs, so names of fields stay.
type Report struct {
	File      string `json:"file"`
	Valid     bool   `json:"valid"`
	Routes    int    `json:"routes"`
	Policies  int    `json:"policies"`
	Upstreams int    `json:"upstreams"`
	// Fleet is the prefix of the fleet that the rest of the configuration comes from, or "".
	Fleet    string    `json:"fleet,omitempty"`
	Problems []Finding `json:"problems"`
	Warnings []Finding `json:"warnings"`
}

// A Finding is a config.Problem for programs. Line is 0 and Key "" if the file cannot be read;
// Key is "" also in a file of origins.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Key     string `json:"key"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Inspect reports about the file at path and, unless shared is "", about the file at shared as what it shares with a
// fleet. See [Report.Judge].
func Inspect(path, shared string) *Report {
	broken := func(name string, err error) *Report {
		return &Report{File: path, Problems: []Finding{{File: name, Message: err.Error()}}, Warnings: []Finding{}}
	}
	own, err := source.Read(path)
	if err != nil {
		return broken(path, err)
	}
	if shared == "" {
		_, r := InspectTexts(own, nil)
		return r
	}
	text, err := source.Read(shared)
	if err != nil {
		return broken(shared, err)
	}
	_, r := InspectTexts(own, &text)
	return r
}

// InspectTexts reports about a configuration, which it also returns, as far as it can be read. See [Report.Judge].
func InspectTexts(own config.Source, shared *config.Source) (*config.Config, *Report) {
	r := &Report{File: own.Name}
	cfg, err := source.Parse(own, shared)
	problems, _ := source.Problems(err)
	var warnings config.Problems
	if cfg != nil {
		var later config.Problems
		later, warnings = gateway.Check(cfg)
		if cfg.Fleet != nil {
			_, files := source.FleetOptions(cfg)
			later = append(later, files...)
			if cfg.Revision == "" {
				r.Fleet = cfg.Fleet.Prefix
			}
		}
		problems = source.Merge(problems, later)
		warnings = source.Merge(nil, warnings)
		r.Routes, r.Policies, r.Upstreams = len(cfg.Routes), len(cfg.CORS), len(cfg.Upstreams)
	}
	r.Problems, r.Warnings = findings(problems), findings(warnings)
	return cfg, r
}

// Judge sets and returns Valid: there are no problems and, if strict is set, no warnings.
func (r *Report) Judge(strict bool) bool {
	r.Valid = len(r.Problems) == 0 && !(strict && len(r.Warnings) > 0)
	return r.Valid
}

// findings is never nil: programs expect an array.
func findings(problems config.Problems) []Finding {
	list := make([]Finding, len(problems))
	for i, p := range problems {
		list[i] = Finding(p)
	}
	return list
}

// WriteText prints problems and warnings in the order of their places to stderr, and a line
// about a valid configuration to stdout.
func (r *Report) WriteText(stdout, stderr io.Writer) {
	type line struct {
		Finding
		kind string
	}
	var lines []line
	for _, p := range r.Problems {
		lines = append(lines, line{p, ""})
	}
	for _, w := range r.Warnings {
		lines = append(lines, line{w, "warning: "})
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return source.ByPlace(config.Problem(a.Finding), config.Problem(b.Finding))
	})
	for _, l := range lines {
		if l.Line == 0 {
			fmt.Fprintln(stderr, "corsgate: "+l.Message)
			continue
		}
		p := config.Problem(l.Finding)
		p.Message = l.kind + p.Message
		fmt.Fprintln(stderr, p.Error())
	}
	switch {
	case r.Valid && r.Fleet != "":
		fmt.Fprintf(stdout, "%s: valid: what it shares with the fleet %s is not looked at (see --fleet)\n", r.File, r.Fleet)
	case r.Valid:
		fmt.Fprintf(stdout, "%s: valid: %s, %s, %s\n", r.File, cli.Count(r.Routes, "route", "routes"),
			cli.Count(r.Policies, "policy", "policies"), cli.Count(r.Upstreams, "upstream", "upstreams"))
	case len(r.Problems) == 0:
		fmt.Fprintf(stderr, "%s: %s, and --strict admits none\n", r.File, cli.Count(len(r.Warnings), "warning", "warnings"))
	}
}
