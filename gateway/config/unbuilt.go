package config

import (
	"maps"
	"slices"
	"strings"
)

// This file lists what the configuration language has and this version does not honour. Such a key or value is
// refused, because a gateway that silently ignored it would be worse than one that does not start. The rules are:
//
//   - to build a thing is to delete its line here; its reader is in read.go already, but for whole tables, whose
//     keys become unknown until they have one;
//   - values of a wrong type are left to the reader, so that they are not reported twice;
//   - the value that means "off" is not refused.

// unbuilt are the refused keys and values.
var unbuilt = []struct {
	key     string         // dotted; "*" is any name, a final "[]" each element
	refused func(any) bool // of the value; nil: any, and the whole table
	message string
}{
	{"limit.*.store", word("redis"), `limits that gateways share by redis are not built yet: remove this key or say "local"`},
	{"redis", nil, "redis is not built yet: remove this table"},
}

// filled refuses what is not empty: strings, arrays and tables.
func filled(v any) bool {
	switch v := v.(type) {
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return false
}

// word refuses the given strings.
func word(words ...string) func(any) bool {
	return func(v any) bool { s, ok := v.(string); return ok && slices.Contains(words, s) }
}

// refuseUnbuilt notes a problem for each key and value of unbuilt that is in the file.
func (r *reader) refuseUnbuilt(values map[string]any) {
	for _, u := range unbuilt {
		key, each := strings.CutSuffix(u.key, "[]")
		r.walk("", values, strings.Split(key, "."), func(path string, value any) {
			elements, ok := value.([]any)
			switch {
			case u.refused == nil:
				r.problem(path, -1, fault{message: u.message})
			case !each && u.refused(value):
				r.problem(path, -1, fault{message: u.message})
			case each && ok:
				for i, element := range elements {
					if u.refused(element) {
						r.problem(path, i, fault{message: u.message})
					}
				}
			}
		})
	}
}

// walk calls visit for each value under values that pattern leads to.
func (r *reader) walk(path string, values map[string]any, pattern []string, visit func(string, any)) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if pattern[0] != "*" && pattern[0] != key {
			continue
		}
		if len(pattern) == 1 {
			visit(joinKey(path, key), values[key])
		} else if inner, ok := values[key].(map[string]any); ok {
			r.walk(joinKey(path, key), inner, pattern[1:], visit)
		}
	}
}

// isUnbuilt reports whether key is in the list, with whatever value.
func isUnbuilt(key string) bool {
	parts := strings.Split(key, ".")
	for _, u := range unbuilt {
		pattern := strings.Split(strings.TrimSuffix(u.key, "[]"), ".")
		if slices.EqualFunc(pattern, parts, func(p, part string) bool { return p == part || p == "*" }) {
			return true
		}
	}
	return false
}
