package route

import "bytes"

// None is the group of rules that speak for no request but those they take.
const None = 0

// mixed stands for rules of several groups.
const mixed = -1

// join returns the group of two sets of rules together. Those without a group have no say.
func join(a, b int) int {
	switch {
	case a == None || a == b:
		return b
	case b == None:
		return a
	}
	return mixed
}

// settle notes for n and all below it which group their rules share.
func (n *node) settle(rules []Rule) {
	if n.settled {
		return // by its other spelling
	}
	n.settled = true
	n.own, n.below = None, None
	for _, e := range n.entries {
		n.own = join(n.own, rules[e.rule].Group)
	}
	n.below = n.own
	n.folded = map[string]bool{}
	for segment, child := range n.children {
		n.folded[string(bytes.ToLower([]byte(segment)))] = true
		child.settle(rules)
		n.below = join(n.below, child.below)
	}
}

// Nearest returns the group of the rules that are nearest to a request which none takes, or None if there are none, they have
// no group, or they are of several groups.
//
// Nearest are the rules of the longest prefix of the path, by the order of hosts that Find has. If
// the host has no rule for a prefix of the path, they are those that have the most segments in
// common with it: all rules of the host if the first segment is in none of them. A path whose next
// segment differs from a rule's only in case is near to none: what is answered must not look as if
// the rule had taken it. An empty path is one that is not known: nearest are then all rules for the
// host. Nothing is kept.
func (t *Table) Nearest(host, path []byte) int {
	var buf [256]byte
	name := canonicalHost(buf[:0], host)
	known := len(path) > 0 && path[0] == '/'
	near, first := None, true
	try := func(n *node) (found bool) {
		switch {
		case n == nil:
			return false
		case !known:
			near = join(near, n.below)
			return false
		}
		group, found := n.nearest(path)
		if found || first {
			near, first = group, false
		}
		return found
	}
	if !try(t.exact[string(name)]) && !t.trySuffixes(name, try) {
		try(t.any)
	}
	return max(near, None)
}

// trySuffixes tries the nodes of the wildcards that match a host, the longest first, until one is found.
func (t *Table) trySuffixes(name []byte, try func(*node) bool) bool {
	if len(t.suffixes) > 0 {
		for i, b := range name {
			if b == '.' && i > 0 && try(t.suffixes[string(name[i:])]) {
				return true
			}
		}
	}
	return false
}

// nearest is Nearest below one pattern of hosts. It reports whether there is a rule for a prefix of path.
func (n *node) nearest(path []byte) (group int, found bool) {
	group, found = n.own, len(n.entries) > 0
	for len(path) > 0 && path[0] == '/' {
		path = path[1:]
		end := bytes.IndexByte(path, '/')
		if end < 0 {
			end = len(path)
		}
		child := n.children[string(path[:end])]
		if child == nil {
			if !found && n.respelt(path[:end]) {
				return None, false
			}
			break
		}
		n, path = child, path[end:]
		if len(n.entries) > 0 {
			group, found = n.own, true
		}
	}
	if !found {
		group = n.below
	}
	return group, found
}

// respelt reports whether a segment differs from one below n only in the case of ASCII letters.
func (n *node) respelt(segment []byte) bool {
	return n.folded[string(bytes.ToLower(segment))]
}
