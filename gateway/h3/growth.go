package h3

import (
	"math"
	"runtime/debug"
	"sync/atomic"

	"github.com/quic-go/quic-go"
)

// This file bounds what clients of HTTP/3 may send before it is read, which quic-go holds for them: content that waits behind a slow
// upstream. Each connection has connWindow for that. It grows as content is read fast, up to maxConnWindow, while all of them have
// grown by no more than a bound.

// grownOfAll bounds by how many bytes the windows of all connections may have grown; it is an eighth of GOMEMLIMIT if that is less.
const grownOfAll = 64 << 20

// windows are by how much the windows of connections have grown.
type windows struct {
	bytes, most atomic.Int64
}

func (w *windows) init() {
	most := int64(grownOfAll)
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		most = min(most, limit/8)
	}
	w.most.Store(most)
}

// A window is by how much the window of one connection has grown.
type window struct{ bytes atomic.Int64 }

// grow reports whether the window may grow by so many bytes, and notes it then.
func (w *windows) grow(one *window, bytes int64) bool {
	if w.bytes.Add(bytes) <= w.most.Load() && one.bytes.Add(bytes) > 0 {
		return true
	}
	w.bytes.Add(-bytes)
	return false
}

// giveBack notes that a connection has ended: its window grows no more.
func (w *windows) giveBack(one *window) {
	w.bytes.Add(-one.bytes.Swap(math.MinInt64 / 2))
}

// growWindow is quic.Config.AllowConnectionWindowIncrease.
func (s *Server) growWindow(qc *quic.Conn, bytes uint64) bool {
	q, ok := qc.Context().Value(connKey{}).(*conn) // it waits for nothing, as it must not
	return ok && s.windows.grow(&q.window, int64(bytes))
}
