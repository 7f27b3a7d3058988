package logs

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
)

// linesKept is how many lines may wait to be written.
const linesKept = 1024

// A backlog holds the lines that wait to be written. Write never waits: when the backlog is full, the oldest line is lost.
// Its methods are safe for concurrent use.
//
// zerolog's diode is not used here: it wakes its reader without the lock under which the reader checks for lines. A line
// that came between the check and the wait was not written until the next one, and no line follows the last one of a start.
type backlog struct {
	w      io.Writer
	lines  chan []byte
	lost   atomic.Int64
	tell   func(lost int64) // reports lost lines
	ending chan struct{}
	once   sync.Once
	ended  chan struct{}
}

func newBacklog(w io.Writer, tell func(lost int64)) *backlog {
	b := &backlog{w: w, lines: make(chan []byte, linesKept), tell: tell, ending: make(chan struct{}), ended: make(chan struct{})}
	go b.run()
	return b
}

// Write keeps a copy of a line. It returns no error.
func (b *backlog) Write(line []byte) (int, error) {
	kept := bytes.Clone(line)
	for {
		select {
		case b.lines <- kept:
			return len(line), nil
		default:
		}
		select {
		case <-b.lines:
			b.lost.Add(1)
		default:
		}
	}
}

// end writes the lines that wait. The channel that it returns is closed when that is done.
func (b *backlog) end() <-chan struct{} {
	b.once.Do(func() { close(b.ending) })
	return b.ended
}

func (b *backlog) run() {
	defer close(b.ended)
	for {
		select {
		case line := <-b.lines:
			b.write(line)
		case <-b.ending:
			for {
				select {
				case line := <-b.lines:
					b.write(line)
				default:
					return
				}
			}
		}
	}
}

// write writes a line, and before it how many were lost. There is nowhere to report an error.
func (b *backlog) write(line []byte) {
	if n := b.lost.Swap(0); n > 0 {
		b.tell(n)
	}
	b.w.Write(line)
}
