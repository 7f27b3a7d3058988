package matcher_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/corsgate/corsgate/matcher"
)

// Every address is written in one way, and no other text is an address.
func TestIPv6(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 20_000 {
		var b [16]byte
		for i := range b {
			if r.IntN(4) == 0 {
				b[i] = byte(r.IntN(256))
			}
		}
		addr := netip.AddrFrom16(b)
		origin := "https://[" + twinIPv6(addr) + "]"
		if !matcher.ValidOrigin([]byte(origin)) {
			t.Fatalf("ValidOrigin(%q) = false, want true", origin)
		}
		i := len("https://[") + r.IntN(len(origin)-len("https://["))
		for _, other := range []string{"https://[" + addr.StringExpanded() + "]", origin[:i] + origin[i+1:], origin[:i] + ":" + origin[i:], origin[:i] + "0" + origin[i:]} {
			if got, want := matcher.ValidOrigin([]byte(other)), twinSplit(other).valid; got != want {
				t.Fatalf("ValidOrigin(%q) = %t, want %t", other, got, want)
			}
		}
	}
}
