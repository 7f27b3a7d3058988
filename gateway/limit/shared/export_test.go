package shared

import (
	"context"
	"hash/maphash"
	"regexp"
	"time"
	"unsafe"

	"github.com/redis/go-redis/v9"
)

// Timed is the script with a clock that its fifth argument gives, in microseconds. Redis's own clock, by which keys go, is left out.
var Timed = redis.NewScript("local now = tonumber(ARGV[5])\n" + regexp.MustCompile(`, 'PX', .*\n`).ReplaceAllString(scriptBody, ")\n"))

// Script is the script.
var Script = script

// Cells is how many keys share a set.
const Cells = cells

// Bound returns what N nodes admit beyond burst and rate.
func Bound(nodes, burst int64) int64 { return nodes * (debtOf(burst) + leaseOf(burst)) }

// AllowHash is Allow for a hash, so that a test can choose the set.
func (l *Limiter) AllowHash(hash uint64, key []byte, now time.Time) bool {
	return l.allow(hash, key, int64(now.Sub(l.store.start))).Allowed
}

// Truth is what a fake Redis does.
type Truth func(key string, period time.Duration, burst, passed, want int64) (granted, ahead int64, err error)

// Fake lets s reach truth after a delay, before it runs.
func (s *Store) Fake(truth Truth, delay func() time.Duration, probe func() error) {
	s.open = func() link { return &fake{truth, delay, probe} }
}

type fake struct {
	truth Truth
	delay func() time.Duration
	why   func() error
}

func (f *fake) call(ctx context.Context, calls []call) error {
	there := f.delay() / 2
	time.Sleep(there)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := f.why(); err != nil {
		return err
	}
	for i := range calls {
		a := &calls[i]
		a.granted, a.ahead, a.err = f.truth(a.name, time.Duration(a.limiter.rate.Period), a.limiter.burst, a.debt-a.back, a.want)
	}
	time.Sleep(there)
	return ctx.Err()
}

func (f *fake) probe(context.Context) error { return f.why() }
func (f *fake) close()                      {}

// Suppose has s share limits although it does not run: what is asked waits.
func (s *Store) Suppose() { s.down.Store(false) }

// Lease gives l a lease of a key.
func (l *Limiter) Lease(key []byte, n int64, now time.Time) {
	i, _ := l.find(maphash.Bytes(l.seed, key), key, int64(now.Sub(l.store.start)))
	l.at(i).balance.Store(n)
}

// Sizes are those of a cell and of a set, in bytes.
const (
	CellSize = unsafe.Sizeof(cell{})
	SetSize  = unsafe.Sizeof(set{})
)
