package pipe

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corsgate/corsgate/gateway/h2"
)

// TestMoment: a request that may come without content is read when there is some, when it has ended, or after a Moment, which begins
// again with Wait, within bounds.
func TestMoment(t *testing.T) {
	const (
		post   = "POST / HTTP/1.1\r\n"
		put    = "PUT / HTTP/1.1\r\ncontent-length: 9\r\nexpect: 100-continue\r\n"
		chunks = post + "Transfer-Encoding: chunked\r\n\r\n"
	)
	for name, c := range map[string]struct {
		text   string
		length int64
		hold   bool
		ended  bool
		by     time.Duration // the read deadline
		waits  int           // each after half a Moment
		feed   func(p *Pipe) // after half a Moment
		want   string
		after  time.Duration
	}{
		"nothing comes":                       {text: post, want: chunks, after: Moment},
		"nothing comes of a length":           {text: put, length: 9, want: put + "\r\n", after: Moment},
		"a length, nothing expected":          {text: "PUT / HTTP/1.1\r\ncontent-length: 90000\r\n", length: 90000, want: "PUT / HTTP/1.1\r\ncontent-length: 90000\r\n\r\n"},
		"content":                             {text: post, feed: func(p *Pipe) { p.Feed([]byte("a"), false, nil) }, want: chunks + "1\r\na\r\n", after: Moment / 2},
		"content, not expected":               {text: put, length: 9, feed: func(p *Pipe) { p.Feed([]byte("a"), false, nil) }, want: put + "\r\na", after: Moment / 2},
		"the end":                             {text: post, feed: func(p *Pipe) { p.Feed(nil, true, nil) }, want: post + "\r\n", after: Moment / 2},
		"empty DATA twice":                    {text: post, waits: 2, want: chunks, after: 2 * Moment},
		"empty DATA all the time":             {text: post, waits: 30, want: chunks, after: mostMoments * Moment},
		"a deadline that would come before":   {text: post, by: Moment / 3, want: chunks},
		"a whole request":                     {text: post, ended: true, want: post + "\r\n"},
		"a whole request that is held":        {text: post, ended: true, hold: true, want: post + "\r\n", after: Moment},
		"content of a request that is held":   {text: post, hold: true, feed: func(p *Pipe) { p.Feed([]byte("a"), false, nil) }, want: chunks + "1\r\na\r\n", after: Moment},
		"the reset of one that is held":       {text: post, ended: true, hold: true, feed: func(p *Pipe) { p.Fail(ErrGone) }, want: ErrGone.Error(), after: Moment / 2},
		"the reset of one that may have some": {text: post, feed: func(p *Pipe) { p.Fail(ErrGone) }, want: ErrGone.Error(), after: Moment / 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New(nil, func() {})
				if c.hold {
					p.Hold()
				}
				h := &h2.Head{Length: c.length}
				if c.length == 0 {
					h.Length = -1
				}
				p.Begin(h, []byte(c.text), c.ended)
				began := time.Now()
				if c.by > 0 {
					p.SetReadDeadline(began.Add(c.by))
				}
				var client sync.WaitGroup
				defer client.Wait()
				client.Go(func() {
					for range c.waits {
						time.Sleep(Moment / 2)
						p.Wait()
					}
					if c.feed != nil {
						time.Sleep(Moment / 2)
						c.feed(p)
					}
				})
				b := make([]byte, 1<<10)
				n, err := p.Read(b)
				got := string(b[:n])
				if err != nil {
					got = err.Error()
				}
				if after := time.Since(began); got != c.want || after != c.after {
					t.Errorf("got %q after %v, want %q after %v", got, after, c.want, c.after)
				}
			})
		})
	}
}
