package h2

import (
	"fmt"
	"strings"
	"testing"
)

// shared returns the order in which streams with these priorities, "" for a client that says nothing, have their turns, if each has
// two shares to send and there is room for so many.
func shared(t *testing.T, p *peer, room int, priorities ...string) string {
	t.Helper()
	left := map[uint32]int{}
	var streams []*Stream
	for i, priority := range priorities {
		id := uint32(2*i + 1)
		if p.s.find(id) == nil {
			fields := getOf("/")
			if priority != "" {
				fields = append(fields, field{"priority", priority})
			}
			p.feed(p.headers(id, true, fields...))
		}
		left[id] = 2
		streams = append([]*Stream{p.s.find(id)}, streams...)
	}
	var order []string
	p.s.Share(streams, func() bool { return room > 0 }, func(st *Stream) bool {
		room--
		order = append(order, fmt.Sprint(st.ID))
		left[st.ID]--
		return left[st.ID] > 0
	})
	return strings.Join(order, " ")
}

// TestShare: whose turn it is to send.
func TestShare(t *testing.T) {
	for _, c := range []struct {
		want       string
		priorities []string
	}{
		{"1 3 5 1 3 5", []string{"", "", ""}},
		{"1 3 5 1 3 5", []string{"i", "i", "i"}},
		{"1 1 3 3 5 5", []string{"u=3", "u=3", "u=3"}},
		{"5 5 3 3 1 1", []string{"u=7", "u=3", "u=0"}},
		{"3 3 1 5 1 5", []string{"", "u=1", ""}},
		{"3 5 3 5 1 1", []string{"u=4", "u=1, i", "u=1, i"}},
		{"1 3 1 3 5 5", []string{"u=3", "i", "u=3"}}, // those that do not alternate share one place
		{"", nil},
	} {
		if got := shared(t, greeted(t), 100, c.priorities...); got != c.want {
			t.Errorf("%q: got %s, want %s", c.priorities, got, c.want)
		}
	}
	// It goes on where it stopped, whichever streams come and go.
	p := greeted(t)
	five := []string{"", "", "", "", ""}
	for _, want := range []string{"1 3 5", "7 9 1", "3 5 7"} {
		if got := shared(t, p, 3, five...); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
