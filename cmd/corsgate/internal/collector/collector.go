// Package collector makes the garbage collector run less often while little memory is in use. The heap of a gateway is
// small, a few MiB, and Go collects as soon as it has doubled. Forwarding allocates nothing, but a TLS handshake leaves
// some 60 KiB: a flood of them would make the collector run many times a second, beside the loops that serve the clients
// that are connected.
package collector

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// The heap grows to quietHeap before it is collected, or to a part of GOMEMLIMIT, which must leave room for clients.
const (
	quietHeap  = 32 << 20 // bytes
	quietShare = 8        // the limit divided by this
)

const (
	usualPercent = 100     // of GOGC, by default
	firstHeap    = 4 << 20 // bytes: Go's first heap at 100 %, proportional to the percentage; see runtime.GC
)

// Relax makes the collector wait until the heap has grown, from now on. If GOGC is set, it is obeyed instead.
var Relax = sync.OnceFunc(collectLess)

func collectLess() {
	if os.Getenv("GOGC") != "" {
		return
	}
	quiet := min(quietHeap, debug.SetMemoryLimit(-1)/quietShare)
	now := usualPercent
	afterCollections(func() {
		if p := percentFor(inUse(), quiet); p != now {
			debug.SetGCPercent(p) // it stops the world for some microseconds
			now = p
		}
	})
}

// percentFor returns the value of GOGC with which a heap with so many bytes in use grows to quiet bytes. It is coarse, so
// that it seldom changes.
func percentFor(inUse, quiet int64) int {
	most := usualPercent * quiet / firstHeap // or Go's own least heap would be larger than quiet
	p := usualPercent * (quiet/max(1, inUse) - 1)
	return int(max(usualPercent, min(p, most)))
}

// inUse returns the bytes that the last collection found in use, with the stacks and globals that it scanned: the heap may
// grow in proportion to these.
func inUse() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(s)
	sum := uint64(0)
	for i := range s {
		sum += s[i].Value.Uint64()
	}
	return int64(sum)
}

// afterCollections calls f now and after collections, one call at a time. A collection that ends while f runs may go without a call.
func afterCollections(f func()) {
	type mark struct{ _ [2]*byte } // not a tiny object: those are collected together
	var again func(struct{})
	again = func(struct{}) {
		f()
		runtime.AddCleanup(new(mark), again, struct{}{})
	}
	again(struct{}{})
}
