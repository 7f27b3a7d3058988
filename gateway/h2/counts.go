package h2

import "sync/atomic"

// Counts are the events of sessions, counted. Sessions share them; they are safe for concurrent
// use. A nil Counts counts nothing.
type Counts struct {
	refused atomic.Int64
	resets  [2][codes]atomic.Int64
	goAways [2][codes]atomic.Int64
	floods  [causes]atomic.Int64
}

// codes is the number of the codes of RFC 9113, and one that stands for all others: peers may
// send any number, and a metric's labels must be bounded.
const codes = len(codeNames) + 1

// Codes returns every code of RFC 9113, and one that stands for all others.
func Codes() []Code {
	all := make([]Code, codes)
	for i := range all {
		all[i] = Code(i)
	}
	return all
}

// A Side is one of the two of a connection.
type Side uint8

// The sides.
const (
	Client Side = iota
	Gateway
)

// String returns the side in a word, for metrics.
func (s Side) String() string { return [...]string{"client", "gateway"}[s] }

// Refused returns how many streams were refused because the connection had MaxStreams already.
func (c *Counts) Refused() int64 { return c.refused.Load() }

// Resets returns how many RST_STREAM frames one side has sent with a code.
func (c *Counts) Resets(by Side, code Code) int64 { return c.resets[by][code.index()].Load() }

// GoAways returns how many GOAWAY frames one side has sent with a code.
func (c *Counts) GoAways(by Side, code Code) int64 { return c.goAways[by][code.index()].Load() }

// Floods returns how many connections were ended with ENHANCE_YOUR_CALM for a cause.
func (c *Counts) Floods(cause Cause) int64 { return c.floods[cause].Load() }

func (c *Counts) reset(by Side, code Code) {
	if c != nil {
		c.resets[by][code.index()].Add(1)
	}
}

func (c *Counts) goAway(by Side, code Code) {
	if c != nil {
		c.goAways[by][code.index()].Add(1)
	}
}

func (c *Counts) refuse() {
	if c != nil {
		c.refused.Add(1)
	}
}

func (c *Counts) flood(cause Cause) {
	if c != nil {
		c.floods[cause].Add(1)
	}
}

// index is the code's place in Codes.
func (c Code) index() int { return int(min(c, Code(codes-1))) }
