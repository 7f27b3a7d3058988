package probe

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes r for a person to read.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\ngrade %s: ", r.URL, r.Grade)
	switch len(r.Findings) {
	case 0:
		fmt.Fprintf(&b, "no findings in %d requests", r.Asked)
		if r.Grade == "?" {
			b.WriteString(", but not all of them could be judged")
		}
		b.WriteString("\n")
	case 1:
		fmt.Fprintf(&b, "1 finding in %d requests\n", r.Asked)
	default:
		fmt.Fprintf(&b, "%d findings in %d requests\n", len(r.Findings), r.Asked)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n%s: %s (%s)\n", f.Severity, f.Text, f.ID)
		for _, line := range f.Request {
			fmt.Fprintf(&b, "  > %s\n", line)
		}
		for _, line := range f.Response {
			fmt.Fprintf(&b, "  < %s\n", line)
		}
		fmt.Fprintf(&b, "  fix: %s\n", f.Fix)
	}
	if len(r.Notes) > 0 {
		b.WriteString("\nNotes\n")
		for _, n := range r.Notes {
			fmt.Fprintf(&b, "  %s\n", n)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
