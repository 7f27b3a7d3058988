package fleetcmd

import (
	"testing"

	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
)

func TestTransition(t *testing.T) {
	f := func(before, after explain.Summary, want string) {
		t.Helper()
		if got := transition(before, after); got != want {
			t.Errorf("%+v to %+v: %q, want %q", before, after, got, want)
		}
	}
	const allowed, denied = fetch.Allowed, fetch.Denied
	v := func(anonymous, credentialed fetch.Outcome, reason string, status int) explain.Summary {
		return explain.Summary{Route: "a", Anonymous: anonymous, Credentialed: credentialed, Reason: reason, Status: status}
	}
	f(v(allowed, allowed, "allowed", 0), v(denied, denied, "origin-not-allowed", 0), "allowed → denied (origin-not-allowed)  [route.a]")
	f(v(allowed, denied, "allowed", 0), v(allowed, allowed, "allowed", 0), "with credentials denied → allowed  [route.a]")
	f(v(allowed, denied, "allowed", 0), v(denied, allowed, "allowed", 0), "allowed → denied, with credentials denied → allowed  [route.a]")
	f(v(denied, denied, "origin-not-allowed", 0), v(denied, denied, "origin-not-allowed", 403), "the upstream's answer → 403  [route.a]")
	f(v(allowed, allowed, "allowed", 0), explain.Summary{Anonymous: denied, Credentialed: denied, Status: 404}, "allowed → denied, the upstream's answer → 404  [route.a → route.none]")
}
