package cors

import (
	"fmt"
	"strings"

	"github.com/corsgate/corsgate/matcher"
)

// This file finds patterns that another one covers. A pattern covers more than itself only by a wildcard, and then only
// patterns whose host ends like its own: so each is compared with those that share one of its ends.

// maxCompared bounds how many wildcards with the same end a pattern is compared with: thousands of globs below one name
// are a list that a program wrote, and a missed warning is better than to wait for minutes.
const maxCompared = 64

// redundant warns about patterns that another one covers. written are the numbers of the patterns in both lists.
func (c *checker) redundant(patterns []matcher.Pattern, written []int) {
	first := make(map[string]int, len(patterns))
	wide := map[string][]int{} // by literal end
	var globs []int
	repeated := make([]bool, len(patterns))
	for i, p := range patterns {
		if j, ok := first[p.String()]; ok {
			c.beside(written[i], written[j], "remove it", "%q is already listed", p.String())
			repeated[i] = true
			continue
		}
		first[p.String()] = i
		switch {
		case p.Any() || p.Null():
		case p.Wildcard() && !strings.HasPrefix(p.Host(), "*."):
			globs = append(globs, i)
		case p.Wildcard() || p.AnyPort():
			wide[p.Base()] = append(wide[p.Base()], i)
		}
	}
	for _, i := range globs { // behind what covers more
		wide[patterns[i].Base()] = append(wide[patterns[i].Base()], i)
	}
	if len(wide) == 0 {
		return
	}
	for i, p := range patterns {
		if p.Any() || p.Null() || repeated[i] {
			continue
		}
		if j := coveredBy(patterns, wide, i); j >= 0 {
			c.beside(written[i], written[j], "remove one of them", "%q is covered by %q", p.String(), patterns[j].String())
		}
	}
}

// beside warns about pattern i of both lists, on account of pattern j.
func (c *checker) beside(i, j int, hint, format string, args ...any) {
	_, key, index := c.origin(i)
	_, otherKey, otherIndex := c.origin(j)
	p := Problem{Key: key, Index: index, Hint: hint, Warning: true, OtherKey: otherKey, OtherIndex: otherIndex}
	if key != keyOriginsFile || c.tally.warnings < maxFileProblems {
		p.Message = fmt.Sprintf(format, args...)
	}
	c.add(p)
}

func coveredBy(patterns []matcher.Pattern, wide map[string][]int, i int) int {
	for end, more := patterns[i].Host(), true; more; _, end, more = strings.Cut(end, ".") {
		same := wide[end]
		for _, j := range same[:min(len(same), maxCompared)] {
			if j != i && patterns[j].Covers(patterns[i]) {
				return j
			}
		}
	}
	return -1
}
