package access

import (
	"bytes"
	"context"
	"time"
)

// batch is how many bytes are rendered before they are written.
const batch = 64 << 10

func (l *Log) signal() {
	select {
	case l.wake <- struct{}{}:
	default: // it will look at all shards anyway
	}
}

// run writes what the shards hold, until Close.
func (l *Log) run() {
	defer close(l.done)
	defer func() { l.to.Load().close() }()
	t := time.NewTimer(pause)
	defer t.Stop()
	for {
		select {
		case <-l.wake:
			l.drain()
		case <-l.stop:
			l.drain()
			return
		}
		t.Reset(pause)
		select {
		case <-t.C:
		case <-l.stop:
			l.drain()
			return
		}
	}
}

// drain takes and writes what each shard holds.
func (l *Log) drain() {
	if d := l.next.Swap(nil); d != nil {
		l.to.Swap(d).close()
		l.render = newRenderer(&d.Destination)
	}
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		empty := len(s.buf.records) == 0
		if !empty {
			s.buf, l.spare = l.spare, s.buf
		}
		s.mu.Unlock()
		if empty {
			continue
		}
		for j := range l.spare.records {
			if l.render.record(&l.spare.records[j]); l.render.buf.Len() >= batch {
				l.write()
			}
		}
		l.write()
		l.spare.reset()
	}
}

// write writes what is rendered. What cannot be written is lost: to keep it would fill the memory
// instead of the disk.
func (l *Log) write() {
	b := l.render.buf.Bytes()
	defer l.render.buf.Reset()
	if len(b) == 0 {
		return
	}
	if l.torn {
		if _, err := l.to.Load().Out.Write([]byte{'\n'}); err == nil {
			l.torn = false
		}
	}
	n, err := l.to.Load().Out.Write(b)
	if err == nil {
		if l.failing {
			l.log.Info("the access log is written again", "dropped", l.Dropped())
		}
		l.failing = false
		return
	}
	l.lost.Add(uint64(bytes.Count(b[n:], []byte{'\n'})))
	l.torn = l.torn || n > 0 && b[n-1] != '\n'
	if !l.failing {
		l.log.Error("the access log cannot be written: lines are dropped, requests continue", "error", err)
	}
	l.failing = true
}

// Close writes what there is, and ends the log. If ctx is done before that, the rest is lost, and
// the writer, which the log's reader has blocked, is left to itself. Nothing may be put any more.
func (l *Log) Close(ctx context.Context) error {
	close(l.stop)
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
