package limit

import "unsafe"

// Sets and Cells are the shape of a table.
const (
	Sets  = sets
	Cells = cells
)

// AllowHash is Allow for a hash, so that a test can choose the set.
func (l *Limiter) AllowHash(hash uint64, now int64) Verdict { return l.allow(hash, now) }

// SetSize is how many bytes a set takes.
const SetSize = unsafe.Sizeof(set{})
