package convert

import (
	"strings"
)

// This file reads the few values of JavaScript that options are written with: strings, numbers,
// true and false, arrays, objects and regular expressions. Whatever else stands there is kept
// as the text that it is.

// The values of JavaScript.
type (
	jsString string
	jsRegex  struct{ expr, flags string }
	jsArray  []any
	jsObject map[string]any
	jsOther  string // source text: names, calls, numbers, true, …
)

// maxNesting bounds how deep values stand in values.
const maxNesting = 30

// A jsReader is one pass over a text.
type jsReader struct {
	text string
	i    int
}

// skip skips blanks and comments.
func (r *jsReader) skip() {
	for r.i < len(r.text) {
		rest := r.text[r.i:]
		switch {
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			r.i += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest, "*/")
			if end < 0 {
				r.i = len(r.text)
				return
			}
			r.i += end + 2
		case strings.IndexByte(" \t\r\n\v\f", rest[0]) >= 0:
			r.i++
		default:
			return
		}
	}
}

func (r *jsReader) peek() byte {
	if r.i < len(r.text) {
		return r.text[r.i]
	}
	return 0
}

// value reads one value, to the comma or bracket that ends it. It returns false if there is no value.
func (r *jsReader) value(depth int) (any, bool) {
	r.skip()
	start := r.i
	var v any
	switch c := r.peek(); {
	case c == 0 || depth > maxNesting:
		return nil, false
	case c == '\'' || c == '"' || c == '`':
		s, ok := r.str()
		if !ok {
			return nil, false
		}
		v = jsString(s)
		if c == '`' && strings.Contains(s, "${") {
			v = jsOther(r.text[start:r.i])
		}
	case c == '/':
		v = r.regex()
	case c == '[':
		v = r.array(depth)
	case c == '{':
		v = r.object(depth)
	}
	r.skip()
	// Something follows the value, or it is of another kind: all of it is kept as text.
	if c := r.peek(); v == nil || c != ',' && c != ']' && c != '}' && c != ')' && c != ';' && c != 0 {
		next := r.i
		if v != nil && (c == '\n' || isStatement(r.text[next:])) {
			return v, true
		}
		r.i = start
		if r.expression(); r.i == start {
			return nil, false
		}
		return jsOther(strings.TrimSpace(r.text[start:r.i])), true
	}
	return v, true
}

// isStatement reports whether a new statement begins: semicolons are optional in JavaScript.
func isStatement(s string) bool {
	for _, word := range []string{"const ", "let ", "var ", "app.", "module.", "export ", "import ", "function ", "server."} {
		if strings.HasPrefix(s, word) {
			return true
		}
	}
	return false
}

// str reads a string from its quote on.
func (r *jsReader) str() (string, bool) {
	quote := r.text[r.i]
	var b strings.Builder
	for r.i++; r.i < len(r.text); r.i++ {
		switch c := r.text[r.i]; {
		case c == quote:
			r.i++
			return b.String(), true
		case c == '\\' && r.i+1 < len(r.text):
			r.i++
			b.WriteByte(r.text[r.i])
		case c == '\n' && quote != '`':
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// regex reads a regular expression from its slash on, or nothing.
func (r *jsReader) regex() any {
	start, class := r.i, false
	for i := r.i + 1; i < len(r.text) && r.text[i] != '\n'; i++ {
		switch c := r.text[i]; {
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			end := i + 1
			for end < len(r.text) && r.text[end] >= 'a' && r.text[end] <= 'z' {
				end++
			}
			r.i = end
			return jsRegex{r.text[start+1 : i], r.text[i+1 : end]}
		}
	}
	return nil
}

// array reads an array from its bracket on, or nothing.
func (r *jsReader) array(depth int) any {
	list := jsArray{}
	for r.i++; ; {
		r.skip()
		switch r.peek() {
		case ']':
			r.i++
			return list
		case ',':
			r.i++
			continue
		}
		v, ok := r.value(depth + 1)
		if !ok {
			return nil
		}
		list = append(list, v)
	}
}

// object reads an object from its brace on, or nothing. "name(…) {…}" and "name" alone are values as they stand.
func (r *jsReader) object(depth int) any {
	m := jsObject{}
	for r.i++; ; {
		r.skip()
		switch r.peek() {
		case '}':
			r.i++
			return m
		case ',':
			r.i++
			continue
		}
		key, ok := r.key()
		if !ok {
			return nil
		}
		r.skip()
		if r.peek() != ':' {
			start := r.i
			r.expression()
			m[key] = jsOther(strings.TrimSpace(key + " " + r.text[start:r.i]))
			continue
		}
		r.i++
		v, ok := r.value(depth + 1)
		if !ok {
			return nil
		}
		m[key] = v
	}
}

// key reads a key of an object, or "..." and the spread value.
func (r *jsReader) key() (string, bool) {
	if c := r.peek(); c == '\'' || c == '"' {
		return r.str()
	}
	start := r.i
	for r.i < len(r.text) && (isWord(r.text[r.i]) || r.text[r.i] == '.') {
		r.i++
	}
	return r.text[start:r.i], r.i > start
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// expression skips to the end of an expression: a comma, semicolon or closing bracket that it did not open.
func (r *jsReader) expression() {
	depth := 0
	for r.i < len(r.text) {
		r.skip()
		switch c := r.peek(); c {
		case 0:
			return
		case '\'', '"', '`':
			if _, ok := r.str(); !ok {
				r.i = len(r.text)
			}
			continue
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth == 0 {
				return
			}
			depth--
		case ',', ';':
			if depth == 0 {
				return
			}
		}
		r.i++
	}
}
