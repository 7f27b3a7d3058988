package gateway_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"testing"

	"golang.org/x/net/http2"
)

// TestCrowd: when there are nearly as many connections as there may be, idle ones end early, also
// those that were idle before, and when there are even more, responses end theirs.
func TestCrowd(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			// Without the crowd they would be idle for longer than the test is patient.
			g, address := serveOn(t, engine, "[limits]\nconnections = 20\n[timeouts]\nidle = \"32s\"\n[route.a]\nrespond = { body = \"a\" }\n")
			var idle []clientConn
			ask := func() (closes bool) {
				c := dial(t, address)
				idle = append(idle, c)
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				return res.Close
			}
			for i := range 18 {
				if ask() {
					t.Errorf("connection %d ends after its response", i+1)
				}
			}
			if !ask() {
				t.Error("the 19th of 20 connections does not end after its response")
			}
			until(t, "idle connections have made room", func() bool {
				return sample(t, g, `corsgate_connections{listener="http"}`) < 14
			})
			if _, err := idle[0].Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the connection that was idle first: %v, want its end", err)
			}
			if ask() {
				t.Error("there is room, and yet a connection ends after its response")
			}
		})
	}
}

// TestCrowdMultiplexed: so it is with connections of HTTP/2 and HTTP/3. One with a request under way goes on.
func TestCrowdMultiplexed(t *testing.T) {
	multiplexed(t, func(t *testing.T, engine string) {
		t.Parallel()
		g, address := serveOn(t, engine, "[limits]\nconnections = 20\n[timeouts]\nidle = \"8s\"\n"+policy(echoing(t), "ONE"))
		busy := newDialogue(t, multiplexedClient(t, engine), address)
		for range 16 {
			fetch(t, multiplexedClient(t, engine), "GET", "https://"+address+"/fixed", nil)
		}
		until(t, "idle connections have made room", func() bool {
			return sample(t, g, `corsgate_connections{listener="http"}`) < 14
		})
		busy.asks(t, '1')
		busy.ends(t)
	})
}

// TestCrowdGoAway: an idle client of HTTP/2 is told to go, and what it asks before it has heard that is answered.
func TestCrowdGoAway(t *testing.T) {
	_, address := serveOn(t, secure, "[limits]\nconnections = 20\n[timeouts]\nidle = \"8s\"\n"+hello)
	var all []*framed
	for range 17 {
		all = append(all, frames(t, address))
	}
	asked := []string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h"}
	for _, f := range all {
		f.ask(1, true, asked...)
		if got := f.outcome(1); got != "200" {
			t.Fatal(got)
		}
	}
	first := all[0]
	for {
		frame, err := first.ReadFrame()
		if err != nil {
			t.Fatalf("%v, want GOAWAY", err)
		}
		if frame, ok := frame.(*http2.GoAwayFrame); ok {
			if frame.ErrCode != http2.ErrCodeNo || frame.LastStreamID != 1<<31-1 {
				t.Errorf("%v, want one that leaves time", frame)
			}
			break
		}
	}
	first.ask(3, true, asked...)
	if got := first.outcome(3); got != "200" {
		t.Errorf("%s, want 200: it had not heard that it was to go", got)
	}
	for {
		if _, err := first.ReadFrame(); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("%v, want the end", err)
			}
			break
		}
	}
}
