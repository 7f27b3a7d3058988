package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// reader builds a Config and collects the problems on the way.
type reader struct {
	cfg      *Config
	problems Problems
	more     int // problems that were not noted
	servers  int // see spend
	given    int // bytes of what values refer to

	unresolved map[string]bool // keys whose references stand for nothing
}

// maxProblems bounds the problems that are noted: people fix the first ones first, and a text full
// of mistakes must not cost more than another.
const maxProblems = 100

// full reports whether as many problems are noted as may be, and counts one more.
func (r *reader) full() bool {
	if len(r.problems) < maxProblems {
		return false
	}
	r.more++
	return true
}

// problem notes a problem at key, or at one of its elements if index >= 0.
func (r *reader) problem(key string, index int, f fault) {
	if r.unresolved[key] || r.full() { // what is wrong with a reference was said
		return
	}
	r.problems = append(r.problems, r.cfg.Problem(key, index, f.message, f.hint))
}

// bad reports whether there was a problem at key.
func (r *reader) bad(key string) bool {
	return slices.ContainsFunc(r.problems, func(p Problem) bool { return p.Key == key })
}

// at returns "FILE:LINE" of key, or of one of its elements if index >= 0.
func (r *reader) at(key string, index int) string {
	return r.cfg.Problem(key, index, "", "").Place()
}

// byPosition returns the keys of the table at path in the order of the file.
func (r *reader) byPosition(path string, values map[string]any) []string {
	order := make(map[string]int, len(values))
	for key := range values {
		order[key] = r.cfg.places.order(joinKey(path, key))
	}
	return slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		return cmp.Or(cmp.Compare(order[a], order[b]), strings.Compare(a, b))
	})
}

// table reads the keys of one TOML table. Its methods return the default and note a problem when a value will not
// do. They remember which keys were asked for, so that done can tell the others.
type table struct {
	r      *reader
	path   string // "" for the root
	name   string // the last part of path, for named tables
	values map[string]any
	known  []string
}

// key returns the full name of key.
func (t *table) key(key string) string { return joinKey(t.path, key) }

// problem notes a problem of the whole value of key.
func (t *table) problem(key string, f fault) { t.r.problem(t.key(key), -1, f) }

// done notes the keys that were not read.
func (t *table) done() {
	for _, key := range t.r.byPosition(t.path, t.values) {
		switch {
		case slices.Contains(t.known, key):
		case len(t.r.problems) >= maxProblems:
			t.r.more++
		default:
			t.problem(key, fault{"unknown key", didYouMean("%s", key, t.known)})
		}
	}
}

// has reports whether key is in the file.
func (t *table) has(key string) bool { _, ok := t.values[key]; return ok }

// lookup returns the value of key if there is one of type T. It notes a problem if there is one of another type.
func lookup[T any](t *table, key, wants string) (v T, ok bool) {
	if t.known == nil {
		t.known = make([]string, 0, 32)
	}
	t.known = append(t.known, key)
	value, present := t.values[key]
	if !present {
		return v, false
	}
	if v, ok = value.(T); !ok {
		t.problem(key, wrongType(wants, value))
	}
	return v, ok
}

// wrongType is the fault of a value of another type than the key's.
func wrongType(wants string, value any) fault {
	return fault{message: fmt.Sprintf("must be %s, not %s", wants, kind(value))}
}

// kind names the TOML type of a decoded value.
func kind(value any) string {
	switch value.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case time.Time:
		return "a date"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "an array of tables"
	}
	return "an array"
}

// sub returns the table at key, which is empty when it is not in the file.
func (t *table) sub(key string) *table {
	values, _ := lookup[map[string]any](t, key, "a table")
	return &table{r: t.r, path: t.key(key), name: key, values: values}
}

func isTable(value any) bool {
	_, ok := value.(map[string]any)
	return ok
}

func isTables(value any) bool {
	_, ok := value.([]map[string]any)
	return ok
}

// maxTables bounds the tables of a section where that is not 1000: each limit has its own
// counters, of some megabytes.
var maxTables = map[string]int{"route": 5000, "limit": 100}

// maxServers bounds the endpoints of all upstreams and the shares of all splits: each has its own counters.
const maxServers = 10_000

// spend counts n endpoints or shares of key, and reports whether there may be as many.
func (t *table) spend(key string, n int) bool {
	before := t.r.servers
	if t.r.servers += n; t.r.servers <= maxServers {
		return true
	}
	if before <= maxServers {
		t.problem(key, faultf("the configuration has more than %d endpoints and split shares", maxServers))
	}
	return false
}

// named returns the tables [key.NAME] in the order of the file.
func (t *table) named(key string) []*table {
	if _, ok := t.values[key].([]map[string]any); ok {
		t.known = append(t.known, key)
		t.problem(key, fault{"must be named tables, not an array of tables", fmt.Sprintf("write [%s.NAME]", key)})
		return nil
	}
	var list []*table
	all := t.sub(key)
	complained := false
	most := cmp.Or(maxTables[key], 1000)
	for _, name := range t.r.byPosition(all.path, all.values) {
		values, ok := all.values[name].(map[string]any)
		switch {
		case len(list) == most:
			all.problem(name, faultf("there are more than %d tables [%s.NAME]", most, key))
			return list
		case isTables(all.values[name]):
			all.problem(name, fault{"is an array of tables", fmt.Sprintf("write [%s.%s], with single brackets", key, name)})
		case !ok && complained:
		case !ok:
			all.problem(name, fault{"is outside a named table", fmt.Sprintf("give the table a name: [%s.NAME]", key)})
			complained = true
		case !isName(name) || len(name) > 64:
			all.problem(name, fault{message: "a name has up to 64 of a-z, A-Z, 0-9, _ and -"})
		default:
			list = append(list, &table{r: t.r, path: all.key(name), name: name, values: values})
		}
	}
	return list
}
