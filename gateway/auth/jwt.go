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

// How many tokens that were refused are remembered, how many bytes they take, and for how long. What is found out about a
// token by its text and by the keys is the same the next time, so that one which is sent again and again, as pages do that do not
// notice its expiry, costs no goroutine and no signature. They displace no token that is good.
const (
	maxRefused   = 4096
	refusedBytes = 4 << 20
	refusedFor   = time.Minute // clocks are set
)

// A refusedToken is why a token was refused, by these keys.
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
	if r, ok := t.refused.get(text, q.Now); ok && r.keys == t.keySet() {
		return outcome{reason: Reason(r.failure.Step), failure: r.failure}
	}
	return outcome{reason: undecided}
}

// refuseToken returns the outcome for a token that is refused, and remembers it, unless the same token may be good later.
func (t *Table) refuseToken(q *Subject, text string, keys *token.Keys, f *token.Failure) outcome {
	switch f.Step {
	case token.Kid, token.Nbf, token.NoKeys:
	default:
		if len(text) <= maxKept && !q.rehearsed() {
			t.refused.put(text, refusedToken{f, keys}, 0, q.Now, q.Now.Add(refusedFor))
		}
	}
	return outcome{reason: Reason(f.Step), failure: f}
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
	keys := t.keySet()
	c, failed := t.rules.Check(kept, keys, q.Now)
	if failed != nil && failed.Step == token.NoKeys && t.source != nil && !q.rehearsed() {
		t.source.Await(keysWait)
		keys = t.keySet()
		c, failed = t.rules.Check(kept, keys, q.Now)
	}
	if failed != nil && failed.Step == token.Kid && t.source != nil && !q.rehearsed() && t.source.Renew(keysWait, q.Now) {
		keys = t.keySet()
		c, failed = t.rules.Check(kept, keys, q.Now)
	}
	if failed != nil && failed.Step == token.NoKeys && q.rehearsed() {
		return outcome{reason: Unknown}
	}
	if failed != nil {
		return t.refuseToken(q, kept, keys, failed)
	}
	if !t.pool.enter(q.Client) {
		return outcome{reason: Busy}
	}
	v, failed := t.rules.Verify(c)
	t.pool.leave()
	if failed != nil {
		return t.refuseToken(q, kept, keys, failed)
	}
	i := t.identify(v.Claims)
	if len(kept) <= maxKept && !q.rehearsed() {
		t.tokens.put(kept, grant{i, v.Key}, i.size(), q.Now, v.Expires)
	}
	return outcome{reason: Verified, identity: i}
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
