package config

import (
	"bytes"
	"strconv"
	"strings"
)

// This file finds the lines of keys and array elements, which the TOML library does not tell. The rules are:
//
//   - it reads any text, makes no complaint, and is only believed about text that the library accepted;
//   - a key is named by its dotted path; parts that are not bare keys are quoted, so that paths stay unambiguous;
//   - a table that is only implied by a longer name ([a.b.c] implies a.b) stands where it is first implied,
//     until its own header or key is met;
//   - keys inside an array of tables are filed under the path of the array; the first one counts;
//   - it stops where a bound is exceeded: the library's work grows with the square of the length of a name, and it
//     recurses without a bound.

const (
	// maxDepth bounds the nesting of arrays and inline tables.
	maxDepth = 32
	// maxParts bounds the parts of the full name of a key, with those of the tables around it. The longest names of
	// corsgate have six.
	maxParts = 10
	// maxName bounds the bytes of a full name.
	maxName = 256
)

// locator is one pass over a text.
type locator struct {
	places
	text    []byte
	i       int // the next byte
	line    int // of the next byte, from 1
	defined definitions
}

// A scope is a table that keys are read in.
type scope struct {
	path  string
	parts int   // of path
	table int32 // its number in definitions
}

// locate finds the places of all keys, headers and array elements in text. It accepts any text.
func locate(text []byte) *places {
	l := &locator{places: places{at: map[string]*place{}}, text: text, line: 1, defined: newDefinitions()}
	header := scope{}
	for l.skipSpace(); l.i < len(l.text) && !l.stopped(); l.skipSpace() {
		if l.text[l.i] != '[' {
			l.assignment(header, 0)
			continue
		}
		brackets := l.i
		for l.peek() == '[' {
			l.i++
		}
		array := l.i-brackets > 1
		var parts []string
		line := l.line
		header, parts = l.keys(scope{})
		header.table = l.defined.header(parts, array, line)
		l.skipLine()
	}
	l.twice = l.defined.first
	return &l.places
}

// assignment reads "a.b = value" in a table.
func (l *locator) assignment(in scope, depth int) {
	start, line := l.i, l.line
	at, parts := l.keys(in)
	if l.peek() == '=' {
		l.i++
		at.table = l.defined.assign(in.table, parts, line)
		l.value(at, depth)
	}
	if l.i == start { // Not TOML: continue at a later place.
		l.advance()
	}
}

// keys reads a dotted key in a table and notes a place for each of its parts. It returns the
// place that it leads to, and the parts.
func (l *locator) keys(in scope) (at scope, parts []string) {
	for at = in; ; {
		l.skipBlanks()
		line := l.line
		key, ok := l.simpleKey()
		if !ok {
			return at, parts
		}
		if at.parts++; at.parts > maxParts {
			l.stop(line, faultf("the name of a key has more than %d parts", maxParts))
			return at, parts
		}
		if len(key) > maxName || len(at.path)+len(key) > maxName {
			l.stop(line, faultf("the name of a key, including its tables, has more than %d bytes", maxName))
			return at, parts
		}
		at.path, parts = joinKey(at.path, key), append(parts, key)
		l.skipBlanks()
		last := l.peek() != '.'
		l.note(at.path, line, last)
		if last {
			return at, parts
		}
		l.i++
	}
}

// stop ends the pass at a bound.
func (l *locator) stop(line int, f fault) {
	if !l.stopped() {
		l.over = lineFault{line, f}
	}
	l.i = len(l.text)
}

func (l *locator) stopped() bool { return l.over.line > 0 }

// note files a mention of path.
func (l *locator) note(path string, line int, explicit bool) {
	at := l.at[path]
	if at == nil {
		l.at[path] = &place{line: line, order: len(l.at), explicit: explicit}
	} else if explicit && !at.explicit {
		at.line, at.explicit = line, true
	}
}

