package upstream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream/conn"
)

// Health says how endpoints are asked whether they are well. Each is asked apart from the others
// and from exchanges; probes have separate connections.
type Health struct {
	Path      string // of a GET; "": a connection is all that is asked for
	Status    []int  // that a well endpoint answers with
	Interval  time.Duration
	Timeout   time.Duration // of one check
	Healthy   int           // good checks in a row that make an endpoint well
	Unhealthy int           // bad ones that make it unwell
}

// startChecks begins to check endpoints that are not checked yet. Precondition: Upstream.mu is held.
func (u *Upstream) startChecks() {
	if u.opts.Health == nil {
		return
	}
	for _, e := range u.Endpoints() {
		if e.cancelChecks == nil {
			ctx, cancel := context.WithCancel(context.Background())
			e.cancelChecks = cancel
			go e.checkOn(ctx)
		}
	}
}

// stopChecks ends them. Precondition: Upstream.mu is held.
func (e *Endpoint) stopChecks() {
	if e.cancelChecks != nil {
		e.cancelChecks()
		e.cancelChecks = nil
	}
}

// checkOn checks an endpoint again and again. The first check comes within an interval, later ones
// an interval apart, give or take a tenth: gateways that start together do not ask together.
func (e *Endpoint) checkOn(ctx context.Context) {
	h := e.opts.Health
	wait := time.NewTimer(rand.N(h.Interval))
	defer wait.Stop()
	in, run := true, 0 // the state, and the checks in a row that speak against it
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		err := e.check(ctx)
		if ctx.Err() != nil {
			return
		}
		if Exhausted(err) {
			wait.Reset(h.Interval)
			continue
		}
		if in == (err == nil) {
			run = 0
		} else if run++; in && run >= h.Unhealthy || !in && run >= h.Healthy {
			in, run = !in, 0
			e.turn(err)
		}
		wait.Reset(h.Interval - h.Interval/10 + rand.N(h.Interval/5+1))
	}
}

// turn notes that an endpoint is unwell because of err, or well again if that is nil.
func (e *Endpoint) turn(err error) {
	u := e.upstream
	u.mu.Lock()
	e.unhealthy = ""
	if err != nil {
		e.unhealthy = "health check: " + err.Error()
	}
	u.mu.Unlock()
	u.kick()
}

// check asks once.
func (e *Endpoint) check(ctx context.Context) error {
	h := e.opts.Health
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	by, _ := ctx.Deadline()
	if h.Path == "" {
		nc, err := e.conns.Dial(ctx, by)
		if err == nil {
			nc.Close() // it has told what it had to
		}
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://endpoint"+h.Path, nil)
	if err != nil {
		return err
	}
	req.Host = string(e.upstream.Host([]byte(e.Address.authority())))
	req.Header.Set("User-Agent", "corsgate (health check)")
	transport := &http.Transport{
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: int64(conn.ResponseLimits.HeadBytes),
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return e.dialReady(ctx, by) },
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	res.Body.Close() // the rest is not wanted
	if !slices.Contains(h.Status, res.StatusCode) {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}

// dialReady makes a connection as for a request of the gateway itself: with TLS and a PROXY header,
// if the endpoint wants them.
func (e *Endpoint) dialReady(ctx context.Context, by time.Time) (net.Conn, error) {
	c, err := e.conns.Connect(ctx, by, nil, nil)
	if err != nil {
		return nil, err
	}
	return c.Conn, nil
}
