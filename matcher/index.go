package matcher

import "hash/maphash"

// This file is the hash table of the children of wide nodes.

// narrow is the most children that are compared one after the other: their texts are neighbours
// in memory and need no hash.
const narrow = 4

// A slot says where the node's text is, so that the node itself is not read to compare the
// text. With the rule that follows the text (see ruleSize) a lookup of a host among 10⁶ misses
// the processor's cache twice instead of four times: 573 ns for random hosts where it was 1405.
//
//	hash ──► slots[i] { tag, node, text } ──► text[text:]  "example.com" rule
//	             │ tag differs: next slot          │ differs: next slot
//	             │ node 0: no such child           │ equal: found; nodes[node] only for its children
type slot struct {
	tag  uint32 // upper 24 bits of the hash, length of the text
	node uint32 // 0: free
	text uint32 // of the node
}

// tagOf makes a slot's tag: upper bits of the hash, which the index of the slot does not use,
// and the size, which fits in a byte because no text is longer than a host. Precondition: size
// <= maxHost.
func tagOf(hash uint64, size int) uint32 { return uint32(hash>>32)&^0xff | uint32(size) }

// child returns the child of node n that host ends in, the length of its text and the offset
// where it ends; or 0.
func (s *Set) child(n uint32, host []byte) (child uint32, size int, end uint32) {
	lo, hi := s.nodes[n].children, s.nodes[n+1].children
	if hi-lo <= narrow {
		for c := lo; c < hi; c++ {
			if label := s.label(c); endsIn(host, label) {
				return c, len(label), s.nodes[c].text + uint32(len(label))
			}
		}
		return 0, 0, 0
	}
	// Only the last label is hashed: how many labels the child has is not known yet. Siblings
	// differ in that label, since merging keeps one child per label.
	hash := s.hash(n, lastLabel(host))
	mask := uint64(len(s.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		at := s.slots[i]
		if at.node == 0 {
			return 0, 0, 0
		}
		// The range check replaces storing the parent: children of n are neighbours.
		if size := at.tag & 0xff; at.tag == tagOf(hash, int(size)) && lo <= at.node && at.node < hi {
			if label := s.text[at.text : at.text+size]; endsIn(host, label) {
				return at.node, len(label), at.text + size
			}
		}
	}
}

// hash is of a label under node n. The product (by 2⁶⁴ divided by the golden ratio) keeps equal
// labels of different nodes apart. The seed is drawn for each set: without it, a client that
// knows the function could send origins whose labels all collide with a full run of slots.
func (s *Set) hash(n uint32, label []byte) uint64 {
	return maphash.Bytes(s.seed, label) ^ uint64(n)*0x9e3779b97f4a7c15
}

// index makes the hash table of the wide nodes' children: open addressing with linear probing,
// at least half of it free, so that an unsuccessful search reads two or three neighbouring
// slots. Children of narrow nodes are not in it; most sets of a few origins have no table at
// all.
func (s *Set) index() {
	wide := 0
	for n := range len(s.nodes) - 1 {
		if count := int(s.nodes[n+1].children - s.nodes[n].children); count > narrow {
			wide += count
		}
	}
	if wide == 0 {
		return
	}
	size := 1
	for size < 2*wide {
		size *= 2
	}
	s.slots = make([]slot, size)
	for n := range len(s.nodes) - 1 {
		lo, hi := s.nodes[n].children, s.nodes[n+1].children
		if hi-lo <= narrow {
			continue
		}
		for c := lo; c < hi; c++ {
			hash := s.hash(uint32(n), lastLabel(s.label(c)))
			i := hash & uint64(size-1)
			for s.slots[i].node != 0 {
				i = (i + 1) & uint64(size-1)
			}
			s.slots[i] = slot{tagOf(hash, len(s.label(c))), c, s.nodes[c].text}
		}
	}
}
