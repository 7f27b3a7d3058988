package token

import (
	"bytes"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
)

// Claims are what a token says. A name that is there twice is a mistake: others may read another one. See RFC 7519, section 4.
type Claims map[string]any

// parseClaims reads a JSON object. Numbers keep their digits.
func parseClaims(text []byte) (Claims, bool) {
	if !utf8.Valid(text) { // it would be read as other text than it is; see RFC 8725, section 3.7
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.SetNumberType(json.UnmarshalJSONNumber)
	var v any
	if d.Decode(&v) != nil {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false // something follows
	}
	c, ok := v.(map[string]any)
	return c, ok
}

// Get returns a claim: the one of that name, or else, where the name has dots, what they lead to.
func (c Claims) Get(name string) any {
	if v, ok := c[name]; ok {
		return v
	}
	first, rest, dotted := strings.Cut(name, ".")
	if inner, ok := c[first].(map[string]any); ok && dotted {
		return Claims(inner).Get(rest)
	}
	return nil
}

// Text returns a claim that is a text, a number or a boolean, as a field holds it, or "".
func (c Claims) Text(name string) string { return textOf(c.Get(name)) }

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		if fits(v) {
			return v
		}
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return ""
}

// fits reports whether a text can be the value of a field: visible, without blanks at its ends, no control characters.
func fits(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return strings.Trim(s, " ") == s
}

// has reports whether a claim has one of some values. A value of scope is one of its words (RFC 6749, section 3.3).
func (c Claims) has(name string, values []string) bool {
	v := c.Get(name)
	if list, ok := v.([]any); ok {
		return slices.ContainsFunc(list, func(e any) bool { return isOne(e, values) })
	}
	if s, ok := v.(string); ok && name == "scope" {
		return slices.ContainsFunc(strings.Split(s, " "), func(word string) bool { return slices.Contains(values, word) })
	}
	return isOne(v, values)
}

func isOne(v any, values []string) bool {
	if s, ok := v.(string); ok {
		return slices.Contains(values, s)
	}
	s := textOf(v)
	return s != "" && slices.Contains(values, s)
}

// audience returns the elements of aud, which is a text or a list of texts. See RFC 7519, section 4.1.3.
func (c Claims) audience() (list []string, ok bool) {
	switch v := c["aud"].(type) {
	case string:
		return []string{v}, true
	case []any:
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, false
			}
			list = append(list, s)
		}
	}
	return list, len(list) > 0
}

// date returns a claim that is a NumericDate. there reports that there is such a claim, ok that it is a date.
func (c Claims) date(name string) (t time.Time, there, ok bool) {
	v, there := c[name]
	if !there {
		return t, false, true
	}
	n, number := v.(json.Number)
	if !number {
		return t, true, false
	}
	f, err := n.Float64()
	if err != nil || math.IsNaN(f) || f < 0 || f > 1<<40 {
		return t, true, false
	}
	seconds, part := math.Modf(f)
	return time.Unix(int64(seconds), int64(part*1e9)), true, true
}
