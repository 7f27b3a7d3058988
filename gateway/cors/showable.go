package cors

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file decides which lines of a file of origins a message may show. Otherwise, a user who can
// name such a file, or replace it, could read any file that the gateway can read: a key, a list of
// passwords, an environment. The rules are:
//
//   - a line is shown if it is like an origin: a scheme, "://" and a host that has no more than
//     253 bytes, of labels that have no more than 63, perhaps with a port of digits; upper case
//     and letters beyond ASCII are mistakes that people make;
//   - the text after the host is cut off: paths and queries are where webhooks and feeds keep
//     their secrets;
//   - a line with an "@" is not shown: a user, and perhaps a password, precede that.

// cut stands for the omitted text.
const cut = "…"

// showable returns the part of a line that may be shown, and whether any may. like is a line
// with the same mistake, in which only that part is replaced, so that the parser's message
// about it contains nothing else:
//
//	line                                  shown                      like
//	https://App.example.com/hook?k=SECRET   https://App.example.com…   https://App.example.com/x
//	https://bob:pw@example.com              nothing
//	-----BEGIN PRIVATE KEY-----             nothing: no "://"
func showable(line string) (shown, like string, ok bool) {
	scheme, rest, found := strings.Cut(line, "://")
	if !found || strings.Contains(line, "@") || !schemeLike(scheme) {
		return "", "", false
	}
	host, tail, also := rest, "", ""
	if end := strings.IndexAny(rest, "/?#\\"); end >= 0 {
		host, tail, also = rest[:end], cut, rest[end:end+1]+"x"
		if rest[end:] == "/" {
			tail, also = "/", "/"
		}
	}
	if !hostLike(host) {
		return "", "", false
	}
	return scheme + "://" + host + tail, scheme + "://" + host + also, true
}

// schemeLike reports whether s looks like a scheme, in any case. It is bounded, so that a long
// secret before a "://" cannot pass as one.
func schemeLike(s string) bool {
	for i := range len(s) {
		letter := 'a' <= s[i]|0x20 && s[i]|0x20 <= 'z'
		if !letter && (i == 0 || !strings.Contains("0123456789+-.", s[i:i+1])) {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// hostLike reports whether s is like a host, or a host and a port.
func hostLike(s string) bool {
	name := s
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		port := s[i+1:]
		if name = s[:i]; len(port) > 6 || port != "*" && strings.Trim(port, "0123456789") != "" {
			return false
		}
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && len(inner) <= 45 && strings.Trim(inner, "0123456789abcdefABCDEF:./*") == ""
	}
	if name == "" || len(s) > 253 || !utf8.ValidString(s) {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && r != '*' && !unicode.IsLetter(r) && !unicode.IsMark(r) && (r < '0' || r > '9')
		}) {
			return false
		}
	}
	return true
}
