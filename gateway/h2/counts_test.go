package h2

import (
	"sync/atomic"
	"testing"
)

// TestCounts: who has reset what, and why a connection has ended, is counted once; a session without counts is like one with.
func TestCounts(t *testing.T) {
	counts, open := &Counts{}, &atomic.Int64{}
	o := *testOptions
	o.Counts, o.Streams = counts, open
	p := newPeer(t, &o)
	p.feed(p.hello())
	check := func(name string, got, want int64) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
	for id := uint32(1); id <= 2*MaxStreams+1; id += 2 {
		p.feed(p.headers(id, true, getOf("/")...))
	}
	check("refused", counts.Refused(), 1)
	check("refused, as resets", counts.Resets(Gateway, RefusedStream), 1)
	check("open", open.Load(), MaxStreams)
	for _, code := range []string{"\x00\x00\x00\x08", "\x00\x00\x00\x0e", "\xff\xff\xff\xff"} {
		p.feed(raw(frameReset, 0, 1, code))
	}
	check("cancelled by the client", counts.Resets(Client, Cancel), 1)
	check("codes that are not registered", counts.Resets(Client, Code(14)), 2)
	check("the same", counts.Resets(Client, 1<<20), 2)
	p.feed(raw(frameWindow, 0, 3, "\x00\x00\x00\x00"))
	check("reset by us", counts.Resets(Gateway, ProtocolError), 1)
	for st := range p.s.All() {
		p.s.Reset(st, InternalError)
	}
	check("open in the end", open.Load(), 0)
	check("reset by us in the end", counts.Resets(Gateway, InternalError), MaxStreams-2)
	p.feed(raw(frameGoAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x0b"))
	check("GOAWAY of the client", counts.GoAways(Client, EnhanceYourCalm), 1)
	p.s.Leave()
	check("GOAWAY", counts.GoAways(Gateway, NoError), 1)
	for range 200 {
		p.feed(raw(frameSettings, 0, 0, ""))
	}
	check("floods of SETTINGS", counts.Floods(CauseSettings), 1)
	check("GOAWAY for them", counts.GoAways(Gateway, EnhanceYourCalm), 1)
	for _, c := range Causes() {
		if c != CauseSettings {
			check("floods of "+c.String(), counts.Floods(c), 0)
		}
	}
}
