package convert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// This file finds out which origins nginx's configuration allows.

// allowed takes an Access-Control-Allow-Origin. It reports whether it depends on the request.
func (s *scope) allowed(p *policy, h header) (dynamic bool) {
	where := fmt.Sprintf("line %d", h.line)
	switch v := h.value; {
	case v == "$http_origin" || v == "${http_origin}":
		if h.when != nil && s.condition(p, h.when) {
			return true
		}
		p.reflect(where + " echoes any origin")
		return true
	case strings.HasPrefix(v, "$"):
		s.variable(p, v, h.line)
		return true
	case strings.ContainsAny(v, " ,"):
		p.hole("%s has several origins in one value, which no browser matches", where)
		for _, o := range strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' }) {
			p.origin(o)
		}
	case v == "*" && p.credentials:
		p.any = false
		p.lose("*", "with credentials browsers refuse it: list the origins")
		p.hole(`%s has "*" with credentials, which browsers refuse`, where)
	case strings.Contains(v, "$"):
		p.lose(v, "it is put together of variables")
		return true
	default:
		p.origin(v)
	}
	return h.when != nil && strings.Contains(strings.Join(h.when.words, " "), "$http_origin")
}

// condition takes the origins that an if compares $http_origin with. It reports false if that is not what it does.
func (s *scope) condition(p *policy, d *directive) bool {
	words := slices.Clone(d.words[1:])
	for i, w := range words {
		if i == 0 {
			w = strings.TrimPrefix(w, "(")
		}
		if i == len(words)-1 && d.bare[i+1] {
			w = strings.TrimSuffix(w, ")")
		}
		words[i] = w
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	if len(words) < 2 || words[0] != "$http_origin" {
		if len(words) == 3 && s.known(words[0]) {
			s.variable(p, words[0], d.line)
			return true
		}
		return false
	}
	operator, value := words[1], strings.Join(words[2:], " ")
	if value == "" {
		operator, value = splitOperator(operator)
	}
	// The bracket that closes the condition may stand behind a quoted expression.
	value = strings.TrimSuffix(value, " )")
	switch operator {
	case "=":
		p.origin(value)
	case "~", "~*":
		p.expression(expression{value, operator == "~*", true}, fmt.Sprintf("line %d: the expression %s", d.line, strconv.Quote(value)))
	default:
		return false
	}
	return true
}

// known reports whether the file gives a variable its value.
func (s *scope) known(name string) bool {
	if s.vars[name] != nil {
		return true
	}
	for at := s; at != nil; at = at.outer {
		if slices.ContainsFunc(at.list, func(d *directive) bool { return d.name() == "set" && d.arg(1) == name }) {
			return true
		}
	}
	return false
}

func splitOperator(s string) (operator, value string) {
	for _, operator := range []string{"~*", "~", "="} {
		if rest, ok := strings.CutPrefix(s, operator); ok {
			return operator, rest
		}
	}
	return s, ""
}

// variable takes the origins for which a variable is not empty.
func (s *scope) variable(p *policy, name string, line int) {
	name = "$" + strings.Trim(name, "${}")
	rules := slices.Clone(s.vars[name])
	set := false
	for at := s; at != nil; at = at.outer {
		for _, d := range at.list {
			switch {
			case d.name() == "set" && d.arg(1) == name:
				set = true
				if v := d.arg(2); v == "$http_origin" {
					rules = append(rules, rule{"default", v, d.line})
				} else if v != "" && v != "*" && strings.Contains(v, "://") {
					p.origin(v)
				}
			case d.name() == "if" && slices.ContainsFunc(d.block, func(in *directive) bool { return in.name() == "set" && in.arg(1) == name && in.arg(2) != "" }):
				set = true
				if !s.condition(p, d) {
					p.lose(strings.Join(d.words, " "), "line %d: this condition is not one on $http_origin", d.line)
				}
			}
		}
	}
	if len(rules) == 0 && !set {
		p.lose(name, "line %d: where this variable is set is not in the file", line)
	}
	for _, r := range rules {
		s.rule(p, r)
	}
}

// rule takes an entry of a map.
func (s *scope) rule(p *policy, r rule) {
	if r.value == "" || r.value == "0" || r.match == "hostnames" || r.match == "volatile" || r.match == "" {
		return
	}
	where := fmt.Sprintf("line %d", r.line)
	e, isExpression := strings.CutPrefix(r.match, "~")
	switch {
	case r.match == "default" && strings.Contains(r.value, "$http_origin"):
		p.reflect(where + " echoes any origin")
	case r.match == "default":
		p.origin(r.value)
	case r.match == "include":
		p.lose(r.value, "%s: the included file is not read", where)
	case isExpression:
		e, fold := strings.CutPrefix(e, "*")
		p.expression(expression{e, fold, true}, fmt.Sprintf("%s: the expression %s", where, strconv.Quote(e)))
	default:
		p.origin(strings.TrimPrefix(r.match, `\`))
	}
}
