package shared_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/internal/redistest"
	"github.com/corsgate/corsgate/gateway/limit"
	"github.com/corsgate/corsgate/gateway/limit/shared"
	"github.com/redis/go-redis/v9"
)

func connect(t testing.TB, address string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: address, Protocol: 2, MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

// truth is the obvious twin of the script: for each key a level in nanoseconds, that drips.
type truth struct {
	level, last map[string]int64 // last in microseconds
}

func newTruth() *truth { return &truth{map[string]int64{}, map[string]int64{}} }

func (x *truth) count(now int64, key string, period, burst, passed, want int64) (granted, ahead int64) {
	level := max(0, x.level[key]-1000*max(0, now-x.last[key]))
	level = max(0, level+passed*period)
	left := max(0, burst*period-level) / period
	granted = min(want, (left+3)/4)
	x.level[key], x.last[key] = level+granted*period, now
	return granted, x.level[key]
}

// scripted runs the script with a clock of its own.
func scripted(c *redis.Client, now int64, key string, period, burst, passed, want int64) ([]int64, error) {
	return shared.Timed.Run(context.Background(), c, []string{key}, period, burst, passed, want, now).Int64Slice()
}

// TestScript holds the script against its twin, to the nanosecond, on each engine.
func TestScript(t *testing.T) {
	redistest.Each(t, func(t *testing.T, address string) {
		c := connect(t, address)
		random := rand.New(rand.NewPCG(1, 2))
		for n := range 200 {
			period := []int64{1000, 1001, 333_333_333, 1e6, 36e11, 1 + random.Int64N(1e9)}[random.IntN(6)]
			period = max(period, 1000)
			burst := 1 + random.Int64N(1000)
			if period == 36e11 {
				burst = 1 + random.Int64N(2) // levels are doubles to the script: exact up to 2^53 ns, which is 104 days
			}
			twin, now := newTruth(), int64(1_767_225_600_000_000)
			for step := range 20 {
				key := fmt.Sprint("test:", n, ":", random.IntN(2))
				now += random.Int64N(1 + 2*period/1000)
				if random.IntN(20) == 0 {
					now -= random.Int64N(1e7) // a failover
				}
				passed, want := random.Int64N(burst+2), random.Int64N(burst+2)
				if random.IntN(4) == 0 {
					passed = -passed
				}
				got, err := scripted(c, now, key, period, burst, passed, want)
				if err != nil {
					t.Fatal(err)
				}
				granted, ahead := twin.count(now, key, period, burst, passed, want)
				if len(got) != 2 || got[0] != granted || got[1] != ahead {
					t.Fatalf("case %d, step %d: period %d, burst %d, passed %d, want %d: %d, want [%d %d]", n, step, period, burst, passed, want, got, granted, ahead)
				}
			}
		}
	})
}

// TestScriptIsGCRA: events that ask first, one at a time, get from the script what package limit gives them.
func TestScriptIsGCRA(t *testing.T) {
	redistest.Each(t, func(t *testing.T, address string) {
		c := connect(t, address)
		random := rand.New(rand.NewPCG(3, 4))
		for n := range 50 {
			period, burst := 1000*(1+random.Int64N(1e6)), 1+random.Int64N(5)
			rate, now := limit.NewRate(time.Duration(period), int(burst)), int64(0)
			var tat atomic.Int64
			for range 30 {
				now += random.Int64N(3 * period / 1000)
				got, err := scripted(c, 1_767_225_600_000_000+now, fmt.Sprint("gcra:", n), period, burst, 0, 1)
				if err != nil {
					t.Fatal(err)
				}
				if v := rate.Count(&tat, 1000*now); v.Allowed != (got[0] == 1) || max(0, tat.Load()-1000*now) != got[1] {
					t.Fatalf("period %d, burst %d at %d: %d, want %+v and %d ahead", period, burst, now, got, v, tat.Load()-1000*now)
				}
			}
		}
	})
}

// TestScriptClock: the script reads the clock of Redis, and what it writes goes when nothing is paid ahead any more.
func TestScriptClock(t *testing.T) {
	redistest.Each(t, func(t *testing.T, address string) {
		c, ctx := connect(t, address), context.Background()
		f := func(passed, want, granted int64, ahead time.Duration) {
			t.Helper()
			got, err := shared.Script.Run(ctx, c, []string{"k"}, int64(time.Hour), 3, passed, want).Int64Slice()
			if err != nil {
				t.Fatal(err)
			}
			if off := ahead - time.Duration(got[1]); got[0] != granted || off < 0 || off > time.Minute {
				t.Errorf("%d passed, %d wanted: %d and %v, want %d and %v", passed, want, got[0], time.Duration(got[1]), granted, ahead)
			}
			if ttl := c.PTTL(ctx, "k").Val(); ahead > 0 && math.Abs(float64(ttl-ahead)) > float64(time.Minute) {
				t.Errorf("the key is kept for %v, want %v", ttl, ahead)
			}
		}
		f(1, 0, 0, time.Hour)
		f(0, 5, 1, 2*time.Hour)
		f(2, 5, 0, 4*time.Hour) // what has passed is counted beyond the burst
		f(-1, 0, 0, 3*time.Hour)
		f(-9, 0, 0, 0)
		if n := c.Exists(ctx, "k").Val(); n != 0 {
			t.Error("the key of nobody is kept")
		}
		c.Set(ctx, "k", "somebody's", 0)
		f(1, 0, 0, time.Hour)
		c.LPush(ctx, "list", "x")
		if err := shared.Script.Run(ctx, c, []string{"list"}, 1000, 1, 1, 0).Err(); err == nil || !redis.HasErrorPrefix(err, "WRONGTYPE") {
			t.Logf("miniredis words it otherwise: %v", err)
		}
	})
}
