package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a configuration file.
type Problem struct {
	// File is the name of the file, as it was given.
	File string
	// Line counts from 1.
	Line int
	// Key is the full dotted name of the key or table, such as "cors.app.origins"; "" when the text is not TOML.
	Key string
	// Message says what is wrong and what to write instead, in lower case.
	Message string
	// Hint is a suggestion. Optional.
	Hint string
}

// Error returns "FILE:LINE: key: message (hint)".
func (p Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// Problems are the mistakes of one file, in the order of its lines, or of the two texts of a gateway in a fleet, one after
// the other. It is never empty when it is an error.
type Problems []Problem

// Error returns one line for each problem, without a final newline.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// sort orders p by file and line. Problems of one line keep the order in which they were found.
func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}

// Place returns "FILE:LINE".
func (p Problem) Place() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }
