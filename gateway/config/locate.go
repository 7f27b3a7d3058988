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
//     until a header or key of its own is met;
//   - keys inside an array of tables are filed under the path of the array; the first one counts.

// maxDepth bounds the nesting of arrays and inline tables. The TOML library recurses without a bound.
const maxDepth = 32

// locator is one pass over a text.
type locator struct {
	places
	text []byte
	i    int // the next byte
	line int // of the next byte, from 1
}

// locate finds the places of all keys, headers and array elements in text. It accepts any text.
func locate(text []byte) *places {
	l := &locator{places: places{at: map[string]*place{}}, text: text, line: 1}
	header := ""
	for l.skipSpace(); l.i < len(l.text) && l.tooDeep == 0; l.skipSpace() {
		if l.text[l.i] != '[' {
			l.assignment(header, 0)
			continue
		}
		for l.peek() == '[' {
			l.i++
		}
		header = l.keys("")
		l.skipLine()
	}
	return &l.places
}

// assignment reads "a.b = value" in the table at path.
func (l *locator) assignment(path string, depth int) {
	start := l.i
	path = l.keys(path)
	if l.peek() == '=' {
		l.i++
		l.value(path, depth)
	}
	if l.i == start { // Not TOML: go on somewhere.
		l.advance()
	}
}

// keys reads a dotted key in the table at path and notes a place for each of its parts. It returns the whole path.
func (l *locator) keys(path string) string {
	for {
		l.skipBlanks()
		line := l.line
		key, ok := l.simpleKey()
		if !ok {
			return path
		}
		path = joinKey(path, key)
		l.skipBlanks()
		last := l.peek() != '.'
		l.note(path, line, last)
		if last {
			return path
		}
		l.i++
	}
}

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

// value reads the value of the key at path.
func (l *locator) value(path string, depth int) {
	if depth > maxDepth && l.tooDeep == 0 {
		l.tooDeep = l.line
		l.i = len(l.text)
	}
	l.skipBlanks()
	switch l.peek() {
	case '"', '\'':
		l.str()
	case '[':
		l.array(path, depth)
	case '{':
		l.i++
		for l.skipSpace(); l.i < len(l.text) && l.peek() != '}'; l.skipSpace() {
			if l.peek() == ',' {
				l.i++
				continue
			}
			l.assignment(path, depth+1)
		}
		l.advance()
	default:
		for l.i < len(l.text) && !bytes.ContainsRune([]byte(",]}#\n"), rune(l.text[l.i])) {
			l.i++
		}
	}
}

// array reads an array from its bracket on and notes the line of each element of an outermost array.
func (l *locator) array(path string, depth int) {
	l.i++
	var elements []int
	for l.skipSpace(); l.i < len(l.text) && l.peek() != ']'; l.skipSpace() {
		if l.peek() == ',' {
			l.i++
			continue
		}
		elements = append(elements, l.line)
		start := l.i
		l.value(path, depth+1)
		if l.i == start { // Not TOML: go on somewhere.
			l.advance()
		}
	}
	l.advance()
	if at := l.at[path]; depth == 0 && at != nil && at.elements == nil {
		at.elements = elements
	}
}

// str skips a string of any of the four kinds, from its quote on.
func (l *locator) str() {
	quote := l.text[l.i]
	triple := bytes.Repeat([]byte{quote}, 3)
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
