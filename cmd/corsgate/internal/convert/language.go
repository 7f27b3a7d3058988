package convert

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/matcher"
)

// This file compares sets of origins, each given by a regular expression. The rules are:
//
//   - a language is the program of a regular expression, run on all strings at once: a state is
//     a set of instructions;
//   - every question is whether a string exists that is in some languages and not in others; the search goes from
//     shorter strings to longer ones, so that an answer is a good example;
//   - strings are made of the bytes of origins; a search that grows too large has no answer,
//     which never counts as a proof.

// alphabet holds the bytes of origins, those first that make examples good to read.
const alphabet = ".xabcdefghijklmnopqrstuvwyz-:/0123456789_[]"

// Bounds of searching.
const (
	maxStates       = 20000
	maxInstructions = 2000 // of one program
	maxWork         = 20_000_000
)

// A budget is how many instructions may still be looked at: all searches about one expression
// share it, and it is spent within a second or two.
type budget int

// A language is a set of strings.
//
// It is not safe for concurrent use.
type language struct {
	prog   *syntax.Prog
	search bool // a string belongs to it if a part of it matches

	// Of closure: an instruction was seen in this round if its mark is round.
	marks        []uint32
	round        uint32
	stack, runes []uint32
}

// newLanguage returns the strings that expr matches, or of which it matches a part if search is
// set. flags are added to Perl's: what Go's package regexp cannot read is an error.
func newLanguage(expr string, flags syntax.Flags, search bool) (*language, error) {
	re, err := syntax.Parse(expr, syntax.Perl|flags)
	if err != nil {
		return nil, explainSyntax(err)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, explainSyntax(err)
	}
	if len(prog.Inst) > maxInstructions {
		return nil, errors.New("it is too large")
	}
	for _, inst := range prog.Inst {
		if inst.Op == syntax.InstEmptyWidth && syntax.EmptyOp(inst.Arg)&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0 {
			return nil, errors.New(`it holds \b or \B`)
		}
	}
	return &language{prog: prog, search: search, marks: make([]uint32, len(prog.Inst))}, nil
}

func explainSyntax(err error) error {
	if e := (*syntax.Error)(nil); errors.As(err, &e) {
		return fmt.Errorf("it contains %q, which is wrong or needs a backtracking matcher (%s)", e.Expr, e.Code)
	}
	return err
}

// mustLanguage is newLanguage for whole matches of expressions that are known to be valid.
func mustLanguage(expr string) *language {
	l, err := newLanguage(`^(?:`+expr+`)$`, 0, false)
	if err != nil {
		panic("BUG: " + expr + ": " + err.Error())
	}
	return l
}

// patternLanguage returns the origins that p matches, and a few further strings that are not origins.
func patternLanguage(p matcher.Pattern) *language {
	if p.Any() {
		return mustLanguage(`.*`)
	}
	if p.Null() {
		return mustLanguage(`null`)
	}
	if p.AnyHost() {
		return mustLanguage(regexp.QuoteMeta(p.Scheme()+"://") + `[^/]+`)
	}
	host := p.Host()
	expr := regexp.QuoteMeta(p.Scheme() + "://")
	if rest, ok := strings.CutPrefix(host, "*."); ok {
		expr, host = expr+`(?:[a-z0-9_-]+\.)+`, rest
	}
	if _, network := p.Network(); network {
		expr += `[0-9a-f.:\[\]]+`
	} else {
		expr += strings.ReplaceAll(regexp.QuoteMeta(host), `\*`, `[a-z0-9_-]+`)
	}
	switch {
	case p.AnyPort():
		expr += `(?::[0-9]+)?`
	case p.Port() != 0:
		expr += fmt.Sprintf(":%d", p.Port())
	}
	return mustLanguage(expr)
}

// A state is where all matches of a string may be: sorted instructions, before what takes no byte is followed.
type state []uint32

// closure follows what takes no byte, and reports whether a match may end here. runes is valid until the next call.
func (l *language) closure(s state, begin, end bool, left *budget) (runes []uint32, match bool) {
	l.round++
	stack := append(l.stack[:0], s...)
	runes = l.runes[:0]
	var at syntax.EmptyOp
	if begin {
		at |= syntax.EmptyBeginText | syntax.EmptyBeginLine
	}
	if end {
		at |= syntax.EmptyEndText | syntax.EmptyEndLine
	}
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if *left--; l.marks[pc] == l.round {
			continue
		}
		l.marks[pc] = l.round
		switch inst := &l.prog.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, inst.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^at == 0 {
				stack = append(stack, inst.Out)
			}
		case syntax.InstMatch:
			match = true
		case syntax.InstFail:
		default:
			runes = append(runes, pc)
		}
	}
	l.stack, l.runes = stack, runes
	return runes, match
}

// matched is the state of a search that has succeeded.
const matched = ^uint32(0)

func (l *language) start() state { return state{uint32(l.prog.Start)} }

// step returns the state after c.
func (l *language) step(s state, c byte, begin bool, left *budget) state {
	if len(s) > 0 && s[0] == matched {
		return s
	}
	runes, match := l.closure(s, begin, false, left)
	if match && l.search {
		return state{matched}
	}
	var next state
	for _, pc := range runes {
		if inst := &l.prog.Inst[pc]; inst.MatchRune(rune(c)) {
			next = append(next, inst.Out)
		}
	}
	if l.search {
		next = append(next, uint32(l.prog.Start)) // a match may begin here, too
	}
	slices.Sort(next)
	return slices.Compact(next)
}

// accepts reports whether a string that led to s is in l.
func (l *language) accepts(s state, begin bool, left *budget) bool {
	if len(s) > 0 && s[0] == matched {
		return true
	}
	_, match := l.closure(s, begin, true, left)
	return match
}

// witness returns a shortest string that is in every language of in and not in any of out. done
// is false if the search was given up.
func witness(in, out []*language, left *budget) (w string, found, done bool) {
	all := append(slices.Clone(in), out...)
	type node struct {
		states []state
		from   int
		c      byte
	}
	first := node{from: -1}
	for _, l := range all {
		first.states = append(first.states, l.start())
	}
	queue, seen := []node{first}, map[string]bool{}
	for i := 0; i < len(queue) && *left >= 0; i++ {
		ok := true
		for j, l := range all {
			ok = ok && l.accepts(queue[i].states[j], i == 0, left) == (j < len(in))
		}
		if ok {
			var text []byte
			for at := i; queue[at].from >= 0; at = queue[at].from {
				text = append(text, queue[at].c)
			}
			slices.Reverse(text)
			return string(text), true, true
		}
		for c := range len(alphabet) {
			next := node{from: i, c: alphabet[c]}
			dead := false
			for j, l := range all {
				s := l.step(queue[i].states[j], alphabet[c], i == 0, left)
				dead = dead || j < len(in) && len(s) == 0
				next.states = append(next.states, s)
			}
			if dead {
				continue
			}
			if k := key(next.states); !seen[k] {
				if len(seen) == maxStates || *left < 0 {
					return "", false, false
				}
				seen[k] = true
				queue = append(queue, next)
			}
		}
	}
	return "", false, *left >= 0
}

func key(states []state) string {
	var b bytes.Buffer
	for _, s := range states {
		for _, pc := range s {
			b.Write([]byte{byte(pc), byte(pc >> 8), byte(pc >> 16), byte(pc >> 24)})
		}
		b.WriteByte('|')
		b.WriteByte(byte(len(s)))
	}
	return b.String()
}
