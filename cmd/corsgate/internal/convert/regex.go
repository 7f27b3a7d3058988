package convert

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/matcher"
	"golang.org/x/net/publicsuffix"
)

// This file turns a regular expression over origins into patterns. The rules are:
//
//   - patterns are guessed from the expression's tree: a star for what repeats, the usual
//     scheme where none is named, the end of the expression for the end of the host;
//   - a guess stands only if it is proven that the expression matches every origin that the pattern matches: the
//     result is equal or narrower, never wider;
//   - what the expression matches beyond the patterns and a stranger could register is a hole, shown by an example.

// An expression is a regular expression over origins, as the other gateway matches it.
type expression struct {
	text   string
	fold   bool // in any case
	search bool // a match of a part is enough
}

// goText returns e as package regexp reads it.
func (e expression) goText() string {
	if e.fold {
		return "(?i)" + e.text
	}
	return e.text
}

// A translation is what became of an expression.
type translation struct {
	patterns []string
	reason   string // why there are no patterns, or why they are not all
	hole     string // an origin that a stranger can have and the expression matches, or ""
	more     string // an origin that the expression matches and the patterns do not, or ""
	all      bool   // whether it matches every origin
	plain    string // an http origin, other than a pattern's or this machine's, that the expression matches, or ""
}

// Bounds of guessing: beyond them an expression is too clever to be sure about.
const (
	maxBranches = 64
	maxPatterns = 64
)

func (e expression) translate() (t translation) {
	var flags syntax.Flags
	if e.fold {
		flags |= syntax.FoldCase
	}
	matches, err := newLanguage(e.text, flags, e.search)
	if err != nil {
		t.reason = err.Error()
		return t
	}
	tree, err := syntax.Parse(e.text, syntax.Perl|flags)
	if err != nil {
		t.reason = explainSyntax(err).Error()
		return t
	}
	left := budget(maxWork)
	if _, found, done := witness([]*language{web}, []*language{matches}, &left); !found && done {
		t.all = true
		return t
	}
	branches, ok := flatten(tree.Simplify())
	if !ok {
		t.reason = "it has too many branches"
	}
	left = maxWork
	kept := t.keep(guesses(branches), matches, &left)
	t.patterns = reduce(t.patterns)
	if len(t.patterns) > 0 {
		t.reason = ""
	} else if t.reason == "" {
		t.reason = noPattern
	}
	known := literals(branches)
	t.hole = hole(matches, t.patterns, known, &left)
	if t.reason == noPattern && t.hole != "" {
		t.reason = "it allows unknown origins: write the origins that are meant"
	}
	if len(known) == 0 && t.hole == "" {
		known = []string{""}
	}
	t.findOthers(known, matches, kept, &left)
	return t
}

// keep keeps the guesses that match nothing but what matches does, and returns their languages.
func (t *translation) keep(guesses []string, matches *language, left *budget) (kept []*language) {
	for _, text := range guesses {
		p, err := matcher.ParsePattern(text)
		if err != nil || len(kept) == maxPatterns || !canBeHost(p.Host()) || p.AnyHost() && p.Scheme() == "https" { // strangers are not let in for a guess
			continue
		}
		l := patternLanguage(p)
		beyond, found, done := witness([]*language{l}, []*language{matches}, left)
		switch {
		case found && t.reason == "":
			t.reason = fmt.Sprintf("%s would be wider: it also matches %s", text, beyond)
		case !found && done && !coveredBy(t.patterns, p):
			t.patterns, kept = append(t.patterns, text), append(kept, l)
		}
	}
	return kept
}

// findOthers finds origins that matches allows in addition to the patterns that are kept: an
// origin without TLS, and any other.
func (t *translation) findOthers(known []string, matches *language, kept []*language, left *budget) {
	for _, domain := range known {
		w, found, _ := witness([]*language{matches, plainOrigins, below(domain)}, append(slices.Clone(kept), ownMachine), left)
		if found {
			t.plain = w
			break
		}
	}
	for _, domain := range known {
		within := []*language{matches, below(domain)}
		if domain != "" {
			within = append(within, origins)
		}
		if w, found, _ := witness(within, kept, left); found && len(kept) > 0 {
			t.more = w
			break
		}
	}
}

