package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
)

// inUse returns how much memory is in use, as the gateway sees it.
func inUse() int64 {
	for range 3 { // pools are emptied at the second
		runtime.GC()
	}
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() + s[1].Value.Uint64())
}

// TestRelief: requests that are not all there hold no more than their share of the memory, and less if memory runs out for another
// reason: those end that hold most, with a 503. A small one stays, and requests are served.
func TestRelief(t *testing.T) {
	if os.Getenv("CORSGATE_TEST_RELIEF") == "" {
		byItself(t, "TestRelief", "CORSGATE_TEST_RELIEF=1") // what other tests have left in memory would count
		return
	}
	for name, short := range map[string]bool{"bound": false, "short": true} {
		t.Run(name, func(t *testing.T) { relief(t, short) })
	}
}

func relief(t *testing.T, short bool) {
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	for name, large := range map[string]string{
		"heads":        "GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 60_000),
		"content":      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 16000\r\n\r\n" + strings.Repeat("x", 15_000),
		"much content": "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 65000\r\n\r\n" + strings.Repeat("x", 64_000),
	} {
		for _, engine := range []string{looped, blocking} {
			t.Run(name+" "+engine, func(t *testing.T) {
				before := debug.SetMemoryLimit(1 << 40)
				defer debug.SetMemoryLimit(before)
				g, address := serveOn(t, engine, "[limits]\nheader_bytes = \"64KiB\"\n[timeouts]\nheader = \"60s\"\nbody_idle = \"60s\"\n"+
					fmt.Sprintf("[upstream.u]\nendpoints = [%q]\n[route.a]\nupstream = \"u\"\n", url))
				send := func(text string) crowdedClient {
					c := dial(t, address)
					io.WriteString(c, text)
					return crowdedClient{c, bufio.NewReader(c)}
				}
				send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				least := inUse()
				var all []crowdedClient
				for range 15_000_000 / len(large) {
					all = append(all, send(large))
				}
				small := send("GET / HTTP/1.1\r\nHo")
				until(t, "what they send is held", func() bool { return inUse()-least > int64(len(large)*len(all))/2 })
				percent := int64(60) // in use; the collector does not mind
				var other []byte
				if short { // and they hold less than their share: a seventh, with what buffers are larger than their content
					time.Sleep(1100 * time.Millisecond) // a moment is over
					percent = 71
					other = make([]byte, int64(7*len(large)*len(all))*percent/100-inUse())
				}
				debug.SetMemoryLimit(inUse() * 100 / percent)
				ended, collected := 0, time.Time{}
				until(t, "some have ended", func() bool {
					// It is what a collection finds in use that counts. What has ended is to be gone by the second one.
					if short && time.Since(collected) > time.Second {
						runtime.GC()
						collected = time.Now()
					}
					ended = int(sample(t, g, `corsgate_shed_total{reason="memory"}`))
					return ended > 0
				})
				until(t, "ten requests in a row are served", func() bool { // looks at memory may be to come, and a collection
					for range 10 {
						if (crowdedClient{dial(t, address), nil}).served(t) != 200 {
							return false
						}
					}
					return true
				})
				if !small.goesOn() {
					t.Error("a small one has ended")
				}
				answered := 0
				for _, c := range all {
					if c.goesOn() {
						continue
					}
					c.r.UnreadByte()
					if res, err := http.ReadResponse(c.r, nil); err != nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || !res.Close {
						t.Fatalf("%v, %v, want 503 with Retry-After", res, err)
					}
					answered++
				}
				if answered == 0 || answered == len(all) {
					t.Errorf("%d of %d have ended, want some", answered, len(all))
				}
				runtime.KeepAlive(other)
			})
		}
	}
}

// served makes a request, and returns its status.
func (c crowdedClient) served(t *testing.T) int {
	t.Helper()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}