// simpleKey reads one part of a dotted key: bare or quoted.
func (l *locator) simpleKey() (string, bool) {
	start := l.i
	switch l.peek() {
	case '"':
		l.str()
		quoted := string(l.text[start:l.i])
		if key, err := strconv.Unquote(quoted); err == nil {
			return key, true
		}
		return strings.Trim(quoted, `"`), true
	case '\'':
		l.str()
		return strings.Trim(string(l.text[start:l.i]), "'"), true
	}
	for l.i < len(l.text) && isNameByte(l.text[l.i]) {
		l.i++
	}
	return string(l.text[start:l.i]), l.i > start
}

// value reads the value of the key at a place.
func (l *locator) value(at scope, depth int) {
	if depth > maxDepth {
		l.stop(l.line, faultf("values are nested more than %d deep", maxDepth))
	}
	l.skipBlanks()
	switch l.peek() {
	case '"', '\'':
		l.str()
	case '[':
		l.array(at, depth)
	case '{':
		l.i++
		at.table = l.defined.inline()
		for l.skipSpace(); l.i < len(l.text) && l.peek() != '}'; l.skipSpace() {
			if l.peek() == ',' {
				l.i++
				continue
			}
			l.assignment(at, depth+1)
		}
		l.advance()
	default:
		for l.i < len(l.text) && strings.IndexByte(",]}#\n", l.text[l.i]) < 0 {
			l.i++
		}
	}
}

// array reads an array from its bracket on and notes the line of each element of an outermost array.
func (l *locator) array(at scope, depth int) {
	l.i++
	var elements []int
	for l.skipSpace(); l.i < len(l.text) && l.peek() != ']'; l.skipSpace() {
		if l.peek() == ',' {
			l.i++
			continue
		}
		elements = append(elements, l.line)
		start := l.i
		l.value(at, depth+1)
		if l.i == start { // Not TOML: continue at a later place.
			l.advance()
		}
	}
	l.advance()
	if p := l.at[at.path]; depth == 0 && p != nil && p.elements == nil {
		p.elements = elements
	}
}

// str skips a string of any of the four kinds, from its quote on.
func (l *locator) str() {
	quote := l.text[l.i]
	triple := []byte{quote, quote, quote}
	if !bytes.HasPrefix(l.text[l.i:], triple) {
		for l.i++; l.i < len(l.text) && l.text[l.i] != quote && l.text[l.i] != '\n'; l.i++ {
			if l.text[l.i] == '\\' && quote == '"' && l.i+1 < len(l.text) && l.text[l.i+1] != '\n' {
				l.i++
			}
		}
		if l.peek() == quote {
			l.i++
		}
		return
	}
	for l.i += 3; l.i < len(l.text) && !bytes.HasPrefix(l.text[l.i:], triple); l.advance() {
		if l.text[l.i] == '\\' && quote == '"' {
			l.advance()
		}
	}
	// Up to two quotes may belong to the string itself: """x""""" ends in five.
	for n := 0; n < 5 && l.peek() == quote; n++ {
		l.i++
	}
}

// peek returns the next byte, or 0 at the end.
func (l *locator) peek() byte {
	if l.i < len(l.text) {
		return l.text[l.i]
	}
	return 0
}

// advance skips one byte, if there is one, and counts lines.
func (l *locator) advance() {
	if l.i < len(l.text) {
		if l.text[l.i] == '\n' {
			l.line++
		}
		l.i++
	}
}

// skipBlanks skips blanks within a line.
func (l *locator) skipBlanks() {
	for l.peek() == ' ' || l.peek() == '\t' {
		l.i++
	}
}

// skipLine skips the rest of the line, but not its end.
func (l *locator) skipLine() {
	for l.i < len(l.text) && l.text[l.i] != '\n' {
		l.i++
	}
}

// skipSpace skips blanks, line ends and comments.
func (l *locator) skipSpace() {
	for l.i < len(l.text) {
		switch l.text[l.i] {
		case '#':
			l.skipLine()
		case ' ', '\t', '\r', '\n':
			l.advance()
		default:
			return
		}
	}
}
