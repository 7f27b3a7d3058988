package config

import (
	"fmt"
	"slices"
	"strings"
)

// This file reads what plans have, and checks what limits and routes say of who was found.

// maxPlans bounds the plans of a limit.
const maxPlans = 100

// parsePlan understands limit.plan.
func parsePlan(s string) (string, fault) {
	kind, name, named := strings.Cut(s, ":")
	if !named || name == "" || kind != "claim" && kind != "key" {
		return "", faultf(`%q is not where the name of a plan is: write "claim:NAME" (of a token) or "key:NAME" (of a line in a keys_file)`, s)
	}
	return s, fault{}
}

// readRates returns the rates of plans.
func readRates(limit *table) map[string]Rate {
	t := limit.sub("rates")
	var rates map[string]Rate
	for _, name := range t.r.byPosition(t.path, t.values) {
		rate, ok := scalar(t, name, Rate{}, parseRate), true
		if t.r.bad(t.key(name)) || rate == (Rate{}) {
			ok = false
		}
		if len(rates) == maxPlans {
			t.problem(name, faultf("there are more than %d plans", maxPlans))
			return rates
		}
		if !ok {
			continue
		}
		if rates == nil {
			rates = map[string]Rate{}
		}
		rates[name] = rate
	}
	return rates
}

// checkPlans notes what the keys of a limit do not say together.
func checkPlans(t *table, l *RateLimit) {
	_, rates := t.values["rates"]
	plan, _ := t.values["plan"].(string)
	switch {
	case rates && plan == "":
		t.problem("rates", fault{"nothing chooses one of them: there is no plan", `write plan = "claim:plan"`})
	case plan != "" && !rates:
		t.problem("plan", fault{"there are no rates to choose from", `write rates = { free = "10/s", pro = "200/s" }`})
	}
	if l.Store != "redis" {
		if l.Rate.Per == Month {
			t.problem("rate", monthly)
		}
		for _, name := range t.r.byPosition(t.key("rates"), tableOf(t.values["rates"])) {
			if l.Rates[name].Per == Month {
				t.r.problem(joinKey(t.key("rates"), name), -1, monthly)
			}
		}
	}
}

var monthly = fault{"a month is longer than a process lives, and what it has counted is gone with it", `write store = "redis"`}

func tableOf(value any) map[string]any {
	v, _ := value.(map[string]any)
	return v
}

// checkRouteAuth notes what a route says of who asks that does not go together.
func checkRouteAuth(t *table, route *Route) {
	if route.AuthOptional && len(route.Auth) == 0 && !t.r.bad(t.key("auth")) {
		t.problem("auth_optional", fault{"there is no auth that could be optional", `write auth = ["NAME"]`})
	}
	for i, name := range route.Auth {
		if slices.Index(route.Auth, name) < i {
			t.r.problem(t.key("auth"), i, faultf("%q is there twice", name))
		}
	}
	if len(route.Auth) > maxRouteAuths {
		t.problem("auth", faultf("a route has at most %d of them", maxRouteAuths))
	}
	if filled(t.values["limit"]) && filled(t.values["limits"]) {
		t.problem("limits", faultf("limit is at %s: write all of them here", t.r.at(t.key("limit"), -1)))
	}
	for i, name := range route.Limits {
		if slices.Index(route.Limits, name) < i {
			t.r.problem(t.key("limits"), i, faultf("%q is there twice", name))
		}
	}
	if len(route.Limits) > MaxLimits {
		t.problem("limits", faultf("a route has at most %d limits", MaxLimits))
		route.Limits = route.Limits[:MaxLimits]
	}
	if len(route.Limits) == 0 && route.Limit != "" {
		route.Limits = []string{route.Limit}
	}
}

// maxRouteAuths bounds the tables [auth.NAME] of a route.
const maxRouteAuths = 8

// MaxLimits bounds the limits of a route.
const MaxLimits = 8

// checkAuthFields finds fields that a route sets, and an auth of it, too: there would be two lines, or one too few.
func (r *reader) checkAuthFields() {
	for i := range r.cfg.Routes {
		route := &r.cfg.Routes[i]
		table := joinKey("route", route.Name)
		for j, name := range route.Auth {
			a := r.cfg.Auth(name)
			if a == nil || slices.Index(route.Auth, name) < j {
				continue
			}
			for _, field := range a.Fields() {
				complain := func(key string, index int) {
					r.problem(key, index, fault{fmt.Sprintf("%s is set by auth.%s", field, name), "who asks is for that to say: remove it here"})
				}
				for other := range route.RequestSetHeaders {
					if sameField(other, field) {
						complain(joinKey(table+".request_set_headers", other), -1)
					}
				}
				for j, other := range route.RequestRemoveHeaders {
					if sameField(other, field) {
						complain(table+".request_remove_headers", j)
					}
				}
			}
		}
	}
}

// Fields returns the names of the request fields that the auth sets. A client's own never pass.
func (a *Auth) Fields() []string {
	names := slices.Clone(a.Copy)
	for name := range a.Set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// sameField reports whether two names of fields are one to an upstream that makes variables of them.
func sameField(a, b string) bool {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }
	return plain(a) == plain(b)
}
