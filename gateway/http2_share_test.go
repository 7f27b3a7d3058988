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

// TestHTTP2Share: large responses of one connection come alike, and a small one does not wait for them.
func TestHTTP2Share(t *testing.T) {
	for _, engine := range []string{secure, secureBlocking} {
		t.Run(engine, func(t *testing.T) {
			_, address := serveOn(t, engine, policy(newUpstream(t, http.HandlerFunc(sized)), "ONE"))
			const streams, size = 10, 4 << 20
			c := wide(t, address)
			defer c.c.Close()
			for i := range uint32(streams) {
				c.get(2*i+1, size)
			}
			got := map[uint32]int{}
			c.content(t, func(id uint32, n int, end bool) bool { got[id] += n; return !end })
			for i := range uint32(streams) {
				if n := got[2*i+1]; n < size/4 {
					t.Errorf("stream %d has %d of %d bytes when the first has all: %v", 2*i+1, n, size, got)
				}
			}
			for left := streams - 1; left > 0; { // nothing of them is lost
				c.content(t, func(id uint32, n int, end bool) bool {
					if got[id] += n; end {
						left--
					}
					return !end
				})
			}
			for id, n := range got {
				if n != size {
					t.Errorf("stream %d has %d bytes, want %d", id, n, size)
				}
			}
			// What the kernel holds of the large one is a few megabytes.
			c.get(101, 64<<20)
			c.content(t, func(uint32, int, bool) bool { return false })
			c.get(103, 1000)
			c.content(t, func(id uint32, _ int, end bool) bool {
				if end && id == 101 {
					t.Error("the small response came when the large one had ended")
				}
				return !end
			})
		})
	}
}
