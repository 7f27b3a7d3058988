package report

import (
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/frequent"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
)

// TestAllowedIsSampled: few preflights are all listed, and of many there is one in each interval.
func TestAllowedIsSampled(t *testing.T) {
	var l Lists
	q := &Request{
		Head:   &wire.Request{Origin: []byte("https://a.example"), OriginLines: 1, ACRM: []byte("PUT"), ACRMLines: 1},
		Route:  &snapshot.Route{Name: "api"},
		Config: &config.Config{Routes: []config.Route{{Name: "api", Path: "/api"}}},
		Now:    time.Unix(1e9, 0),
	}
	want := func(when string, n uint64) {
		t.Helper()
		var got uint64
		l.allowed.All(func(_ *fetch.Question, f frequent.Frequency) { got += f.Count })
		if got != n {
			t.Errorf("%s: %d are listed, want %d", when, got, n)
		}
	}
	allow := func() {
		if l.AllowDue(q.Now) {
			l.Allow(q, []byte("key"))
		}
	}
	for range 3 * allowedBurst {
		allow()
	}
	want("many at once", allowedBurst)
	for range 10 {
		q.Now = q.Now.Add(allowedEvery)
		allow()
		allow()
	}
	want("20 more in 10 intervals", allowedBurst+10)
	questions := l.Questions(256)
	if len(questions) != 1 || questions[0].Origin != "https://a.example" || questions[0].Method != "PUT" {
		t.Errorf("the questions are %v, want one", questions)
	}
}
