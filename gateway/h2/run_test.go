package h2

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

// TestRuns: lines that are copied together make the same head as lines that are added one by one, whatever the order, the kinds and
// the limits are.
func TestRuns(t *testing.T) {
	names := []string{
		"accept", "user-agent", "origin", "x-a", "sec-fetch-mode", "accept", "x-b", "cookie", "host", "te", "priority", "content-length",
		":path", "connection", "x A",
	}
	values := []string{"", "*/*", "cors", "u=1, i", "7", "a=1", "trailers", "bad\x00", "a value of some length, so that limits are met"}
	r := rand.New(rand.NewPCG(7, 11))
	ran, refused := 0, 0
	for range 20_000 {
		d := Decoder{}
		d.Init()
		for range 1 + r.IntN(40) { // as literal adds them; older ones are evicted
			name, value := names[r.IntN(len(names)-r.IntN(len(names)))], values[r.IntN(len(values))] // mostly of the first
			k := kindOf([]byte(name))
			d.table.add(&line{
				text: []byte(name + ": " + value + "\r\n"), name: len(name), kind: k, id: wire.IdentifyRequest([]byte(name)),
				bad: !k.takes([]byte(value)),
			})
		}
		var block []byte
		for range 1 + r.IntN(4) { // stretches of neighbours
			for i := r.IntN(d.table.n); i >= 0 && r.IntN(12) > 0; i-- {
				block = append(block, 0x80|byte(staticSize+1+i))
			}
		}
		o := *testOptions
		o.Limits.Fields, o.Limits.HeadBytes = 1+r.IntN(20), 64+r.IntN(600)
		trailers, begun := r.IntN(4) == 0, r.IntN(20) > 0
		var got, want Head
		for _, h := range []*Head{&got, &want} {
			h.Begin(&o, trailers)
			if !trailers && begun {
				for _, i := range []int{2, 4, 7} { // :method, :path, :scheme
					h.add(&staticLines[i])
				}
			}
		}
		code, wantCode := d.Decode(block, &got), NoError
		for _, b := range block {
			l := d.table.line(int(b) - (0x80 | staticSize + 1))
			if want.add(&l); want.size > want.most {
				wantCode = EnhanceYourCalm
			}
		}
		state := func(h *Head) string {
			if h.Malformed { // the rest says nothing
				return fmt.Sprint("malformed, ", h.size)
			}
			return fmt.Sprintf("%q, %q, %d, %d, %v, %v, %q", h.Text, h.fields, h.size, h.lines, h.Fault, h.Priority, h.cookie)
		}
		if code != wantCode || code == NoError && state(&got) != state(&want) {
			t.Fatalf("%x with %s, %d fields, %d bytes:\ngot  %v, %s\nwant %v, %s", block, d.table.lines(), o.Limits.Fields, o.Limits.HeadBytes,
				code, state(&got), wantCode, state(&want))
		}
		if got.lines > 1 {
			ran++
		}
		if got.Fault != nil {
			refused++
		}
	}
	if ran < 1000 || refused < 1000 {
		t.Errorf("%d heads with lines, and %d above a limit: too few", ran, refused)
	}
}
