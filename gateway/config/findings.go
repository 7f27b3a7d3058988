package config

import "fmt"

// maxFound bounds the findings of one kind: people mend the first ones first, and a text of
// nothing but oddities must not cost more than another.
const maxFound = 100

// Findings are problems of one kind, up to a bound.
type Findings struct {
	list Problems
	more int
}

// Add notes a problem, which is only made if there is room for it.
func (f *Findings) Add(p func() Problem) {
	if len(f.list) == maxFound {
		f.more++
		return
	}
	f.list = append(f.list, p())
}

// All returns the problems, and how many more there are of what they are.
func (f *Findings) All(what string) Problems {
	if f.more == 0 {
		return f.list
	}
	last := f.list[len(f.list)-1]
	return append(f.list, Problem{File: last.File, Line: last.Line, Message: fmt.Sprintf("and %d more %s", f.more, what)})
}
