package convert

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// This file guesses patterns from the tree of a regular expression. Guesses may be wrong: each is checked.

// A piece is part of a branch: text, or something that repeats.
type piece struct {
	text string
	star bool
}

// A branch is one way through an expression.
type branch []piece

// flatten returns the ways through re. It reports false if they are too many.
func flatten(re *syntax.Regexp) ([]branch, bool) {
	one := func(p ...piece) ([]branch, bool) { return []branch{p}, true }
	switch re.Op {
	case syntax.OpLiteral:
		return one(piece{text: strings.ToLower(string(re.Rune))})
	case syntax.OpCapture:
		return flatten(re.Sub[0])
	case syntax.OpConcat:
		all := []branch{nil}
		for _, sub := range re.Sub {
			next, ok := flatten(sub)
			if !ok || len(all)*len(next) > maxBranches {
				return nil, false
			}
			var longer []branch
			for _, a := range all {
				for _, b := range next {
					longer = append(longer, append(slices.Clone(a), b...))
				}
			}
			all = longer
		}
		return all, true
	case syntax.OpAlternate:
		var all []branch
		for _, sub := range re.Sub {
			next, ok := flatten(sub)
			if all = append(all, next...); !ok || len(all) > maxBranches {
				return nil, false
			}
		}
		return all, true
	case syntax.OpQuest:
		with, ok := flatten(re.Sub[0])
		return append([]branch{nil}, with...), ok
	case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		return repeat(re)
	case syntax.OpCharClass:
		return class(re)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return one(piece{text: "."}) // a dot that was not escaped
	}
	return one() // assertions take nothing
}

// repeat takes what repeats for a star; "(x\.)*" before a host is a star and a dot.
func repeat(re *syntax.Regexp) ([]branch, bool) {
	inner, ok := flatten(re.Sub[0])
	if !ok {
		return nil, false
	}
	star := branch{{star: true}}
	if b := inner[0]; len(inner) == 1 && len(b) > 1 && !b[len(b)-1].star && strings.HasSuffix(b[len(b)-1].text, ".") {
		star = append(star, piece{text: "."})
	}
	if re.Op == syntax.OpPlus || re.Op == syntax.OpRepeat && re.Min > 0 {
		return []branch{star}, true
	}
	return []branch{nil, star}, true
}

// class takes a class of few characters for each of them, and any other for something that a star may stand for.
func class(re *syntax.Regexp) ([]branch, bool) {
	var all []branch
	for i := 0; i < len(re.Rune); i += 2 {
		for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
			text := strings.ToLower(string(r))
			if !slices.ContainsFunc(all, func(b branch) bool { return b[0].text == text }) {
				all = append(all, branch{{text: text}})
			}
			if len(all) > 4 {
				return []branch{{{star: true}}}, true
			}
		}
	}
	return all, true
}

// guesses returns texts of patterns for the branches, each once.
func guesses(branches []branch) (texts []string) {
	add := func(text string) {
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	for _, b := range branches {
		var text strings.Builder
		last := ""
		for _, p := range b {
			if p.star && last == "*" {
				continue
			}
			if last = p.text; p.star {
				last = "*"
			}
			text.WriteString(last)
		}
		for _, s := range schemed(text.String()) {
			// A star for the rest of the origin, or for a port: as written, and without.
			add(s)
			if strings.HasSuffix(s, "://") {
				add(s + "*")
			}
			if rest, ok := strings.CutSuffix(s, "*"); ok {
				add(rest)
				add(strings.TrimSuffix(rest, ":"))
			}
			// "*example.com" is likely meant for the domain and its subdomains.
			if scheme, host, ok := strings.Cut(s, "://*"); ok && !strings.HasPrefix(host, ".") && host != "" {
				add(scheme + "://*." + host)
				add(scheme + "://" + host)
			}
		}
	}
	return texts
}

// schemed returns s with the schemes that it may be meant with.
func schemed(s string) []string {
	scheme, host, ok := strings.Cut(s, "://")
	switch {
	case ok && strings.HasSuffix(scheme, "*"), !ok:
		if !ok {
			host = strings.TrimPrefix(s, "//")
		}
		switch {
		case strings.HasPrefix(host, "."):
			return []string{"https://*" + host}
		case strings.HasPrefix(host, "*"):
			return []string{"https://" + host}
		}
		return []string{"https://" + host, "https://*." + host}
	}
	return []string{s}
}
