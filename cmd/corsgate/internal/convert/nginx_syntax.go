package convert

import (
	"fmt"
	"strings"
)

// This file reads the syntax of nginx's configuration: directives of words that end in ';' or in a block.

// A directive is one of nginx's, with its block if it has one.
type directive struct {
	line  int
	words []string
	bare  []bool // of each word: not quoted
	block []*directive
}

func (d *directive) name() string { return d.words[0] }

// arg returns an argument, or "".
func (d *directive) arg(i int) string {
	if i < len(d.words) {
		return d.words[i]
	}
	return ""
}

// maxBlocks bounds how deep blocks stand in blocks.
const maxBlocks = 50

// An nginxReader is one pass over a text.
type nginxReader struct {
	text string
	i    int
	line int
}

func parseNginx(text string) ([]*directive, error) {
	r := &nginxReader{text: text, line: 1}
	return r.directives(0)
}

// directives reads to the end of a block, or at depth 0 to the end of the text.
func (r *nginxReader) directives(depth int) (list []*directive, err error) {
	opened := r.line
	if depth > maxBlocks {
		return nil, &lineError{r.line, "blocks are nested too deeply"}
	}
	d := &directive{}
	for {
		r.skip()
		if r.i == len(r.text) {
			switch {
			case len(d.words) > 0:
				return nil, &lineError{d.line, fmt.Sprintf("%q has no ';' at its end", d.name())}
			case depth > 0:
				return nil, &lineError{opened, "the block that begins here is not closed"}
			}
			return list, nil
		}
		switch c := r.text[r.i]; c {
		case ';', '{':
			r.i++
			if len(d.words) == 0 {
				return nil, &lineError{r.line, fmt.Sprintf("%q where a directive is expected", string(c))}
			}
			if c == '{' {
				if d.block, err = r.directives(depth + 1); err != nil {
					return nil, err
				}
			}
			list, d = append(list, d), &directive{}
		case '}':
			r.i++
			if depth == 0 || len(d.words) > 0 {
				return nil, &lineError{r.line, "unexpected '}'"}
			}
			return list, nil
		default:
			if d.line == 0 {
				d.line = r.line
			}
			word, bare, err := r.word()
			if err != nil {
				return nil, err
			}
			d.words, d.bare = append(d.words, word), append(d.bare, bare)
		}
	}
}

// skip skips blanks and comments.
func (r *nginxReader) skip() {
	for r.i < len(r.text) {
		switch c := r.text[r.i]; {
		case c == '#':
			for r.i < len(r.text) && r.text[r.i] != '\n' {
				r.i++
			}
		case c == '\n':
			r.line++
			r.i++
		case c == ' ' || c == '\t' || c == '\r':
			r.i++
		default:
			return
		}
	}
}

// word reads a word; in quotes it may contain anything. "${name}" is not a block.
func (r *nginxReader) word() (word string, bare bool, err error) {
	if q := r.text[r.i]; q == '"' || q == '\'' {
		return r.quoted(q)
	}
	start := r.i
	for r.i < len(r.text) {
		switch c := r.text[r.i]; {
		case c == '\\' && r.i+1 < len(r.text) && r.text[r.i+1] != '\n':
			r.i += 2
			continue
		case c == '$' && strings.HasPrefix(r.text[r.i:], "${"):
			if end := strings.IndexAny(r.text[r.i:], "}\n"); end > 0 && r.text[r.i+end] == '}' {
				r.i += end + 1
				continue
			}
		case strings.IndexByte(" \t\r\n;{}", c) >= 0:
			return r.text[start:r.i], true, nil
		}
		r.i++
	}
	return r.text[start:], true, nil
}

func (r *nginxReader) quoted(q byte) (string, bool, error) {
	opened := r.line
	var b strings.Builder
	for r.i++; r.i < len(r.text); r.i++ {
		switch c := r.text[r.i]; {
		case c == q:
			r.i++
			return b.String(), false, nil
		case c == '\\' && r.i+1 < len(r.text):
			// nginx takes the backslash off quotes and itself only before them: of an expression it stays.
			if next := r.text[r.i+1]; next != q {
				b.WriteByte(c)
			}
			r.i++
			b.WriteByte(r.text[r.i])
		default:
			b.WriteByte(c)
		}
		if r.i < len(r.text) && r.text[r.i] == '\n' {
			r.line++
		}
	}
	return "", false, &lineError{opened, "a quote is not closed"}
}
