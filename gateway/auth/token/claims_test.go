package token

import (
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestType(t *testing.T) {
	key := newES256(t)
	keys := setOf(t, jose.JSONWebKey{Key: &key.PublicKey})
	rules := Rules{Algorithms: []string{"ES256"}, Audience: []string{"api"}, Type: "at+jwt"}
	for typ, want := range map[any]Step{"at+jwt": "", "AT+JWT": "", "application/at+jwt": "", "JWT": Typ, nil: Typ, 1: Typ} {
		head := claims{"alg": "ES256", "typ": typ}
		if typ == nil {
			delete(head, "typ")
		}
		if got := judge(&rules, compact(head, good(nil), signES256(key)), keys); got != want {
			t.Errorf("typ %v: fails at %q, want %q", typ, got, want)
		}
	}
}

func TestRequire(t *testing.T) {
	key := newES256(t)
	keys := setOf(t, jose.JSONWebKey{Key: &key.PublicKey})
	f := func(require map[string][]string, have claims, want bool) {
		t.Helper()
		rules := Rules{Algorithms: []string{"ES256"}, Audience: []string{"api"}, Require: require}
		got := judge(&rules, compact(claims{"alg": "ES256"}, good(have), signES256(key)), keys)
		if want && got != "" || !want && got != Claim {
			t.Errorf("%v of %v: fails at %q, want success: %t", require, have, got, want)
		}
	}
	scope := map[string][]string{"scope": {"orders:read"}}
	f(scope, claims{"scope": "orders:read"}, true)
	f(scope, claims{"scope": "a orders:read b"}, true)
	f(scope, claims{"scope": []string{"a", "orders:read"}}, true)
	f(scope, claims{"scope": "orders:reader xorders:read"}, false)
	f(scope, claims{"scope": ""}, false)
	f(scope, nil, false)
	role := map[string][]string{"role": {"admin", "ops"}, "plan": {"pro"}}
	f(role, claims{"role": "ops", "plan": "pro"}, true)
	f(role, claims{"role": []string{"x", "admin"}, "plan": "pro"}, true)
	f(role, claims{"role": "ops"}, false)
	f(role, claims{"role": "admin ops", "plan": "pro"}, false) // it is no scope
	f(map[string][]string{"realm.roles": {"a"}}, claims{"realm": claims{"roles": []string{"a"}}}, true)
	f(map[string][]string{"level": {"3"}}, claims{"level": 3}, true)
	f(map[string][]string{"verified": {"true"}}, claims{"verified": true}, true)
	f(map[string][]string{"verified": {"true"}}, claims{"verified": nil}, false)
}
