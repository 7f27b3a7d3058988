package auth

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/auth/token"
)

// TestRefusedAgain: of a bad token only what its signature costs is remembered, and that only for the keys that it was tried with.
func TestRefusedAgain(t *testing.T) {
	s, gates := compileText(t, tables+"[auth.admins]\nsecret_file = \"secret\"\nalgorithms = [\"HS256\"]\naudience = [\"api\"]\nrequire = { role = \"admin\" }\n[route.admins]\npath = \"/admins\"\nauth = [\"admins\"]\nrespond = {}\n", nil)
	good := tokenOf(nil)
	f := func(name, text, want string, remembered int64) {
		t.Helper()
		g, table := gates[name], s.tables[name]
		q := subject(parse(t, "/", "Authorization: Bearer "+text))
		before := table.refused.entries.Load()
		for range 2 {
			if !g.Recall(q).Waits {
				t.Errorf("%s: the refusal itself is remembered", want)
			}
			a := g.Settle(q, nil)
			if a.Admitted || a.Refusal.Code != want {
				t.Fatalf("%+v, want %s", a, want)
			}
		}
		if n := table.refused.entries.Load() - before; n != remembered {
			t.Errorf("%s: %d signatures remembered, want %d", want, n, remembered)
		}
		if n := table.tokens.entries.Load(); n != 0 {
			t.Errorf("%s: %d refusals are among the tokens that are good", want, n)
		}
	}
	f("users", tokenOf(map[string]any{"exp": 1}), "auth-exp", 0)
	f("users", tokenOf(map[string]any{"aud": "x"}), "auth-aud", 0)
	f("users", tokenOf(map[string]any{"nbf": begin.Unix() + 60}), "auth-nbf", 0)
	f("users", "a.b.c", "auth-form", 0)
	f("users", good[:len(good)-4]+"AAAA", "auth-signature", 1)
	f("admins", good, "auth-claim", 1)
}

// TestGoodLater: what was refused is admitted as soon as it is good: when its time has come, and when its key is there.
func TestGoodLater(t *testing.T) {
	s, gates := compileText(t, tables, nil)
	g, table := gates["users"], s.tables["users"]
	early := subject(parse(t, "/", "Authorization: Bearer "+tokenOf(map[string]any{"nbf": begin.Unix() + 60, "exp": begin.Unix() + 600})))
	if a := g.Settle(early, nil); a.Admitted || a.Refusal.Code != "auth-nbf" {
		t.Fatalf("before its time: %+v", a)
	}
	if early.Now = begin.Add(30 * time.Second); !g.Settle(early, nil).Admitted { // with the leeway
		t.Error("it is refused when its time has come")
	}
	keys := table.static
	table.static = token.SecretKeys([]byte("other keys, before a fetch brings these"))
	q := subject(parse(t, "/", "Authorization: Bearer "+tokenOf(nil)))
	for range 2 {
		if a := g.Settle(q, nil); a.Admitted || a.Refusal.Code != "auth-signature" {
			t.Fatalf("without its key: %+v", a)
		}
	}
	table.static = keys
	if !g.Settle(q, nil).Admitted {
		t.Error("it is refused although its key is there")
	}
}

// TestRefusedFlood: however many bad tokens come, they displace none that is good, and take no more room than they may.
func TestRefusedFlood(t *testing.T) {
	s, gates := compileText(t, tables, nil)
	g, table := gates["users"], s.tables["users"]
	good := subject(parse(t, "/", "Authorization: Bearer "+tokenOf(nil)))
	g.Settle(good, nil)
	check := func() {
		t.Helper()
		if n, size := table.refused.entries.Load(), table.refused.size.Load(); n == 0 || n > maxRefused || size > refusedBytes {
			t.Fatalf("%d refusals of %d bytes are remembered, want some, and %d of %d at most", n, size, maxRefused, refusedBytes)
		}
	}
	bad := func(i int) string {
		text := tokenOf(map[string]any{"jti": i, "pad": strings.Repeat("x", 1500)})
		return text[:len(text)-4] + "AAAA"
	}
	for i := range 100 {
		g.Settle(subject(parse(t, "/", "Authorization: Bearer "+bad(i))), nil)
		check()
	}
	pad := strings.Repeat("x", 2000)
	for i := range 3 * maxRefused { // likewise, without the signatures
		table.refused.put(fmt.Sprint(pad, i), refusedToken{}, 0, begin, begin.Add(refusedFor))
		check()
	}
	if !g.Recall(good).Admitted {
		t.Error("a good token was displaced by bad ones")
	}
}
