package matcher

import (
	"bytes"
	"strings"
)

// A shape is where the stars of a label are: what its literal ends do not say. Globs with one
// shape form one class in a hub, because the key that a label must have for any of them can be
// computed from the label alone:
//
//	glob           shape            key          label pr-123-eu has, for that shape, the key
//	pr-*           3, 0             pr-*         pr-*         ← equal: it fits
//	pr-*-eu        3, 3             pr-*-eu      pr-*-eu      ← equal: it fits
//	ab*-eu         2, 3             ab*-eu       pr*-eu       ← not in the table
//	a*b*c          1, 1, several    a**c         p**u         ← not in the table
//
// So one lookup decides about all globs of a shape, and only those with several stars are then
// compared one by one, within the few that share both ends.
type shape struct {
	prefix, suffix uint8 // bytes
	several        bool  // stars
}

// shapeOf returns the shape of glob. Precondition: glob contains a star.
func shapeOf(glob string) shape {
	first, last := strings.IndexByte(glob, '*'), strings.LastIndexByte(glob, '*')
	return shape{uint8(first), uint8(len(glob) - last - 1), first != last}
}

// rank orders shapes, without ties: first by how many literal bytes a label must have at its
// ends, then by how many of them are at the front, which is the order of specificity that
// Set.Find promises. prefix and suffix are at most 63, so the fields do not overlap.
func (sh shape) rank() int {
	rank := (int(sh.prefix)+int(sh.suffix))<<8 | int(sh.prefix)<<1
	if sh.several {
		rank++
	}
	return rank
}

// appendKey appends the key that labels of shape sh have in a hub if they fit label. Applied to
// a glob itself it returns the key under which that glob is filed. No label can equal a key by
// accident: a star is not a host byte. Precondition: label has at least prefix+suffix bytes.
func (sh shape) appendKey(dst, label []byte) []byte {
	dst = append(dst, label[:sh.prefix]...)
	dst = append(dst, '*')
	if sh.several {
		dst = append(dst, '*')
	}
	return append(dst, label[len(label)-int(sh.suffix):]...)
}

// globMatch reports whether label matches glob, each star standing for one or more bytes.
// Precondition: glob contains a star.
//
// The ends are anchored, and each literal between two stars is taken at its leftmost place,
// which leaves the most for the rest. So there is never a reason to go back, and each byte of
// label is searched once; a backtracking matcher takes time exponential in the number of stars,
// which a long label of the right letters brings out.
//
//	glob    a *  b *    cd     ends "a" and "cd", literal "b" between the stars
//	label   a xx b yybz cd     the first b after at least one byte; the rest goes to the second star
func globMatch(glob, label []byte) bool {
	star := bytes.IndexByte(glob, '*')
	last := bytes.LastIndexByte(glob, '*')
	prefix, suffix := glob[:star], glob[last+1:]
	// At least one byte for the star, and the ends may not overlap: "aba" does not match
	// "ab*ba".
	if len(label) <= len(prefix)+len(suffix) || !bytes.HasPrefix(label, prefix) || !bytes.HasSuffix(label, suffix) {
		return false
	}
	// The rest of label always starts with the bytes of a star, at least one.
	label = label[len(prefix) : len(label)-len(suffix)]
	for star < last {
		literal := glob[star+1:]
		literal = literal[:bytes.IndexByte(literal, '*')]
		star += 1 + len(literal)
		// From the second byte on: the first belongs to the star before the literal.
		i := bytes.Index(label[1:], literal)
		if i < 0 {
			return false
		}
		label = label[1+i+len(literal):]
		// Nothing is left for the star after the literal. A later occurrence would leave even
		// less.
		if len(label) == 0 {
			return false
		}
	}
	return true
}
