package acme

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"maps"
	"path"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// challenges are what an authority has asked for, and may come to see at any moment. They are stored, too: it may come to
// another process, be it the successor of this one, or a gateway on another machine.
type challenges struct {
	storage *storage
	prefix  string // where they are stored

	mu      sync.Mutex // of who changes pending
	pending atomic.Pointer[map[string]*challenge]
}

// A challenge is of one domain.
type challenge struct {
	acme.Challenge
	certificate *tls.Certificate // of TLS-ALPN-01
}

func newChallenge(c acme.Challenge) (*challenge, error) {
	if c.Type != acme.ChallengeTypeTLSALPN01 {
		return &challenge{Challenge: c}, nil
	}
	certificate, err := acmez.TLSALPN01ChallengeCert(c)
	return &challenge{c, certificate}, err
}

// solvers returns what acmez presents challenges to, by their type.
func (cs *challenges) solvers(tlsALPN, http bool) map[string]acmez.Solver {
	solvers := map[string]acmez.Solver{}
	if tlsALPN {
		solvers[acme.ChallengeTypeTLSALPN01] = cs
	}
	if http {
		solvers[acme.ChallengeTypeHTTP01] = cs
	}
	return solvers
}

// Present is part of acmez.Solver.
func (cs *challenges) Present(ctx context.Context, c acme.Challenge) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	next, err := newChallenge(c)
	if err != nil {
		return err
	}
	cs.change(c.Identifier.Value, next)
	return cs.storage.Store(ctx, cs.file(c.Identifier.Value), text)
}

// CleanUp is part of acmez.Solver.
func (cs *challenges) CleanUp(ctx context.Context, c acme.Challenge) error {
	cs.change(c.Identifier.Value, nil)
	return cs.storage.Delete(ctx, cs.file(c.Identifier.Value))
}

func (cs *challenges) file(name string) string {
	return path.Join(cs.prefix, certmagic.StorageKeys.Safe(name)+".json")
}

// change replaces the challenge of a name; nil removes it.
func (cs *challenges) change(name string, c *challenge) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	next := map[string]*challenge{}
	if now := cs.pending.Load(); now != nil {
		next = maps.Clone(*now)
	}
	if next[name] = c; c == nil {
		delete(next, name)
	}
	cs.pending.Store(&next)
}

// find returns the challenge of a name, or nil.
func (cs *challenges) find(name string) *challenge {
	if pending := cs.pending.Load(); pending != nil {
		if c := (*pending)[name]; c != nil {
			return c
		}
	}
	text, err := cs.storage.Load(context.Background(), cs.file(name))
	if err != nil {
		return nil
	}
	var stored acme.Challenge
	if json.Unmarshal(text, &stored) != nil || stored.Identifier.Value != name {
		return nil
	}
	c, err := newChallenge(stored)
	if err != nil {
		return nil
	}
	return c
}

func (cs *challenges) certificate(name string) *tls.Certificate {
	if c := cs.find(name); c != nil {
		return c.certificate
	}
	return nil
}

func (cs *challenges) keyAuthorization(name, token string) string {
	if c := cs.find(name); c != nil && c.Type == acme.ChallengeTypeHTTP01 && c.Token == token {
		return c.KeyAuthorization
	}
	return ""
}
