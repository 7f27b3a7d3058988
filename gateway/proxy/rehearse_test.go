package proxy

import (
	"reflect"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/snapshot"
)

// uncounted are the parts of a route that count, or lead to what does, and that a rehearsal may share with what is served,
// with the reason. A field of a route that counts must be silenced in silencedRoute, or stand here with the reason why not.
var uncounted = map[string]string{
	"Upstream": "a rehearsal asks no upstream: only the engines do",
	"Rules":    "Locations has the upstream, to compare names",
	"Splits":   "they are compared one by one",
}

// TestRehearsalCountsNothing holds that a rehearsed route shares nothing with the served one that could count.
func TestRehearsalCountsNothing(t *testing.T) {
	cfg, err := config.Parse("corsgate.toml", []byte(`
		[upstream.a]
		endpoints = ["http://127.0.0.1:1"]
		[upstream.b]
		endpoints = ["http://127.0.0.1:2"]
		[cors.new]
		origins = ["https://new.example"]
		[cors.app]
		origins = ["https://a.example"]
		shadow = "new"
		csrf = "enforce"
		[limit.few]
		rate = "1/s"
		burst = 1
		[route.one]
		path = "/one"
		upstream = "a"
		cors = "app"
		limit = "few"
		mirror = { upstream = "b", share = "50%" }
		[route.two]
		path = "/two"
		cors = "app"
		limit = "few"
		split = [{ upstream = "a", weight = 1 }, { upstream = "b", weight = 1 }]
	`))
	if err != nil {
		t.Fatal(err)
	}
	s, problems, _ := snapshot.Compile(cfg, nil, metrics.New())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	m := metrics.New()
	for i, served := range s.Routes {
		q := silenced(s, m, i, true)
		if q.Preflights != nil && q.Preflights == s.Preflights {
			t.Error("a rehearsal would fill the cache of preflights")
		}
		quiet := q.Routes[i]
		found := sharedParts(t, served.Name, reflect.ValueOf(served).Elem(), reflect.ValueOf(quiet).Elem())
		for j, target := range served.Splits {
			found = append(found, sharedParts(t, served.Name+".split", reflect.ValueOf(target).Elem(), reflect.ValueOf(quiet.Splits[j]).Elem())...)
		}
		for _, where := range found {
			t.Errorf("a rehearsal counts: %s is shared with the route that is served; silence it", where)
		}
	}
}

// sharedParts returns the parts of two routes that are the same and count.
func sharedParts(t *testing.T, where string, a, b reflect.Value) (found []string) {
	for i := range a.NumField() {
		name := a.Type().Field(i).Name
		if uncounted[name] != "" {
			continue
		}
		found = append(found, common(where+"."+name, a.Field(i), b.Field(i), 0)...)
	}
	if len(found) == 0 && a.NumField() == 0 {
		t.Errorf("%s has no fields", where)
	}
	return found
}

// common returns where a and b refer to the same thing that counts.
func common(where string, a, b reflect.Value, depth int) (found []string) {
	if depth > 8 || !counts(a.Type(), map[reflect.Type]bool{}) {
		return nil
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			found = append(found, common(where+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i), depth+1)...)
		}
	case reflect.Array:
		for i := range a.Len() {
			found = append(found, common(where, a.Index(i), b.Index(i), depth+1)...)
		}
	case reflect.Interface:
		if !a.IsNil() && !b.IsNil() && a.Elem().Kind() == reflect.Pointer && a.Elem().Pointer() == b.Elem().Pointer() {
			found = append(found, where)
		}
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		if !a.IsNil() && !b.IsNil() && a.Pointer() == b.Pointer() {
			found = append(found, where)
		}
	default:
		found = append(found, where)
	}
	return found
}

// counts reports whether a value of a type can change what others see: a metric, a lock, an atomic value, a channel, a
// function, or what has one.
func counts(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch path := t.PkgPath(); {
	case path == "sync", path == "sync/atomic", strings.HasPrefix(path, "github.com/prometheus/"):
		return true
	case path == "reflect", path == "time", path == "net/netip", path == "regexp", path == "unique":
		return false
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return counts(t.Elem(), seen)
	case reflect.Map:
		return counts(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if counts(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// TestRehearsalIsChecked holds that the check above can fail: a route as it is served is found out.
func TestRehearsalIsChecked(t *testing.T) {
	cfg, err := config.Parse("corsgate.toml", []byte("[cors.app]\norigins = [\"https://a.example\"]\n[limit.few]\nrate = \"1/s\"\nburst = 1\n[route.one]\ncors = \"app\"\nlimit = \"few\"\nrespond = {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, problems, _ := snapshot.Compile(cfg, nil, metrics.New())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r := reflect.ValueOf(s.Routes[0]).Elem()
	found := strings.Join(sharedParts(t, "one", r, r), " ")
	for _, want := range []string{"one.Limit", "one.Metrics.Overhead", "one.Metrics.Preflights.Hit"} {
		if !strings.Contains(found, want) {
			t.Errorf("%s is not found to count: %s", want, found)
		}
	}
}