const noPattern = "no pattern is equivalent"

// canBeHost reports whether a host's labels begin and end as those of DNS names do.
func canBeHost(host string) bool {
	return !strings.Contains("."+host, ".-") && !strings.Contains(host+".", "-.") && !strings.Contains(host, "..")
}

// below returns the origins of a domain and of its subdomains, and for "" the origins of any host.
func below(domain string) *language {
	if domain == "" {
		return mustLanguage(`https?://[a-z0-9_-]+(\.[a-z0-9_-]+)*(:[0-9]+)?`)
	}
	return mustLanguage(`https?://([a-z0-9_-]+\.)*` + regexp.QuoteMeta(domain) + `(:[0-9]+)?`)
}

// web are the origins of web pages, and more.
var web = mustLanguage(`https?://[a-z0-9._-]+(:[0-9]+)?`)

// origins are, roughly, the origins of web pages.
var origins = mustLanguage(`https?://[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*\.[a-z]{2,6}(:[1-9][0-9]{3})?`)

// plainOrigins are those of hosts that others can be on the way to, ownMachine the exceptions.
var (
	plainOrigins = mustLanguage(`http://[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+(:[1-9][0-9]{0,4})?`)
	ownMachine   = mustLanguage(`http://(([a-z0-9-]+\.)*localhost|127\.[0-9]+\.[0-9]+\.[0-9]+)(:[0-9]+)?`)
)

// The origins that strangers can have: first the plainest examples. What stands before the last two labels is theirs.
var strangers = []*language{
	mustLanguage(`https://([a-z0-9][a-z0-9-]*\.)*evil\.test`),
	mustLanguage(`https://([a-z0-9][a-z0-9-]*\.)*evil[a-z0-9-]*[a-z0-9]\.(com|net|org|io|dev|app|[a-z]{2})`),
	mustLanguage(`https?://[a-z0-9][a-z0-9-]*\.(com|net|org|io|dev|app|[a-z]{2})`),
}

// hole returns an origin that a stranger can have and matches matches, other than by the patterns. Domains that the
// expression names (known) are not a stranger's.
func hole(matches *language, patterns, known []string, left *budget) string {
	var own []*language
	for _, domain := range known {
		own = append(own, below(domain))
	}
	for _, text := range patterns {
		if p, err := matcher.ParsePattern(text); err == nil {
			own = append(own, patternLanguage(p))
		}
	}
	for _, s := range strangers {
		if w, found, _ := witness([]*language{matches, s}, own, left); found {
			return w
		}
	}
	return ""
}

// literals returns the registrable domains that the branches spell out.
func literals(branches []branch) (domains []string) {
	for _, b := range branches {
		var text strings.Builder
		for _, p := range b {
			if p.star {
				text.WriteByte('*')
			} else {
				text.WriteString(p.text)
			}
		}
		s := text.String()
		if _, rest, ok := strings.Cut(s, "://"); ok {
			s = rest
		}
		host, _, _ := strings.Cut(strings.TrimRight(s, "*"), ":")
		host = strings.ToLower(host[strings.LastIndexByte(host, '*')+1:])
		host = strings.TrimPrefix(host, ".")
		domain, err := publicsuffix.EffectiveTLDPlusOne(host)
		if err == nil && !slices.Contains(domains, domain) && isHost(domain) {
			domains = append(domains, domain)
		}
	}
	return domains
}

func isHost(s string) bool { return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == "" }

// coveredBy reports whether one of patterns covers p.
func coveredBy(patterns []string, p matcher.Pattern) bool {
	return slices.ContainsFunc(patterns, func(text string) bool {
		q, err := matcher.ParsePattern(text)
		return err == nil && q.Covers(p)
	})
}

// reduce drops the patterns that others cover.
func reduce(patterns []string) []string {
	var kept []string
	for i, text := range patterns {
		p, err := matcher.ParsePattern(text)
		others := append(slices.Clone(kept), patterns[i+1:]...)
		if err == nil && !coveredBy(others, p) {
			kept = append(kept, text)
		}
	}
	return kept
}
