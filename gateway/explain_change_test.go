package gateway_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
)

// TestExplainChangesHelp makes the edits that explain tells to make, on the text of random configurations, and asks
// again.
func TestExplainChangesHelp(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	helped, hopeless := 0, 0
	for round := 0; round < 15 || helped < 50 && round < 1000; round++ { // chance may want more rounds
		text := randomConfig(random, "http://127.0.0.1:1", false)
		cfg := parse(t, text)
		for range 20 {
			q := randomQuestion(random)
			before, err := explain.Config(cfg, q)
			if err != nil {
				t.Fatal(err)
			}
			edited, ok := text, len(before.Changes) > 0
			for _, c := range before.Changes {
				if ok {
					edited, ok = edit(edited, c.Edit)
				}
			}
			if !ok {
				hopeless++
				continue
			}
			after, err := explain.Config(parse(t, edited), q)
			if err != nil {
				if strings.Contains(strings.Join(before.Notes, "\n"), "check would still refuse") {
					continue
				}
				t.Fatalf("seed %d: %+v: %v\n%v\n%s", seed, q, err, before.Changes, edited)
			}
			if !after.Allowed && after.Outcome != fetch.Redirected {
				t.Fatalf("seed %d: %+v is still %s after %v\n%s", seed, q, after.Outcome, before.Changes, edited)
			}
			if len(after.Changes) > 0 {
				t.Errorf("seed %d: %+v is allowed, and still there are changes: %v", seed, q, after.Changes)
			}
			helped++
		}
	}
	if helped < 50 {
		t.Errorf("seed %d: only %d questions were helped, %d were not", seed, helped, hopeless)
	}
}

var (
	adding  = regexp.MustCompile(`^add (.+) to (\w+) in \[([\w.]+)\]`)
	writing = regexp.MustCompile(`^write (\w+) = (.+?) in \[([\w.]+)\]`)
	naming  = regexp.MustCompile(`^list the names in (\w+) in \[([\w.]+)\]`)
	tabling = regexp.MustCompile(`, and add a table \[([\w.]+)\] with (.+)$`)
)

// edit does to the text of a configuration what an edit says. It reports false if that leaves something to its author.
func edit(text, what string) (string, bool) {
	if m := adding.FindStringSubmatch(what); m != nil {
		return set(text, m[3], m[2], func(old string) string {
			inner := strings.TrimSuffix(strings.TrimPrefix(old, "["), "]")
			if inner != "" {
				inner += ", "
			}
			return "[" + inner + m[1] + "]"
		}), true
	}
	if m := naming.FindStringSubmatch(what); m != nil {
		return set(text, m[2], m[1], func(string) string { return `["X-Named"]` }), true
	}
	m := writing.FindStringSubmatch(what)
	if m == nil {
		return text, false
	}
	text = set(text, m[3], m[1], func(string) string { return m[2] })
	if m := tabling.FindStringSubmatch(what); m != nil {
		text += fmt.Sprintf("\n[%s]\n%s\n", m[1], m[2])
	}
	return text, true
}

// set gives a key of a table a value that is made of its old one.
func set(text, table, key string, value func(old string) string) string {
	head, rest, ok := strings.Cut(text, "["+table+"]\n")
	if !ok {
		return "no table " + table
	}
	body, tail, more := strings.Cut(rest, "\n[")
	if more {
		tail = "\n[" + tail
	}
	line := regexp.MustCompile(`(?m)^` + key + ` += (.*)$`)
	if old := line.FindStringSubmatch(body); old != nil {
		body = strings.Replace(body, old[0], key+" = "+value(old[1]), 1)
	} else {
		body = key + " = " + value("") + "\n" + body
	}
	return head + "[" + table + "]\n" + body + tail
}
