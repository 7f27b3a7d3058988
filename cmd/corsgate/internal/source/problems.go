package source

import (
	"cmp"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
)

// Problems returns the problems that err consists of. It reports false for any other error.
func Problems(err error) (config.Problems, bool) {
	if p := (config.Problems)(nil); errors.As(err, &p) {
		return p, true
	}
	if p := (config.Problem{}); errors.As(err, &p) {
		return config.Problems{p}, true
	}
	return nil, false
}

// LogProblems logs each problem of err, or err itself if it consists of none, as an error with the message what.
func LogProblems(log *slog.Logger, what string, err error) {
	problems, ok := Problems(err)
	if !ok {
		log.Error(what, "error", err.Error())
	}
	for _, problem := range problems {
		log.Error(what, "error", problem.Error())
	}
}

// Merge returns the problems that the parser and later stages found, once each: those of the configuration's own texts
// before those of other files, each in the order of the lines. It drops what a later stage says of a table in which the
// parser found a problem, because that stage saw a default in place of the invalid value.
func Merge(parsed, later config.Problems) config.Problems {
	all := slices.Clone(parsed)
	for _, p := range later {
		same := func(q config.Problem) bool { return q.Key == p.Key || strings.HasPrefix(q.Key, p.Key+".") }
		if !slices.ContainsFunc(parsed, same) && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, ByPlace)
	return all
}

// ByPlace compares two problems by their places. Those in the configuration's own texts have a key and come first; those in
// a file of origins have none.
func ByPlace(a, b config.Problem) int {
	if (a.Key == "") != (b.Key == "") {
		return cmp.Compare(len(b.Key), len(a.Key))
	}
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
}
