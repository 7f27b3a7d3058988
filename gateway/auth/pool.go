package auth

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

// A pool bounds how many signatures are verified at once, to a half of the processors: the other is left to what is known
// already, however many bad tokens come. Those that wait for longer than they should, or are too many, are sent away. One
// client can have as many that wait as a quarter of what is free then: any number of clients together leave room for another.
type pool struct {
	places  chan struct{}
	waiting atomic.Int64
	seed    maphash.Seed
	of      [1 << 10]atomic.Int64 // that wait, by the hash of their client
}

const (
	maxVerifyWait  = time.Second
	maxVerifyQueue = 4096
)

func newPool(n int) *pool { return &pool{places: make(chan struct{}, n), seed: maphash.MakeSeed()} }

// enter waits for a place for a client. It reports false if there is none in time.
func (p *pool) enter(client netip.Addr) bool {
	select {
	case p.places <- struct{}{}:
		return true
	default:
	}
	of := p.share(client)
	defer of.Add(-1)
	defer p.waiting.Add(-1)
	if mine, all := of.Add(1), p.waiting.Add(1); all > maxVerifyQueue || mine > 1+(maxVerifyQueue-all)/4 {
		return false
	}
	late := time.NewTimer(maxVerifyWait)
	defer late.Stop()
	select {
	case p.places <- struct{}{}:
		return true
	case <-late.C:
		return false
	}
}

// share returns how many of a client wait. An IPv6 client has a network of 64 bits.
func (p *pool) share(client netip.Addr) *atomic.Int64 {
	if client = client.Unmap(); client.Is6() {
		network, _ := client.Prefix(64) // it fails for longer prefixes alone
		client = network.Addr()
	}
	return &p.of[maphash.Comparable(p.seed, client)%uint64(len(p.of))]
}

func (p *pool) leave() { <-p.places }
