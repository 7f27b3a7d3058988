package loop

import (
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/h2"
	"golang.org/x/sys/unix"
)

// This file is the loop as an edge.Holder: which of its clients are silent, for how long, and their end. Nothing is kept for
// that but the time at which a client fell silent: all are looked at when there is a crowd.

// rests notes that a client is silent from now on, for at most d.
func (l *Loop) rests(c *client, after int, d time.Duration) {
	if after == edge.Between {
		c.state |= asked
	}
	c.since = l.now.Sub(l.start)
	l.arm(&c.timer, d)
}

// silence returns how long a client has been silent, 0 if it is not.
func (l *Loop) silence(c *client) edge.Silence {
	after := edge.Fresh
	switch {
	case c.x != nil || len(c.unsent) > 0 || c.is(postponed|serving), c.h2 != nil && c.linger < 0 && (c.h2.Open() > 0 || c.h2.leaves):
		return 0
	case c.linger >= 0: // all was sent
	case c.is(partial):
		after = edge.Partial
	case c.is(asked):
		after = edge.Between
	}
	return l.server.NewSilence(after, l.start.Add(c.since))
}

// Silent is part of edge.Holder.
func (l *Loop) Silent(q *edge.Silences) {
	l.posted.do(func() error { // there is no error
		for _, s := range l.sockets {
			if s != nil && s.client != nil {
				q.Add(l.silence(s.client))
			}
		}
		return nil
	})
}

// EndSilent is part of edge.Holder.
func (l *Loop) EndSilent(until edge.Silence, most int) (ended int) {
	l.posted.do(func() error { // likewise
		for _, s := range l.sockets {
			if ended == most {
				break
			}
			if s == nil || s.client == nil {
				continue
			}
			if v := l.silence(s.client); v != 0 && v <= until && !speaks(s.fd) {
				l.makeRoom(s.client)
				ended++
			}
		}
		return nil
	})
	return ended
}

// speaks reports whether a client has sent something by now.
func speaks(fd int32) bool {
	fds := [...]unix.PollFd{{Fd: fd, Events: unix.POLLIN}}
	n, err := unix.Poll(fds[:], 0)
	return n > 0 && err == nil && fds[0].Revents&unix.POLLHUP == 0
}

// makeRoom ends a silent client.
func (l *Loop) makeRoom(c *client) {
	switch {
	case c.is(partial):
		l.reset(c) // a refusal would have to be waited for
		return
	case c.h2 != nil && c.linger < 0:
		l.room(c).Last(h2.NoError)
		if !l.flushFrames(c) {
			return
		}
	}
	l.close(c)
}

// Room is part of edge.Holder.
func (l *Loop) Room() { l.Post(l.accept.resumeAll) }
