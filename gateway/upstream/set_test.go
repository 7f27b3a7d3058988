package upstream_test

import (
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
)

// TestSetEndpoints: endpoints that stay keep their connections, those that leave lose them, and
// exchanges under way end as they began.
func TestSetEndpoints(t *testing.T) {
	closed := make(chan *server, 4)
	var a, b *server
	a = serve(t, func(p *peer) { answer(p); closed <- a })
	b = serve(t, func(p *peer) { answer(p); closed <- b })
	u := pool(t, options(), a)
	get(t, u)
	stays := u.Endpoints()[0]
	u.SetEndpoints([]upstream.Address{b.address(), a.address()})
	if got := u.Endpoints(); len(got) != 2 || got[1] != stays || got[0] == stays {
		t.Fatalf("%v, want a new endpoint and the old one", got)
	}
	u.SetEndpoints([]upstream.Address{a.address()})
	get(t, u)
	if n := a.opened.Load(); n != 1 {
		t.Errorf("%d connections to the endpoint that stays, want 1", n)
	}
	x, idle := request("GET", ""), request("GET", "")
	if err := do(u, x); err != nil {
		t.Fatal(err)
	}
	if err := do(u, idle); err != nil {
		t.Fatal(err)
	}
	idle.Next()
	idle.End(time.Now())
	u.SetEndpoints([]upstream.Address{b.address()})
	if s := <-closed; s != a {
		t.Error("a connection to the wrong server was closed")
	}
	if data, err := x.Next(); string(data) != "ok" || err != nil {
		t.Errorf("an exchange under way: %q, %v", data, err)
	}
	x.End(time.Now())
	if s := <-closed; s != a || !stays.Closed() {
		t.Error("the connection in use was not closed after its exchange")
	}
	get(t, u)
	if n := b.opened.Load(); n != 1 {
		t.Errorf("%d connections to the new endpoint, want 1", n)
	}
}

// TestNoEndpoints: an upstream whose name leads nowhere fails, and recovers.
func TestNoEndpoints(t *testing.T) {
	s := serve(t, answer)
	u := pool(t, options())
	_, _, err := run(u, request("GET", ""))
	wantError(t, err, 503, upstream.ClassNowhere)
	if h := u.Host(nil); len(h) != 0 {
		t.Errorf("Host %q", h)
	}
	u.SetEndpoints([]upstream.Address{s.address()})
	get(t, u)
	if h := string(u.Host(nil)); h != s.Addr().String() {
		t.Errorf("Host %q", h)
	}
	u.SetEndpoints(nil)
	_, _, err = run(u, request("GET", ""))
	wantError(t, err, 503, upstream.ClassNowhere)
}

// TestSetEndpointsAfterStop: nothing is kept for an upstream that has left the configuration.
func TestSetEndpointsAfterStop(t *testing.T) {
	s := serve(t, answer)
	u := upstream.New("test", nil, options())
	u.Stop()
	u.SetEndpoints([]upstream.Address{s.address()})
	get(t, u)
	if !u.Endpoints()[0].Closed() {
		t.Error("the endpoint is open")
	}
}
