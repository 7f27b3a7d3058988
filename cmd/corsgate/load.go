package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
)

// load reads the configuration file at path. The error, if any, is of type config.Problems and
// holds what all stages found, or says why the file cannot be read; see problemsOf.
func load(path string) (*config.Config, error) {
	cfg, err := config.Load(path)
	problems, ok := problemsOf(err)
	switch {
	case err == nil && cfg.Fleet != nil:
		return nil, config.Problems{cfg.Problem("fleet", -1, "fleets are not built yet: remove this table", "")}
	case err == nil:
		return cfg, nil
	case !ok:
		return nil, unreadable(path, err)
	case cfg == nil:
		return nil, problems
	}
	// What the parser found is no reason to hide what the other stages would find.
	more, _ := gateway.Check(cfg)
	return nil, merge(problems, more)
}

// problemsOf returns the problems that err consists of. It reports false for any other error.
func problemsOf(err error) (config.Problems, bool) {
	if p := (config.Problems)(nil); errors.As(err, &p) {
		return p, true
	}
	if p := (config.Problem{}); errors.As(err, &p) {
		return config.Problems{p}, true
	}
	return nil, false
}

// unreadable explains why a configuration file cannot be read.
func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such file (to begin with one: corsgate init > %s)", path, path)
	}
	return err
}

// merge returns what the parser found and what later stages found, in the order of the lines and
// once each, other files after the configuration file. What a later stage says of a table in which the parser found a problem is dropped:
// it judged a default in the place of what is wrong.
func merge(parsed, later config.Problems) config.Problems {
	all := slices.Clone(parsed)
	for _, p := range later {
		same := func(q config.Problem) bool { return q.Key == p.Key || strings.HasPrefix(q.Key, p.Key+".") }
		if !slices.ContainsFunc(parsed, same) && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, byPlace)
	return all
}

// byPlace compares two places. Those in the configuration's own texts have a key; those in a file of origins have none.
func byPlace(a, b config.Problem) int {
	if (a.Key == "") != (b.Key == "") {
		return cmp.Compare(len(b.Key), len(a.Key))
	}
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
}
