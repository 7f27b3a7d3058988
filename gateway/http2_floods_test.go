package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/pipe"
	"golang.org/x/net/http2"
)

// fieldsOf returns the fields of a request.
func fieldsOf(method string, more ...string) []string {
	return append([]string{":method", method, ":scheme", "https", ":path", "/", ":authority", "h"}, more...)
}

// answered waits until the gateway has acted on what was sent to it. It reports false if the connection has ended.
func (f *framed) answered() bool {
	mark := [8]byte{'m', 'a', 'r', 'k'}
	if f.WritePing(false, mark) != nil {
		return false
	}
	for {
		switch frame, err := f.ReadFrame(); frame := frame.(type) {
		case *http2.PingFrame:
			if frame.Data == mark {
				return true
			}
		case *http2.GoAwayFrame:
			return false
		default:
			if err != nil {
				return false
			}
		}
	}
}

// TestFloodsReachNothing: a client that floods the gateway while its request has yet to say whether it has content is sent away
// before the request reaches an upstream.
func TestFloodsReachNothing(t *testing.T) {
	for name, f := range map[string]struct {
		fields []string
		frame  func(c *framed) error
	}{
		"empty DATA":                {fieldsOf("POST"), func(c *framed) error { return c.WriteData(1, false, nil) }},
		"padding alone":             {fieldsOf("PATCH"), func(c *framed) error { return c.WriteDataPadded(1, false, nil, make([]byte, 9)) }},
		"empty DATA, a length":      {fieldsOf("PUT", "content-length", "40000"), func(c *framed) error { return c.WriteData(1, false, nil) }},
		"empty DATA, expectation":   {fieldsOf("PUT", "content-length", "9", "expect", "100-continue"), func(c *framed) error { return c.WriteData(1, false, nil) }},
		"empty DATA, other methods": {fieldsOf("REPORT"), func(c *framed) error { return c.WriteData(1, false, nil) }},
		"PING":                      {fieldsOf("POST"), func(c *framed) error { return c.WritePing(false, [8]byte{}) }},
		"SETTINGS":                  {fieldsOf("POST"), func(c *framed) error { return c.WriteSettings() }},
		"WINDOW_UPDATE":             {fieldsOf("POST"), func(c *framed) error { return c.WriteWindowUpdate(1, 1) }},
		"PRIORITY":                  {fieldsOf("POST"), func(c *framed) error { return c.WritePriority(1, http2.PriorityParam{}) }},
		"PRIORITY_UPDATE":           {fieldsOf("POST"), func(c *framed) error { return c.WriteRawFrame(0x10, 0, 0, []byte("\x00\x00\x00\x01u=1")) }},
	} {
		for _, engine := range []string{secure, secureBlocking} {
			t.Run(engine+", "+name, func(t *testing.T) {
				var try, seen atomic.Int64
				g, address := serveOn(t, engine, policy(newUpstream(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if r.Header.Get("X-Try") == fmt.Sprint(try.Load()) { // one of a try before may come late
						seen.Add(1)
					}
				})), "ONE"))
				for ; ; try.Add(1) {
					seen.Store(0)
					c := frames(t, address)
					began := time.Now()
					c.ask(1, false, append(slices.Clip(f.fields), "x-try", fmt.Sprint(try.Load()))...)
					c.answered()
					ended := make(chan string, 1)
					go func() { ended <- c.outcome(0) }()
					c.mute = true
					for n := 0; n < 3000 && f.frame(c) == nil; n++ {
					}
					if got := <-ended; got != "goaway ENHANCE_YOUR_CALM" && got != "closed" {
						t.Fatalf("the flood ends in %q", got)
					}
					c.c.Close()
					counted(t, g, `corsgate_connections{listener="http"}`, 0)
					n := seen.Load()
					if n == 0 {
						return
					}
					// On a busy machine a flood may pause for longer than a request has to wait.
					if time.Since(began) < pipe.Moment || try.Load() == 50 {
						t.Fatalf("%d requests have reached the upstream in try %d, want none", n, try.Load())
					}
				}
			})
		}
	}
}

// TestResetsReachLittle: of requests that are reset soon, in a turn of their own, few reach an upstream.
func TestResetsReachLittle(t *testing.T) {
	for _, engine := range []string{secure, secureBlocking} {
		for _, wave := range []int{1, 10, 100} {
			var seen atomic.Int64
			_, address := serveOn(t, engine, policy(newUpstream(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				seen.Add(1)
				<-r.Context().Done()
			})), "ONE"))
			c := frames(t, address)
			most, id, open := 180, uint32(1), true
			start := time.Now()
			for n := 0; open; n++ {
				if n*wave > 1000 && time.Since(start) > 10*time.Second {
					break // the budget has grown meanwhile: the machine is busy
				}
				if n*wave > 1000 {
					t.Fatalf("%s: %d requests were reset, and the connection is open", engine, n*wave)
				}
				began, first := time.Now(), id
				for range wave {
					c.ask(id, true, fieldsOf("GET")...)
					id += 2
				}
				open = c.answered()
				for ; first < id; first += 2 {
					c.WriteRSTStream(first, http2.ErrCodeCancel)
				}
				if open = open && c.answered(); time.Since(began) >= pipe.Moment {
					most += wave // they have waited long enough: the machine is busy
				}
			}
			c.c.Close()
			if n := int(seen.Load()); n > most {
				t.Errorf("%s, %d at once: %d requests have reached the upstream, want no more than %d", engine, wave, n, most)
			}
		}
	}
}

// TestServerSpeaksFirst: a request whose content waits for the response's head gets it.
func TestServerSpeaksFirst(t *testing.T) {
	multiplexed := []string{secure, secureBlocking}
	for _, engine := range multiplexed {
		_, address := serveOn(t, engine, policy(newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).EnableFullDuplex()
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			io.Copy(w, r.Body)
		})), "ONE"))
		for empty := range 2 {
			c := frames(t, address)
			c.ask(1, false, fieldsOf("POST")...)
			for range empty {
				c.WriteData(1, false, nil)
			}
			if got := c.outcome(1); got != "200" {
				t.Fatalf("%s: %s, want 200 before there is content", engine, got)
			}
			c.WriteData(1, true, []byte("late"))
			var got []byte
			for ended := false; !ended; {
				frame, err := c.ReadFrame()
				if err != nil {
					t.Fatal(err)
				}
				if d, ok := frame.(*http2.DataFrame); ok {
					got, ended = append(got, d.Data()...), d.StreamEnded()
				}
			}
			if string(got) != "late" {
				t.Errorf("%s: %q, want the content that came late", engine, got)
			}
			c.c.Close()
		}
	}
}
