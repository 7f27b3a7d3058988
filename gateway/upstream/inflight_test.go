package upstream_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
)

func TestQueue(t *testing.T) {
	arrived, release := make(chan struct{}, 8), make(chan struct{})
	s := serve(t, func(p *peer) {
		for {
			if req, _ := p.request(); req == nil {
				return
			}
			arrived <- struct{}{}
			<-release
			p.say(ok)
		}
	})
	opts := options()
	opts.MaxConnections, opts.MaxQueue = 2, 3
	u := pool(t, opts, s)
	results := make(chan error, 8)
	for range 5 {
		go func() {
			_, _, err := run(u, request("GET", ""))
			results <- err
		}()
	}
	<-arrived
	<-arrived
	for u.Endpoints()[0].Waiting() < 3 {
		runtime.Gosched() // nothing tells when the last has joined the queue
	}
	_, _, err := run(u, request("GET", ""))
	wantError(t, err, 503, upstream.ClassQueue)
	close(release)
	for range 5 {
		if err := <-results; err != nil {
			t.Errorf("queued: %v", err)
		}
	}
	if n := s.opened.Load(); n > 2 {
		t.Errorf("%d connections, want at most 2", n)
	}
}

func TestQueueTimeout(t *testing.T) {
	s := serve(t, func(p *peer) { p.request(); p.r.ReadByte() })
	f := func(queue, deadline time.Duration) {
		t.Helper()
		opts := options()
		opts.MaxConnections, opts.QueueTimeout = 1, queue
		u := pool(t, opts, s)
		if !u.Endpoints()[0].TryAcquire() {
			t.Fatal("no room")
		}
		defer u.Endpoints()[0].Release()
		x := request("GET", "")
		if deadline > 0 {
			x.Deadline = time.Now().Add(deadline)
		}
		_, _, err := run(u, x)
		wantError(t, err, 503, upstream.ClassQueue)
	}
	f(10*time.Millisecond, 0)
	f(patience, 10*time.Millisecond)
}
