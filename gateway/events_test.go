package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestEvents: each event of a stream arrives before the next one is sent; and what is sent chunk by chunk ends as it should.
func TestEvents(t *testing.T) {
	next := make(chan bool)
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 5 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			http.NewResponseController(w).Flush()
			<-next
		}
	}))
	for _, engine := range []string{looped, blocking, secure} {
		_, address := serveOn(t, engine, policy(url, "ONE"))
		c := dial(t, address)
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		events := bufio.NewReader(res.Body)
		for i := range 5 {
			line, err := events.ReadString('\n')
			if want := fmt.Sprintf("data: %d\n", i); line != want || err != nil {
				t.Fatalf("%s: %q, %v, want %q", engine, line, err, want)
			}
			events.ReadString('\n')
			next <- true
		}
		if rest, err := io.ReadAll(events); len(rest) > 0 || err != nil {
			t.Errorf("%s: after the last event: %q, %v", engine, rest, err)
		}
		c.Close()
	}
}

// BenchmarkEvents is one event of a stream, from before the upstream writes its chunk until the client has read it. The
// slowest is reported, too: it should be less than 10 ms on a machine that has nothing else to do.
func BenchmarkEvents(b *testing.B) {
	for _, engine := range []string{looped, blocking, secure} {
		b.Run("engine="+engine, func(b *testing.B) {
			next := make(chan bool)
			url := conversing(b, func(c *net.TCPConn, r *bufio.Reader) {
				readHead(r)
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
				for range next {
					io.WriteString(c, "d\r\ndata: event\n\n\r\n")
				}
			})
			_, address := serveOn(b, engine, policy(url, "ONE"))
			c := dial(b, address)
			defer c.Close()
			defer close(next)
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				b.Fatal(err)
			}
			event := make([]byte, len("data: event\n\n"))
			slowest := time.Duration(0)
			for b.Loop() {
				began := time.Now()
				next <- true
				if _, err := io.ReadFull(res.Body, event); err != nil {
					b.Fatal(err)
				}
				slowest = max(slowest, time.Since(began))
			}
			b.ReportMetric(float64(slowest.Microseconds()), "slowest-µs")
		})
	}
}
