// Package printable makes untrusted text safe for terminals and logs. It is internal to corsgate.
//
// Clients, upstreams and colleagues can put anything into text that operators read: a control sequence that clears the
// screen, a newline that forges a line, a mark that reverses the reading direction (see Unicode Technical Report 36). Such
// characters are written as escapes that JSON and TOML's basic strings decode to the same characters, so that programs lose no
// information.
package printable

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Line returns s in one line: what would act on a terminal is escaped, and so are line breaks and tabs.
func Line(s string) string {
	if plain(s, false) {
		return s
	}
	return string(appendEscaped(nil, s, false))
}

// Text returns s with its line breaks (LF and CRLF) and tabs as they are, and all else that would act on a terminal escaped.
func Text(s string) string {
	if plain(s, true) {
		return s
	}
	return string(appendEscaped(nil, s, true))
}

// JSON returns an encoded value of JSON, which may be one line of a log, in printable characters. It decodes to the same.
func JSON(b []byte) []byte {
	// Of what acts on a terminal JSON has already escaped what is below the space.
	if bytes.IndexFunc(b, func(r rune) bool { return r >= 0x7f }) < 0 {
		return b
	}
	return []byte(Text(strings.ToValidUTF8(string(b), `\ufffd`)))
}

// acts reports whether a terminal or a reader's eye may take r for something other than a character.
func acts(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r <= 0x9f: // C0, DEL, C1
		return true
	case r < 0x061c:
		return false
	case r == 0x061c, r == 0x200b, r == 0x200e, r == 0x200f: // marks of direction, and a space that is none
		return true
	case r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f: // separators, embeddings, overrides, isolates
		return true
	}
	return r == 0xfeff || r >= 0xfff9 && r <= 0xfffb // a byte order mark, annotations
}

// isLayout reports whether s begins with a tab or a line break.
func isLayout(s string) bool {
	return s[0] == '\n' || s[0] == '\t' || strings.HasPrefix(s, "\r\n")
}

func plain(s string, lines bool) bool {
	for i, r := range s {
		if acts(r) && !(lines && isLayout(s[i:])) {
			return false
		}
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		}
	}
	return true
}

func appendEscaped(dst []byte, s string, lines bool) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = fmt.Appendf(dst, `\x%02x`, s[0])
		case !acts(r) || lines && isLayout(s):
			dst = append(dst, s[:n]...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
		s = s[n:]
	}
	return dst
}

// A Writer passes text on to W as [Text] has it. Each Write must hold whole characters.
type Writer struct{ W io.Writer }

// Write is part of io.Writer.
func (w Writer) Write(p []byte) (int, error) {
	s := string(p)
	if plain(s, true) {
		return w.W.Write(p)
	}
	if _, err := io.WriteString(w.W, Text(s)); err != nil {
		return 0, err
	}
	return len(p), nil
}
