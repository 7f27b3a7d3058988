package matcher

import (
	"bytes"
	"strings"
)

// A shape is what labels with stars have in common that a key cannot tell: where their stars are.
type shape struct {
	prefix, suffix uint8 // bytes
	several        bool  // stars
}

// shapeOf returns the shape of glob. Precondition: glob holds a star.
func shapeOf(glob string) shape {
	first, last := strings.IndexByte(glob, '*'), strings.LastIndexByte(glob, '*')
	return shape{uint8(first), uint8(len(glob) - last - 1), first != last}
}

// rank orders shapes, without ties.
func (sh shape) rank() int {
	rank := (int(sh.prefix)+int(sh.suffix))<<8 | int(sh.prefix)<<1
	if sh.several {
		rank++
	}
	return rank
}

// appendKey appends the key that labels of shape sh have in a hub if they fit label.
func (sh shape) appendKey(dst, label []byte) []byte {
	dst = append(dst, label[:sh.prefix]...)
	dst = append(dst, '*')
	if sh.several {
		dst = append(dst, '*')
	}
	return append(dst, label[len(label)-int(sh.suffix):]...)
}

// globMatch reports whether label is what glob says, each star standing for one or more bytes. Precondition: glob holds a
// star. Each literal is taken at its leftmost place, which leaves the most for the rest, so there is nothing to go back for.
func globMatch(glob, label []byte) bool {
	star := bytes.IndexByte(glob, '*')
	last := bytes.LastIndexByte(glob, '*')
	prefix, suffix := glob[:star], glob[last+1:]
	if len(label) <= len(prefix)+len(suffix) || !bytes.HasPrefix(label, prefix) || !bytes.HasSuffix(label, suffix) {
		return false
	}
	// The rest of label always starts with the bytes of a star, at least one.
	label = label[len(prefix) : len(label)-len(suffix)]
	for star < last {
		literal := glob[star+1:]
		literal = literal[:bytes.IndexByte(literal, '*')]
		star += 1 + len(literal)
		i := bytes.Index(label[1:], literal)
		if i < 0 {
			return false
		}
		label = label[1+i+len(literal):]
		if len(label) == 0 {
			return false
		}
	}
	return true
}
