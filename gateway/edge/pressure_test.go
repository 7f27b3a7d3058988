package edge

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestSilences: of many silences those are kept that end first, in order, and none that is a moment only.
func TestSilences(t *testing.T) {
	s := &Server{born: time.Now()}
	now := s.born.Add(time.Hour)
	for range 1000 {
		q := &Silences{age: now.Sub(s.born), most: 1 + rand.IntN(5)}
		var want []Silence
		for range rand.IntN(20) {
			after, d := rand.IntN(3), time.Duration(rand.Int64N(int64(4*time.Second)))
			v := s.NewSilence(after, now.Add(-d))
			q.Add(v)
			if d >= moments[after]+time.Microsecond {
				want = append(want, v)
			}
		}
		q.Add(0)
		slices.Sort(want)
		if want = want[:min(len(want), q.most)]; !slices.Equal(q.list, want) {
			t.Fatalf("%v, want %v", q.list, want)
		}
	}
	order := []Silence{s.NewSilence(Fresh, s.born), s.NewSilence(Fresh, now), s.NewSilence(Between, s.born), s.NewSilence(Between, now), s.NewSilence(Partial, s.born)}
	if !slices.IsSorted(order) || order[0] <= 0 {
		t.Errorf("%v, want an order", order)
	}
}
