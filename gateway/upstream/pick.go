package upstream

import (
	"math/rand/v2"
	"slices"
)

// A Balance says by what an upstream chooses among its endpoints.
type Balance uint8

// The balances. Each respects weights. OfTwo is the less busy of two drawn at random, which
// is nearly as even as asking all and does not herd; busy is the number of exchanges in flight,
// divided by the weight.
const (
	OfTwo Balance = iota
	RoundRobin
	LeastInFlight
	Hash // of a key of the exchange; one without a key goes by OfTwo
)

// A Choice is what Pick has to know of an exchange.
type Choice struct {
	Hash   uint64 // of the key, any that is evenly spread
	Hashed bool   // there is a key
	// Tried are endpoints at which the exchange has failed: others come first.
	Tried []*Endpoint
}

func (c *Choice) tried(e *Endpoint) bool { return len(c.Tried) > 0 && slices.Contains(c.Tried, e) }

// Pick chooses an endpoint. It returns nil if there is none.
func (u *Upstream) Pick(c *Choice) *Endpoint {
	s := u.set.Load()
	switch len(s.active) {
	case 0:
		return nil
	case 1:
		return s.active[0].endpoint
	}
	if c.Hashed && s.ring != nil {
		if e := s.pickHash(c, u.flying.Load()); e != nil {
			return e
		}
	} else if len(c.Tried) > 0 {
		if e := s.pickUntried(c); e != nil {
			return e
		}
	}
	switch u.opts.Balance {
	case RoundRobin:
		return s.active[s.schedule[u.turn.Add(1)%uint64(len(s.schedule))]].endpoint
	case LeastInFlight:
		return s.pickLeast()
	}
	return s.pickOfTwo()
}

// An entry is an endpoint that takes exchanges, with its weight of now.
type entry struct {
	endpoint *Endpoint
	weight   int64
	inverse  int64 // of the weight, times a constant; for LeastInFlight only
}

// draw returns the number of an entry at random, by weight.
func (s *set) draw() int32 { return s.schedule[rand.IntN(len(s.schedule))] }

// pickOfTwo draws one entry by weight, so that where nothing is in flight shares are as they
// should be, and another one evenly.
func (s *set) pickOfTwo() *Endpoint {
	i := s.draw()
	j := rand.Int32N(int32(len(s.active)) - 1)
	if j >= i {
		j++
	}
	a, b := &s.active[i], &s.active[j]
	if a.endpoint.inFlight.Load()*b.weight <= b.endpoint.inFlight.Load()*a.weight {
		return a.endpoint
	}
	return b.endpoint
}

// pickUntried returns the least busy endpoint that was not tried, or nil.
func (s *set) pickUntried(c *Choice) *Endpoint {
	return s.least(func(e *Endpoint) bool { return !c.tried(e) })
}

// least returns the least busy endpoint that may be used, or nil; of equals it is one that is drawn
// by weight, or the next that may be used after it. It asks all, so it is for the rare cases.
func (s *set) least(may func(*Endpoint) bool) *Endpoint {
	var best *entry
	first := int(s.draw())
	for i := range s.active {
		a := &s.active[(first+i)%len(s.active)]
		if may(a.endpoint) && (best == nil ||
			a.endpoint.inFlight.Load()*best.weight < best.endpoint.inFlight.Load()*a.weight) {
			best = a
		}
	}
	if best == nil {
		return nil
	}
	return best.endpoint
}
