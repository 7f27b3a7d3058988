// Package access is the access log: a line for each request that is selected for logging, as JSON
// or as text for a terminal.
//
// Requests never wait for the log. The engine puts a Record into a Shard, which copies it to
// memory of a fixed size; one goroutine renders and writes the records of all shards. If the
// reader of the log is slow or has stopped, or the disk is full, the shards fill up, and further
// records are dropped and counted.
//
// A line contains the path of the request but never its query, which may carry tokens, and no
// header fields except Host and Origin. Values chosen by clients are escaped in JSON, and quoted in
// text unless they are printable ASCII without spaces, so they cannot forge a line.
package access

import (
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Record is what there is to say of one request. The strings are those of the program and its
// configuration; the slices are the client's, and are copied by Put. What is empty is left out.
type Record struct {
	Time   time.Time  // at which the request began
	Client netip.Addr // the other end of the connection, or who that says it speaks for

	Protocol string // such as "HTTP/1.1"

	ID, Method, Host, Path, Origin []byte

	Route, Upstream, Endpoint string

	Auth, Consumer string // who was found, by which table

	Status  int
	Verdict string        // of the CORS policy, by its code: "allowed", or why not
	Error   string        // why the gateway refused, or what failed, by its code
	Limit   string        // that the request was beyond: its key and its value
	Bytes   int64         // of the response's content, as declared; -1: not known
	Total   time.Duration // from the request's head to the end of the response
	Own     time.Duration // the gateway's share of it; -1: not measured
}

// Sizes of a shard: what a core can put in within a few milliseconds.
const (
	shardRecords = 1024
	shardText    = 128 << 10 // bytes
	maxText      = 1 << 10   // bytes of each of a record's slices; the end of a longer one is cut
)

// pause is how long the writer waits for company of a record. The shards must hold out as long.
const pause = 10 * time.Millisecond

// A Destination is where lines go, and how they look there.
type Destination struct {
	Out io.Writer
	// Close is called when nothing more will be written to Out; nil: the caller keeps it open.
	Close func() error
	// Text: lines for a person instead of JSON. Color: with colours.
	Text, Color bool
}

// A Choice says which requests are logged. The zero value chooses none.
type Choice struct {
	on        bool
	threshold uint64 // of a random uint32: below it a request is logged
}

// ParseChoice returns what a configuration's log.access stands for.
// Precondition: the configuration is valid.
func ParseChoice(s string) Choice {
	switch s {
	case "off":
		return Choice{}
	case "errors":
		return Choice{on: true}
	case "all":
		return Choice{true, 1 << 32}
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil {
		panic("BUG: log.access is " + strconv.Quote(s))
	}
	return Choice{true, uint64(math.Round(percent / 100 * (1 << 32)))}
}

// On reports whether any requests are logged: if so, all errors are.
func (c Choice) On() bool { return c.on }

// Sample reports whether a request that begins is in the share that is logged in any case.
func (c Choice) Sample() bool { return c.threshold > 0 && uint64(rand.Uint32()) < c.threshold }

// A Log is an access log. Its methods are safe for concurrent use.
type Log struct {
	shards  []Shard
	spare   buffer // swapped with a shard's
	render  *renderer
	to      atomic.Pointer[destination] // of render
	next    atomic.Pointer[destination] // to be taken in its place; nil: none
	log     *slog.Logger
	wake    chan struct{} // has an element when a shard has something
	stop    chan struct{}
	done    chan struct{} // closed when all is written
	failing bool          // the last write failed
	torn    bool          // it left a line without its end
	lost    atomic.Uint64 // records that could not be written
}

// New returns a log of some shards, of which there must be one, that writes to d until Close. What goes wrong with that is
// said to log.
func New(d Destination, log *slog.Logger, shards int) *Log {
	l := &Log{
		shards: make([]Shard, shards), render: newRenderer(&d), log: log,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	l.to.Store(&destination{Destination: d})
	for i := range l.shards {
		l.shards[i].log = l
	}
	go l.run() // until Close
	return l
}

// lastLines is how long what is under way to a destination may take when another takes its place.
const lastLines = time.Second

// Redirect makes d the destination of the lines to come. It does not wait for the one before, which is written to and
// closed in its own time, unless its reader has stopped: then it is closed soon, and what it was to get is lost.
func (l *Log) Redirect(d Destination) {
	before := l.to.Load()
	if skipped := l.next.Swap(&destination{Destination: d}); skipped != nil {
		skipped.close()
	}
	l.signal()
	time.AfterFunc(lastLines, func() {
		if l.to.Load() == before {
			before.close()
		}
	})
}

// A destination is a Destination that is closed once.
type destination struct {
	Destination
	once sync.Once
}

func (d *destination) close() {
	if d.Close != nil {
		d.once.Do(func() { d.Close() }) // what was written was written
	}
}

// Shard returns a shard. Who gets the same has to wait for each other, for as long as it takes to
// copy a record: let there be one for each core.
func (l *Log) Shard(i int) *Shard { return &l.shards[i%len(l.shards)] }

// AnyShard returns a shard for callers that are not event loops.
func (l *Log) AnyShard() *Shard { return &l.shards[rand.IntN(len(l.shards))] }

// Dropped returns how many records were not written.
func (l *Log) Dropped() uint64 {
	n := l.lost.Load()
	for i := range l.shards {
		n += l.shards[i].dropped.Load()
	}
	return n
}

// A Shard takes records. It is safe for concurrent use.
type Shard struct {
	log     *Log
	mu      sync.Mutex
	buf     buffer
	dropped atomic.Uint64
	_       [64]byte // the next one is another core's
}

// A buffer is memory for records and for what their slices refer to. It does not grow.
type buffer struct {
	records []Record
	text    []byte
}

// Put takes a copy of r, or drops it if there is no room. It never waits for the writer.
func (s *Shard) Put(r *Record) {
	s.mu.Lock()
	if s.buf.records == nil {
		s.buf = newBuffer()
	}
	taken := s.buf.put(r)
	first := len(s.buf.records) == 1
	s.mu.Unlock()
	if !taken {
		s.dropped.Add(1)
	} else if first {
		s.log.signal()
	}
}

func newBuffer() buffer {
	return buffer{make([]Record, 0, shardRecords), make([]byte, 0, shardText)}
}

func (b *buffer) put(r *Record) bool {
	need := len(r.ID) + len(r.Method) + len(r.Host) + len(r.Path) + len(r.Origin)
	if len(b.records) == cap(b.records) || need > cap(b.text)-len(b.text) {
		return false
	}
	b.records = append(b.records, *r)
	c := &b.records[len(b.records)-1]
	c.ID, c.Method, c.Host = b.copied(r.ID), b.copied(r.Method), b.copied(r.Host)
	c.Path, c.Origin = b.copied(r.Path), b.copied(r.Origin)
	return true
}

// copied returns a copy of t, cut at its end if it is too long.
func (b *buffer) copied(t []byte) []byte {
	from := len(b.text)
	if len(t) > maxText {
		b.text = append(append(b.text, t[:maxText-len(ellipsis)]...), ellipsis...)
	} else {
		b.text = append(b.text, t...)
	}
	return b.text[from:len(b.text):len(b.text)]
}

const ellipsis = "…"

func (b *buffer) reset() { b.records, b.text = b.records[:0], b.text[:0] }
