package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"
)

// A crowded client speaks HTTP/1.1.
type crowdedClient struct {
	clientConn
	r *bufio.Reader
}

// ask makes a request, and reports whether the response ends the connection.
func (c crowdedClient) ask(t *testing.T) (closes bool) {
	t.Helper()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	if res.StatusCode != 200 {
		t.Errorf("status %d, want 200", res.StatusCode)
	}
	return res.Close
}

// goesOn reports whether the connection is open and nothing comes on it.
func (c crowdedClient) goesOn() bool {
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.r.ReadByte()
	c.SetReadDeadline(time.Now().Add(patience))
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// TestCrowd: when all connections are taken, a newcomer is served all the same: the one that has been silent longest ends for
// it, those first that have never sent anything. What is active stays, and no response says that its connection ends.
func TestCrowd(t *testing.T) {
	for _, engine := range []string{looped, blocking, secure} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			_, address := serveOn(t, engine, "[limits]\nconnections = 12\n[timeouts]\nheader = \"60s\"\n[route.a]\nrespond = { body = \"a\" }\n")
			open := func() crowdedClient {
				c := dial(t, address)
				if c, ok := c.(secureConn); ok {
					if err := c.Handshake(); err != nil {
						t.Fatal(err)
					}
				}
				return crowdedClient{c, bufio.NewReader(c)}
			}
			asks := func(c crowdedClient) {
				t.Helper()
				if c.ask(t) {
					t.Error("a response ends its connection")
				}
			}
			active := open()
			asks(active)
			var idle, fresh, partial []crowdedClient
			for range 4 {
				c := open()
				asks(c)
				idle = append(idle, c)
			}
			for range 4 {
				c := open()
				io.WriteString(c, "GET / HTTP/1.1\r\nHo")
				partial = append(partial, c)
			}
			for range 3 {
				fresh = append(fresh, open())
			}
			time.Sleep(1100 * time.Millisecond) // none of them is silent for a moment only
			asks(active)
			for i := range 3 + 4 {
				asks(open())
				asks(active)
				for kind, list := range [][]crowdedClient{fresh, idle, partial} {
					ends := min(max(i+1-[]int{0, 3, 7}[kind], 0), len(list)) // of an incomplete request none, while others are idle
					until(t, fmt.Sprintf("after %d newcomers %d clients of kind %d have ended", i+1, ends, kind), func() bool {
						n := 0
						for _, c := range list {
							if !c.goesOn() {
								n++
							}
						}
						if n > ends {
							t.Fatalf("after %d newcomers %d clients of kind %d have ended, want %d", i+1, n, kind, ends)
						}
						return n == ends
					})
				}
			}
		})
	}
}

// TestCrowdInUse: when all connections are in use, responses end theirs, until those that wait have been served.
func TestCrowdInUse(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			arrived, release := make(chan bool), make(chan bool)
			var once sync.Once
			let := func() { once.Do(func() { close(release) }) }
			up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				select {
				case arrived <- true:
				case <-release:
				}
				<-release
			}))
			defer up.Close()
			defer let()
			g, address := serveOn(t, engine, "[limits]\nconnections = 2\nin_flight = 100\n[upstream.u]\nendpoints = [\""+up.URL+"\"]\n[route.a]\nupstream = \"u\"\n")
			var all []crowdedClient
			for i := range 3 {
				c := dial(t, address)
				all = append(all, crowdedClient{c, bufio.NewReader(c)})
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				if i < 2 {
					<-arrived // a connection that has sent nothing yet would give way to the next
				}
			}
			until(t, "a crowd is noticed", func() bool { return g.Crowded() })
			let()
			closes := 0
			for _, c := range all {
				res, err := http.ReadResponse(c.r, nil)
				if err != nil || res.StatusCode != 200 {
					t.Fatalf("%v, %v, want 200", res, err)
				}
				if res.Close {
					closes++
					c.Close() // until then the gateway lingers
				}
			}
			if closes == 0 {
				t.Error("no response ends its connection")
			}
			until(t, "the crowd is over", func() bool { return !g.Crowded() })
			last := dial(t, address)
			if (crowdedClient{last, bufio.NewReader(last)}).ask(t) {
				t.Error("there is room, and yet a connection ends after its response")
			}
		})
	}
}

// TestCrowdMultiplexed: so it is with connections of HTTP/2 and HTTP/3. One with a request under way goes on.
func TestCrowdMultiplexed(t *testing.T) {
	multiplexed(t, func(t *testing.T, engine string) {
		t.Parallel()
		g, address := serveOn(t, engine, "[limits]\nconnections = 6\n"+policy(echoing(t), "ONE"))
		busy := newDialogue(t, multiplexedClient(t, engine), address)
		for range 20 {
			var err error
			until(t, "a newcomer is served", func() bool {
				var res *http.Response
				if res, err = tryFetch(multiplexedClient(t, engine), "https://"+address+"/fixed"); err == nil {
					res.Body.Close()
				}
				return err == nil // HTTP/3 refuses: its clients come again, or by TCP
			})
		}
		if n := sample(t, g, `corsgate_connections{listener="http"}`); n > 6 {
			t.Errorf("%v connections, want 6 at most", n)
		}
		busy.asks(t, '1')
		busy.ends(t)
	})
}

func tryFetch(client http.RoundTripper, url string) (*http.Response, error) {
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return nil, err
	}
	return client.RoundTrip(r)
}
