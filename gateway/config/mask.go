package config

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file keeps secrets out of messages and pages. A secret is the value of a reference, see
// given.go; a value that is set by hand for fields such as Authorization; and what stands
// before "@" in a URL.

// Masked stands for a secret that is written in the configuration itself.
const Masked = "***"

// Shown returns what may be shown of the value at a path, whose arrays have an index such as in
// "cors.app.origins[2]", and true, or false if it may be shown as it is.
func (c *Config) Shown(path, value string) (string, bool) {
	if g, ok := c.given[path]; ok && len(g.secrets) > 0 && !g.byHand {
		return withoutUserinfo(g.written), true
	}
	if parent, name, ok := cutLast(path); ok && value != "" && strings.HasSuffix(parent, "_headers") && Secret(name) {
		return Masked, true
	}
	hidden := withoutUserinfo(value)
	return hidden, hidden != value
}

// Join appends a key to the path of its table, as [Config.Shown] wants it.
func Join(path, key string) string { return joinKey(path, key) }

// Element appends the index of an element to the path of its array.
func Element(path string, i int) string { return element(path, i) }

// cutLast splits a path before its last key.
func cutLast(path string) (parent, name string, ok bool) {
	if strings.HasSuffix(path, `"`) {
		for i := range len(path) {
			if path[i] == '"' && i > 0 && path[i-1] == '.' {
				if name, err := strconv.Unquote(path[i:]); err == nil {
					return path[:i-1], name, true
				}
			}
		}
		return "", "", false
	}
	dot := strings.LastIndexByte(path, '.')
	if dot < 0 {
		return "", "", false
	}
	return path[:dot], path[dot+1:], true
}

// Secret reports whether a header field of that name holds a secret.
func Secret(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	switch name {
	case "cookie", "set-cookie":
		return true
	}
	last := name[strings.LastIndexByte(name, '-')+1:]
	return slices.Contains([]string{"authorization", "key", "apikey", "token", "secret", "password", "credential", "credentials", "signature", "auth"}, last)
}

// userinfo is what stands before a host: "user:password@", or "token@" behind "://".
var userinfo = regexp.MustCompile(`(://)(?:[^\s"]|\\")*@|([^\s"'/:@]+):[^\s"'/]+@`)

// passwordOf returns the password, or token, that stands before an "@" in a URL or an address, or "".
func passwordOf(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 0 || strings.HasPrefix(s, "mailto:") {
		return ""
	}
	before := s[:at]
	_, behind, url := strings.Cut(before, "://")
	if url {
		before = behind
	}
	if _, password, ok := strings.Cut(before, ":"); ok {
		return password
	}
	if url {
		return before
	}
	return ""
}

func withoutUserinfo(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	return userinfo.ReplaceAllStringFunc(text, func(found string) string {
		switch {
		case strings.HasPrefix(found, "://"):
			return "://" + Masked + "@"
		case strings.HasPrefix(found, "mailto:"):
			return found
		}
		return Masked + "@"
	})
}

// mask returns a problem without secrets. key and index are those of its place.
func (c *Config) mask(p Problem, index int) Problem {
	if p.Message == "" && p.Hint == "" { // only the place is asked for
		return p
	}
	p.Message, p.Hint = withoutUserinfo(p.Message), withoutUserinfo(p.Hint)
	for _, s := range c.secrets() {
		p.Message, p.Hint = s.hide(p.Message), s.hide(p.Hint)
	}
	path := p.Key
	if index >= 0 {
		path = element(path, index)
	}
	for at, g := range c.given {
		if below, ok := strings.CutPrefix(at, path); !ok || below != "" && below[0] != '[' && below[0] != '.' {
			continue
		}
		for _, s := range g.secrets {
			if g.byHand {
				p.Message = s.hide(p.Message)
			}
			switch {
			case !s.traces(p.Message):
			case g.byHand:
				p.Message = "a value with a password cannot be used here"
			default:
				p.Message = "what " + s.reference + " stands for cannot be used here"
			}
			if s.traces(p.Hint) {
				p.Hint = ""
			}
		}
	}
	return p
}

// secrets returns what all references stand for, the longest first, and each once.
func (c *Config) secrets() []secret {
	if c.resolved {
		return c.hidden
	}
	var list []secret
	for _, g := range c.given {
		if !g.byHand {
			list = append(list, g.secrets...)
		}
	}
	slices.SortFunc(list, func(a, b secret) int {
		if d := len(b.content) - len(a.content); d != 0 {
			return d
		}
		return cmp.Or(strings.Compare(a.content, b.content), strings.Compare(a.reference, b.reference))
	})
	return slices.CompactFunc(list, func(a, b secret) bool { return a.content == b.content })
}

// hide returns a text in which each value is replaced by its reference. A value of fewer than
// four bytes is hidden only where it stands in quotes alone: it may be a part of any word.
func (s secret) hide(text string) string {
	text = strings.ReplaceAll(text, strconv.Quote(s.content), `"`+s.reference+`"`)
	if len(s.content) >= 4 {
		quoted := strconv.Quote(s.content)
		text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], s.reference)
		text = strings.ReplaceAll(text, s.content, s.reference)
	}
	return text
}

// traces reports whether four bytes in a row of the secret are in a text, or all of it if it is shorter, in any case.
func (s secret) traces(text string) bool {
	text = strings.ToLower(strings.ReplaceAll(text, s.reference, ""))
	content := strings.ToLower(s.content)
	n := min(4, len(content))
	for i := 0; n > 0 && i+n <= len(content); i++ {
		if strings.Contains(text, content[i:i+n]) {
			return true
		}
	}
	return false
}

// Hide returns a text, such as a field of a response, in which references stand for what they stand for.
func (c *Config) Hide(text string) string {
	for _, s := range c.secrets() {
		text = s.hide(text)
	}
	return withoutUserinfo(text)
}
