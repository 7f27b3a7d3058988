package snapshot

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestNetworks holds networks against a walk through all of them.
func TestNetworks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func() netip.Addr {
		if r.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(4)), byte(r.IntN(256))})
		}
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(r.IntN(4)), byte(r.IntN(4)), 15: byte(r.IntN(4))})
	}
	for range 200 {
		var n networks
		var all []netip.Prefix
		for range r.IntN(6) {
			a := random()
			p, err := a.Prefix(r.IntN(a.BitLen() + 1))
			if err != nil {
				t.Fatal(err)
			}
			n.add(p)
			all = append(all, p)
		}
		for range 50 {
			a, want := random(), false
			for _, p := range all {
				want = want || p.Contains(a)
			}
			if got := n.contains(a); got != want {
				t.Fatalf("%v in %v: %t, want %t", a, all, got, want)
			}
		}
	}
}

func TestAdmits(t *testing.T) {
	var allow, deny networks
	allow.add(netip.MustParsePrefix("10.1.0.0/16"))
	deny.add(netip.MustParsePrefix("10.1.66.0/24"))
	a := &Addresses{allow: allow, deny: deny}
	for address, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.1.66.1": false, "::ffff:10.1.66.1": false, "10.2.0.1": false, "::1": false} {
		if got := a.Admits(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
	open := &Addresses{any: true, deny: deny}
	if !open.Admits(netip.MustParseAddr("192.0.2.1")) || open.Admits(netip.MustParseAddr("10.1.66.9")) || a.Admits(netip.Addr{}) {
		t.Error("deny alone is not what refuses")
	}
}
