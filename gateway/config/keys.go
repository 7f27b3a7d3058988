package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file reads the values of keys.

// str returns any string.
func (t *table) str(key, def string) string {
	if s, ok := lookup[string](t, key, "a string"); ok {
		return s
	}
	return def
}

// boolean returns true or false.
func (t *table) boolean(key string, def bool) bool {
	if b, ok := lookup[bool](t, key, "true or false"); ok {
		return b
	}
	return def
}

// integer returns an integer from low to high.
func (t *table) integer(key string, def, low, high int) int {
	n, ok := lookup[int64](t, key, "an integer")
	if !ok {
		return def
	}
	if n < int64(low) || n > int64(high) {
		t.problem(key, fault{message: fmt.Sprintf("%d is out of range: %d to %d", n, low, high)})
		return def
	}
	return int(n)
}

// oneOf returns one of choices, the first of which is the default.
func (t *table) oneOf(key string, choices ...string) string {
	return scalar(t, key, choices[0], func(s string) (string, fault) { return s, notOneOf(s, choices) })
}

// notOneOf is the fault of an s that is not among choices.
func notOneOf(s string, choices []string) fault {
	if slices.Contains(choices, s) {
		return fault{}
	}
	return fault{fmt.Sprintf("%q is not one of %s", s, quoted(choices)), didYouMean("%q", s, choices)}
}

// maxQuoted bounds the words that a message lists.
const maxQuoted = 20

// quoted lists words in quotes.
func quoted(words []string) string {
	q := make([]string, 0, maxQuoted+1)
	for i, w := range words {
		if i == maxQuoted {
			q = append(q, fmt.Sprintf("and %d more", len(words)-i))
			break
		}
		q = append(q, fmt.Sprintf("%q", w))
	}
	return strings.Join(q, ", ")
}

// duration returns a duration of zero or more.
func (t *table) duration(key string, def time.Duration) time.Duration {
	d, _ := t.optionalDuration(key, def)
	return d
}

// positive returns a duration of more than zero.
func (t *table) positive(key string, def time.Duration) time.Duration {
	d, ok := t.optionalDuration(key, def)
	if ok && d == 0 {
		t.problem(key, fault{message: "must be more than 0s: this bound cannot be disabled"})
		return def
	}
	return d
}

// optionalDuration returns the duration of key and true, or def and false if the key is not set.
func (t *table) optionalDuration(key string, def time.Duration) (time.Duration, bool) {
	if n, ok := t.values[key].(int64); ok {
		t.known = append(t.known, key)
		f := fault{fmt.Sprintf("%d has no unit", n), fmt.Sprintf(`write "%ds" for seconds, "%dms" for milliseconds`, n, n)}
		if n < 0 {
			f = faultf("%d is negative", n)
		}
		t.problem(key, f)
		return def, false
	}
	s, ok := lookup[string](t, key, `a string such as "250ms"`)
	if !ok {
		return def, false
	}
	d, f := parseDuration(s)
	if f.message != "" {
		t.problem(key, f)
		return def, false
	}
	return d, true
}

// size returns a size from low to high: a string such as "16KiB" or an integer of bytes.
func (t *table) size(key string, def, low, high ByteSize) ByteSize {
	value, ok := lookup[any](t, key, "a size")
	if !ok {
		return def
	}
	n, f := sizeOf(value)
	if f.message == "" && (n < low || n > high) {
		f = fault{message: fmt.Sprintf("%v is out of range: %v to %v", n, low, high)}
	}
	if f.message != "" {
		t.problem(key, f)
		return def
	}
	return n
}

// sizeOf understands both ways to write a size.
func sizeOf(value any) (ByteSize, fault) {
	switch v := value.(type) {
	case int64:
		return ByteSize(v), fault{}
	case string:
		return parseSize(v)
	}
	return 0, wrongType(`a size such as "16KiB"`, value)
}

// scalar returns the string of key as parse understands it.
func scalar[T any](t *table, key string, def T, parse func(string) (T, fault)) T {
	s, ok := lookup[string](t, key, "a string")
	if !ok {
		return def
	}
	v, f := parse(s)
	if f.message != "" {
		t.problem(key, f)
		return def
	}
	return v
}

// list returns the array of key, each element a V that parse understands. Elements that will not do are left out,
// and their lines with them, so that the indices of what remains still lead to the right lines.
func list[V, T any](t *table, key, wants string, parse func(V) (T, fault)) []T {
	value, present := lookup[any](t, key, "an array")
	array, ok := value.([]any)
	if present && !ok {
		f := wrongType("an array", value)
		if s, ok := value.(string); ok {
			f.hint = "write [" + quoted(strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })) + "]"
		}
		t.problem(key, f)
	}
	var values []T
	var kept []int
	for i, element := range array {
		v, ok := element.(V)
		if !ok {
			t.r.problem(t.key(key), i, wrongType(wants, element))
			continue
		}
		parsed, f := parse(v)
		if f.message != "" {
			t.r.problem(t.key(key), i, f)
			continue
		}
		values, kept = append(values, parsed), append(kept, i)
	}
	if len(kept) < len(array) {
		t.r.cfg.places.keep(t.key(key), kept)
	}
	return values
}

// strs returns any array of strings.
func (t *table) strs(key string) []string {
	return list(t, key, "a string", func(s string) (string, fault) { return s, fault{} })
}
