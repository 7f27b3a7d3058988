//go:build linux

package loop_test

import (
	"bytes"
	"io"
	"net"
	"slices"
	"testing"

	"github.com/corsgate/corsgate/gateway/loop"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// An asker is a client that speaks HTTP/2 by prior knowledge.
type asker struct {
	*http2.Framer
	c     net.Conn
	out   bytes.Buffer
	block bytes.Buffer
	enc   *hpack.Encoder
	id    uint32
}

func (r *trial) asker(t testing.TB) *asker {
	t.Helper()
	c, read := r.dial(t)
	a := &asker{c: c}
	a.enc = hpack.NewEncoder(&a.block)
	a.Framer = http2.NewFramer(&a.out, read)
	a.out.WriteString(http2.ClientPreface)
	a.WriteSettings()
	a.WriteSettingsAck()
	a.ask("/local/first")
	a.flush(t)
	if n := a.answers(t, 1); n != 1 {
		t.Fatal("no answer")
	}
	return a
}

// ask adds a request to what is sent by flush.
func (a *asker) ask(path string) {
	a.block.Reset()
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":path", path}, {":authority", "h"}} {
		a.enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	a.id += 2
	a.WriteHeaders(http2.HeadersFrameParam{StreamID: a.id - 1, BlockFragment: a.block.Bytes(), EndStream: true, EndHeaders: true})
}

func (a *asker) flush(t testing.TB) {
	t.Helper()
	write(t, a.c, a.out.String())
	a.out.Reset()
}

// answers reads until n streams have ended, and returns how many have.
func (a *asker) answers(t testing.TB, n int) (ended int) {
	t.Helper()
	for ended < n {
		f, err := a.ReadFrame()
		switch {
		case err == io.EOF:
			return ended
		case err != nil:
			t.Fatalf("after %d of %d answers: %v", ended, n, err)
		}
		if d, ok := f.(*http2.DataFrame); ok && d.StreamEnded() {
			ended++
		}
	}
	return ended
}

// TestTurns: a connection that sends a thousand requests at once does not keep another waiting for all of them, and all
// are answered.
func TestTurns(t *testing.T) {
	const burst = 1000
	var began []string // on the loop's goroutine
	r := begin(t, func(r *trial) {
		r.h2c = true
		r.began = func(path string) { began = append(began, path) }
	})
	greedy, other := r.asker(t), r.asker(t)
	for range burst {
		greedy.ask("/local/greedy")
	}
	other.ask("/local/other")
	held, release := make(chan bool), make(chan bool)
	r.loop.Post(func() { began = nil; close(held); <-release })
	<-held
	greedy.flush(t)
	other.flush(t)
	close(release)
	if n := other.answers(t, 1); n != 1 {
		t.Error("the other connection has no answer")
	}
	if n := greedy.answers(t, burst); n != burst {
		t.Errorf("%d requests of the burst were answered, want %d", n, burst)
	}
	at := -1
	r.loop.Inside(func() { at = slices.Index(began, "/local/other") })
	if at < 0 || at > 2*64 {
		t.Errorf("the other request began after %d of the burst, want at most two turns of 64", at)
	}
}

// TestTurnsOfParts: a burst that is put off is served whole and in order however it is cut, and the end of the connection in the
// middle of it leaves nothing.
func TestTurnsOfParts(t *testing.T) {
	r := begin(t, func(r *trial) { r.h2c = true })
	a := r.asker(t)
	for range 700 {
		a.ask("/local/x")
	}
	b := a.out.Bytes()
	for len(b) > 0 {
		n := min(len(b), 1+len(b)/3)
		write(t, a.c, string(b[:n]))
		b = b[n:]
	}
	a.out.Reset()
	if n := a.answers(t, 700); n != 700 {
		t.Errorf("%d answers, want 700", n)
	}
	for range 700 {
		a.ask("/local/x")
	}
	a.flush(t)
	a.c.Close() // begin's end looks whether anything is left
}

// TestLookInTurns: a look at what all requests hold lets others have their turn in between, however many connections there are.
func TestLookInTurns(t *testing.T) {
	_, each := loop.TurnsToLook(0)
	for _, v := range []struct{ sockets, want int }{{0, 1}, {1, 1}, {each, 1}, {each + 1, 2}, {5*each - 1, 5}} {
		if got, _ := loop.TurnsToLook(v.sockets); got != v.want {
			t.Errorf("a look at %d sockets takes %d turns, want %d", v.sockets, got, v.want)
		}
	}
}
