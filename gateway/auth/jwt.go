package auth

import (
	"bytes"
	"cmp"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/auth/token"
)

const (
	tokenBytes = 1 << 10 // that an entry of [config.Auth.Cache] stands for
	maxKept    = 8 << 10 // a longer token is verified each time
	leastBytes = 2 * maxEntry * maxKept
	// keysWait bounds how long a request waits for keys.
	keysWait = 5 * time.Second
)

// Refusals are not remembered, but for the one that costs: that no key has made the signature of a token, or that a token with a
// good one does not have the claims that are required. This depends on the bytes of the token, the keys and the table alone, not on
// the time, so it stays true until the keys are others. All else is judged again each time, which costs the parse of the token: one
// that is not valid yet, or whose key arrives later, works at once when it may. These have a memory of their own, so they displace no
// token that is good.
const (
	maxRefused   = 4096
	refusedBytes = 4 << 20
	refusedFor   = time.Hour // so that what does not come again goes
)

// A refusedToken is what [token.Rules.Verify] said of a token, with these keys.
type refusedToken struct {
	failure *token.Failure
	keys    *token.Keys
}

// A grant is what a verified token admits.
type grant struct {
	*Identity
	key *token.Key
}

// keySet returns the keys of tokens, or nil.
func (t *Table) keySet() *token.Keys {
	if t.source != nil {
		return t.source.Keys()
	}
	return t.static
}

// recallToken finds out what is known of a token without looking at its signature.
func (t *Table) recallToken(q *Subject) outcome {
	text, n := t.place.find(q.Request)
	switch {
	case n == 0:
		return outcome{reason: Missing}
	case n > 1:
		return outcome{reason: Repeated}
	case len(text) > token.MaxLength:
		return outcome{reason: Reason(token.Length)}
	}
	if g, ok := t.tokens.get(text, q.Now); ok && !g.key.Retired() {
		return outcome{reason: Remembered, identity: g.Identity}
	}
	return outcome{reason: undecided}
}

// settleToken verifies a token that is not remembered. It waits: for keys, if there are none or if the token's is unknown, and
// for its turn, so that many bad tokens leave time for all else.
func (t *Table) settleToken(q *Subject) outcome {
	o := t.recallToken(q)
	if o.reason != undecided {
		return o
	}
	text, _ := t.place.find(q.Request)
	kept := string(bytes.Clone(text))
	c, keys, failed := t.checkToken(q, kept)
	if failed != nil && failed.Step == token.NoKeys && q.rehearsed() {
		return outcome{reason: Unknown}
	}
	if failed != nil {
		return outcome{reason: Reason(failed.Step), failure: failed}
	}
	if r, ok := t.refused.get(text, q.Now); ok && r.keys == keys {
		return outcome{reason: Reason(r.failure.Step), failure: r.failure}
	}
	if !t.pool.enter(q.Client) {
		return outcome{reason: Busy}
	}
	v, failed := t.rules.Verify(c)
	t.pool.leave()
	keep := len(kept) <= maxKept && !q.rehearsed()
	if failed != nil {
		if keep {
			t.refused.put(kept, refusedToken{failed, keys}, 0, q.Now, q.Now.Add(refusedFor))
		}
		return outcome{reason: Reason(failed.Step), failure: failed}
	}
	i := t.identify(v.Claims)
	if keep {
		t.tokens.put(kept, grant{i, v.Key}, i.size(), q.Now, v.Expires)
	}
	return outcome{reason: Verified, identity: i}
}

// checkToken judges all of a token but its signature, by the keys that it returns. It waits for keys that may be on their way.
func (t *Table) checkToken(q *Subject, text string) (c *token.Candidate, keys *token.Keys, failed *token.Failure) {
	keys = t.keySet()
	c, failed = t.rules.Check(text, keys, q.Now)
	if failed == nil || t.source == nil || q.rehearsed() {
		return c, keys, failed
	}
	if failed.Step == token.NoKeys {
		t.source.Await(keysWait)
		keys = t.keySet()
		c, failed = t.rules.Check(text, keys, q.Now)
	}
	// A fetch that was under way may have begun before the key was published: then another one is worth it. One may also have ended
	// since the keys were looked at.
	for range 2 {
		if failed == nil || failed.Step != token.Kid || !t.source.Renew(keysWait, q.Now) && t.keySet() == keys {
			break
		}
		keys = t.keySet()
		c, failed = t.rules.Check(text, keys, q.Now)
	}
	return c, keys, failed
}

// identify returns who a token is about: its subject, or the client that it was given.
func (t *Table) identify(c token.Claims) *Identity {
	subject := cmp.Or(c.Text("sub"), c.Text("client_id"), c.Text("azp"))
	return t.newIdentity(subject, consumerOf(&t.Config, subject), func(variable string) string {
		claim, ok := strings.CutPrefix(variable, "claim.")
		if !ok {
			return ""
		}
		return c.Text(claim)
	})
}
