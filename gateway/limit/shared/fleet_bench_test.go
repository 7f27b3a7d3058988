package shared_test

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/internal/redistest"
	"github.com/corsgate/corsgate/gateway/limit/shared"
)

// BenchmarkFleet has four nodes share a limit of 10 000/s, with loads that are even or not, beyond it and below. It reports by
// how much they miss it, and what Redis has to do. Run it with -benchtime=1x.
func BenchmarkFleet(b *testing.B) {
	s := redistest.Start(b)
	const rate, burst, seconds = 10_000, 1000, 3
	prefixes := 0
	run := func(name string, keys int, loads ...int) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				prefixes++
				var nodes []*node
				for range loads {
					n := newNode(b, shared.Options{Address: s.Address, Prefix: fmt.Sprint(prefixes, ":"), Timeout: 20 * time.Millisecond}, time.Second/rate, burst)
					n.shares(b)
					nodes = append(nodes, n)
				}
				var passed atomic.Int64
				var running sync.WaitGroup
				begin := time.Now()
				for i, n := range nodes {
					running.Go(func() {
						done, key := 0, make([]byte, 8)
						for d := time.Duration(0); d < seconds*time.Second; time.Sleep(time.Millisecond) {
							now := time.Now()
							d = now.Sub(begin)
							for ; done < int(d.Seconds()*float64(loads[i])); done++ {
								binary.LittleEndian.PutUint64(key, uint64(done%keys))
								if n.Allow(key, now).Allowed {
									passed.Add(1)
								}
							}
						}
					})
				}
				running.Wait()
				took := time.Since(begin).Seconds()
				calls, failed, alone, offered := 0, 0, int64(0), 0.0
				for i, n := range nodes {
					calls += n.result(shared.ResultOK)
					failed += n.result(shared.ResultTimeout)
					alone += n.alone.Load()
					offered += float64(loads[i]) * took
				}
				want := min(offered, rate*took+burst)
				if keys > 1 {
					want = offered
				}
				b.ReportMetric(100*(float64(passed.Load())-want)/want, "%error")
				b.ReportMetric(1000*float64(calls)/offered, "calls/1000events")
				b.ReportMetric(float64(failed), "timeouts")
				b.ReportMetric(float64(alone), "alone")
			}
		})
	}
	run("load=beyond,even", 1, 4000, 4000, 4000, 4000)
	run("load=beyond,uneven", 1, 14_000, 1000, 500, 100)
	run("load=far_beyond", 1, 20_000, 20_000, 20_000, 20_000)
	run("load=below,uneven", 1, 7000, 1000, 500, 100)
	run("load=one_node", 1, 9000)
	run("load=10000_keys", 10_000, 10_000)
}
