package main

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
)

// loadOwn reads the configuration file at path, and returns its text, too. The error, if any, is of type config.Problems
// and holds what all stages found, or says why the file cannot be read; see problemsOf.
func loadOwn(path string) (config.Source, *config.Config, error) {
	own, err := readConfig(path)
	if err != nil {
		return own, nil, err
	}
	cfg, err := compose(own, nil)
	return own, cfg, err
}

// loadWhole is loadOwn, for a gateway in a fleet together with the file at shared, or without that with what it keeps of the
// fleet on disk.
func loadWhole(path, shared string) (*config.Config, error) {
	own, cfg, err := loadOwn(path)
	if err != nil || cfg.Fleet == nil && shared == "" {
		return cfg, err
	}
	if shared != "" {
		text, err := readConfig(shared)
		if err != nil {
			return nil, err
		}
		return compose(own, &text)
	}
	name, err := memberName(cfg)
	if err != nil {
		return nil, err
	}
	number, text, err := lastGood(cfg, name).Read()
	if err != nil {
		return nil, cfg.Problem("fleet", -1, "this gateway's copy of the fleet's configuration cannot be read: "+err.Error(), "name a file with --fleet, or ask the gateway: /explain on its admin address")
	}
	return compose(own, source(number, string(text)))
}

// compose parses a file's text and, unless it is nil, what it shares with a fleet. The error, if any, is of type
// config.Problems and holds what all stages found.
func compose(own config.Source, shared *config.Source) (*config.Config, error) {
	cfg, err := parse(own, shared)
	if err == nil {
		return cfg, nil
	}
	problems, _ := problemsOf(err)
	if cfg == nil {
		return nil, problems
	}
	// What the parser found is no reason to hide what the other stages would find.
	more, _ := gateway.Check(cfg)
	return nil, merge(problems, more)
}

func parse(own config.Source, shared *config.Source) (*config.Config, error) {
	if shared == nil {
		return config.Parse(own.Name, own.Text)
	}
	return config.ParseFleet(own, *shared)
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
