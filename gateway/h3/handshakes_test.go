package h3

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// TestQUICHandshakes: there are so many at once, of one address an eighth, and who has ended counts no more.
func TestQUICHandshakes(t *testing.T) {
	const most = maxHandshakes
	if most/addressShare <= validateFrom {
		t.Errorf("who writes another's address into %d packets keeps it from having a handshake", validateFrom)
	}
	address := func(n int) netip.Addr {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(n))
		return netip.AddrFrom4(b)
	}
	var q handshakes
	greedy, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	begun := 0
	for q.begin(greedy, most) {
		begun++
	}
	if begun != most/8 || q.begin(other, most) {
		t.Errorf("%d of one /64, want %d", begun, most/8)
	}
	for n := range most - begun {
		if !q.begin(address(n), most) {
			t.Fatalf("only %d of %d beside them", n, most-begun)
		}
	}
	if q.begin(address(1<<20), most) {
		t.Errorf("more than %d", most)
	}
	q.end(greedy)
	if !q.begin(address(1<<20), most) || q.begin(greedy, most) {
		t.Error("one has ended, and there is not room for just one")
	}
	q.end(address(1 << 20))
	for range begun - 1 {
		q.end(greedy)
	}
	for n := range most - begun {
		q.end(address(n))
	}
	if len(q.prefixes) != 0 || q.all.Load() != 0 {
		t.Errorf("%d addresses and %d handshakes are left", len(q.prefixes), q.all.Load())
	}
	if !q.begin(greedy, 0) || q.begin(other, 0) {
		t.Error("of hardly any connections there is not one handshake")
	}
}
