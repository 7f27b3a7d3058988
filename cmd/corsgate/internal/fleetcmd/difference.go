package fleetcmd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/fleet"
)

// difference prints what a text changes: line by line, and for pages.
func (s *session) difference(out io.Writer, live fleet.Revision, shared config.Source, cfg *config.Config) error {
	if live.Number == 0 {
		fmt.Fprintln(out, "nothing is live yet: this is the first revision")
		return nil
	}
	was := source.Revision(live.Number, live.Text)
	printDiff(out, *was, shared)
	before, err := source.Compose(s.own, was)
	if err != nil {
		fmt.Fprintf(out, "the effect on pages is not known, because the live revision is not valid here:\n%v\n", err)
		return nil
	}
	seen, err := s.seen()
	if err != nil {
		return cli.Fail(err)
	}
	changed, asked, err := explain.Consequences(before, cfg, seen)
	if err != nil {
		return cli.Fail(err)
	}
	printConsequences(out, changed, asked, len(seen))
	return nil
}

// printDiff prints what changed between two texts.
func printDiff(out io.Writer, from, to config.Source) {
	io.WriteString(out, udiff.Unified(from.Name, to.Name, string(from.Text), string(to.Text))) // as for other output
}

// maxConsequences is how many consequences are printed.
const maxConsequences = 40

// printConsequences prints what a change means for pages: first for requests that gateways have seen, then for examples of
// patterns.
func printConsequences(out io.Writer, changed []explain.Consequence, asked, seen int) {
	about := fmt.Sprintf("%d questions, %d of them seen lately", asked, seen)
	if len(changed) == 0 {
		fmt.Fprintf(out, "nothing changes for pages (%s)\n", about)
		return
	}
	fmt.Fprintf(out, "changes for pages (%s, marked *):\n", about)
	for i, c := range changed {
		if i == maxConsequences {
			fmt.Fprintf(out, "  … and %d more\n", len(changed)-i)
			break
		}
		mark := " "
		if c.Seen {
			mark = "*"
		}
		request := c.Question.Method + " " + c.Question.URL
		if len(c.Question.Headers) > 0 {
			request += " with " + strings.Join(c.Question.Headers, ", ")
		}
		fmt.Fprintf(out, "%s %s  %s  %s\n", mark, c.Question.Origin, request, transition(c.Before, c.After))
	}
}

// transition describes how a verdict changes.
func transition(before, after explain.Summary) string {
	anonymous, credentialed := before.Anonymous != after.Anonymous, before.Credentialed != after.Credentialed
	var parts []string
	step := func(what string, from, to fetch.Outcome) {
		parts = append(parts, fmt.Sprintf("%s%s → %s", what, from, to))
	}
	switch {
	case anonymous && credentialed && before.Anonymous == before.Credentialed && after.Anonymous == after.Credentialed:
		step("", before.Anonymous, after.Anonymous)
	case anonymous && credentialed:
		step("", before.Anonymous, after.Anonymous)
		step("with credentials ", before.Credentialed, after.Credentialed)
	case anonymous:
		step("without credentials ", before.Anonymous, after.Anonymous)
	case credentialed:
		step("with credentials ", before.Credentialed, after.Credentialed)
	}
	answer := func(v explain.Summary) string {
		if v.Status == 0 {
			return "the upstream's answer"
		}
		return strconv.Itoa(v.Status)
	}
	if before.Status != after.Status {
		parts = append(parts, answer(before)+" → "+answer(after))
	}
	text := strings.Join(parts, ", ")
	if before.Reason != after.Reason && after.Reason != "allowed" && after.Reason != "" {
		text += " (" + after.Reason + ")"
	}
	return text + inRoute(before, after)
}

// inRoute names the routes that took the request.
func inRoute(before, after explain.Summary) string {
	if before.Route == after.Route {
		return fmt.Sprintf("  [route.%s]", after.Route)
	}
	return fmt.Sprintf("  [route.%s → route.%s]", cmp.Or(before.Route, "none"), cmp.Or(after.Route, "none"))
}

// seen returns the requests of pages that the gateways of the fleet have seen.
func (s *session) seen() (list []fetch.Question, err error) {
	texts, err := s.Seen(s.ctx)
	for _, text := range texts {
		var some []fetch.Question
		if json.Unmarshal([]byte(text), &some) == nil { // else another version wrote it
			list = append(list, some...)
		}
	}
	return list, err
}
