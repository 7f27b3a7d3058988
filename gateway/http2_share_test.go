package gateway_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// sized answers with as many bytes as the path says.
func sized(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	w.Header().Set("Content-Length", strconv.Itoa(n))
	piece := make([]byte, 16<<10)
	for ; n > 0; n -= len(piece) {
		if _, err := w.Write(piece[:min(n, len(piece))]); err != nil {
			return
		}
	}
}

// wide is a client whose windows are never short: what is between it and its responses is its socket.
func wide(t *testing.T, address string) *framed {
	t.Helper()
	c := frames(t, address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	c.WriteWindowUpdate(0, 1<<30)
	return c
}

func (f *framed) get(id uint32, size int) {
	f.ask(id, true, ":method", "GET", ":scheme", "https", ":path", fmt.Sprint("/", size), ":authority", "h")
}

// content reads content, and calls each for what came for a stream, until that reports false.
func (f *framed) content(t *testing.T, each func(id uint32, n int, end bool) bool) {
	t.Helper()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch d := frame.(type) {
		case *http2.DataFrame:
			if !each(d.StreamID, len(d.Data()), d.StreamEnded()) {
				return
			}
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			t.Fatal(frame)
		case *http2.SettingsFrame:
			if !d.IsAck() {
				f.WriteSettingsAck()
			}
		}
	}
}

// TestHTTP2Share: large responses of one connection come alike, and a small one does not wait for them. Both depend on when the
// upstream has its turn on the processor, too, so what fails is tried again: a gateway that sends one after the other fails each time.
func TestHTTP2Share(t *testing.T) {
	for _, engine := range []string{secure, secureBlocking} {
		t.Run(engine, func(t *testing.T) {
			_, address := serveOn(t, engine, policy(newUpstream(t, http.HandlerFunc(sized)), "ONE"))
			c := wide(t, address)
			defer c.c.Close()
			next := uint32(1)
			again(t, func() string { next += 100; return c.alike(t, next) })
			again(t, func() string { next += 100; return c.overtakes(t, next) })
		})
	}
}

// again calls try up to thirty times, until what it says is wrong is nothing.
func again(t *testing.T, try func() (wrong string)) {
	t.Helper()
	var wrong string
	for range 30 {
		if wrong = try(); wrong == "" {
			return
		}
		t.Log(wrong)
	}
	t.Error(wrong)
}

// alike asks for ten large responses, on streams from id on, and says which has come late. Nothing of them may be lost.
func (f *framed) alike(t *testing.T, id uint32) (wrong string) {
	t.Helper()
	const streams, size = 10, 4 << 20
	for i := range uint32(streams) {
		f.get(id+2*i, size)
	}
	got := map[uint32]int{}
	f.content(t, func(id uint32, n int, end bool) bool { got[id] += n; return !end })
	for i := range uint32(streams) {
		if n := got[id+2*i]; n < size/4 {
			wrong = fmt.Sprintf("stream %d has %d of %d bytes when the first has all: %v", id+2*i, n, size, got)
		}
	}
	for left := streams - 1; left > 0; left-- {
		f.content(t, func(id uint32, n int, end bool) bool { got[id] += n; return !end })
	}
	for id, n := range got {
		if n != size {
			t.Errorf("stream %d has %d bytes, want %d", id, n, size)
		}
	}
	return wrong
}

// overtakes asks for a large response and then for a small one, on streams from id on, and says if the small one comes last.
func (f *framed) overtakes(t *testing.T, id uint32) (wrong string) {
	t.Helper()
	f.get(id, 32<<20) // the kernel holds a few megabytes of it
	f.content(t, func(uint32, int, bool) bool { return false })
	f.get(id+2, 1000)
	for left := 2; left > 0; left-- {
		f.content(t, func(ended uint32, _ int, end bool) bool {
			if end && ended == id && left == 2 {
				wrong = "the small response came when the large one had ended"
			}
			return !end
		})
	}
	return wrong
}
