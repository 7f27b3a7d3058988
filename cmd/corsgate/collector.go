package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// This file has the garbage collector run less often while little memory is in use. The heap of a gateway is small, a few MiB, and Go
// collects as soon as it has doubled. Forwarding allocates nothing, but a TLS handshake leaves some 60 KiB: a flood of them
// would have the collector run many times a second, beside the loops that serve the clients that are connected.

// The heap grows to quietHeap before it is collected, or to a part of GOMEMLIMIT, which has to have room for clients.
const (
	quietHeap  = 32 << 20 // bytes
	quietShare = 8        // the limit divided by this
)

const (
	usualPercent = 100     // of GOGC, by default
	firstHeap    = 4 << 20 // at which Go collects at first, and multiplies with the percentage; see runtime.GC
)

var collectLessOnce = sync.OnceFunc(collectLess)

// collectLess has the collector wait until the heap has grown, from now on. GOGC, if it is set, is obeyed instead.
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

// percentFor returns what GOGC is to be while so many bytes are in use and the heap is to grow to quiet. It is coarse, so that it
// seldom changes.
func percentFor(inUse, quiet int64) int {
	most := usualPercent * quiet / firstHeap // or Go's own least heap would be larger than quiet
	p := usualPercent * (quiet/max(1, inUse) - 1)
	return int(max(usualPercent, min(p, most)))
}

// inUse returns what the last collection has found in use, and what it has looked at beside, in bytes: Go has the heap grow in
// proportion to that.
func inUse() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(s)
	sum := uint64(0)
	for i := range s {
		sum += s[i].Value.Uint64()
	}
	return int64(sum)
}

// afterCollections calls f now and after each collection, one call at a time.
func afterCollections(f func()) {
	type mark struct{ _ [2]*byte } // no tiny object: those are collected together
	var again func(struct{})
	again = func(struct{}) {
		f()
		runtime.AddCleanup(new(mark), again, struct{}{})
	}
	again(struct{}{})
}
