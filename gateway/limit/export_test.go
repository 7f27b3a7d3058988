package limit

import "unsafe"

// Sets and Cells are the shape of a table.
const (
	Sets  = sets
	Cells = cells
)

// AllowHash is Allow for a hash, so that a test can choose the sets, and of an owner.
func (l *Limiter) AllowHash(hash uint64, owner string, now int64) Decision {
	return l.allow(hash, []byte(owner), now)
}

// Full keeps l from growing beyond its first level.
func (l *Limiter) Full() *Limiter { return l.Grown(1) }

// Grown keeps l from growing beyond so many levels.
func (l *Limiter) Grown(levels int) *Limiter {
	if l.levels = levels; levels == 1 {
		l.owners.Store(new(owners))
	}
	return l
}

// Levels is how many a table grows to.
const Levels = levels

// PerOwner is how many new keys of one owner a full table takes.
const PerOwner = perOwner

// SetSize is how many bytes a set takes.
const SetSize = unsafe.Sizeof(set{})
