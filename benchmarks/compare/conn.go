//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A conn is one connection of the load generator: at most one request under way.
type conn struct {
	fd    int           // -1: lost
	busy  bool          // a request is under way
	due   time.Duration // when it was due, from the start
	since time.Duration // !busy: since when
	out   []byte        // what of it was not yet written
	asked bool          // epoll is to tell when more can be written
	head  []byte        // of the answer, until its end was read
	body  int           // bytes of it yet to come; -1: the head is not complete
	bad   bool          // its status is above 399
}

func (c *conn) close() {
	if c.fd >= 0 {
		unix.Close(c.fd) // nothing is lost
	}
	c.fd, c.busy, c.asked, c.out = -1, false, false, nil
}

// open connects connection i, blocking, as all are before the start.
func (g *generator) open(i int) error {
	c := &g.conns[i]
	c.fd = -1
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.fd = fd
	err = errors.Join(unix.Connect(fd, &unix.SockaddrInet4{Port: g.Port, Addr: [4]byte{127, 0, 0, 1}}),
		unix.SetNonblock(fd, true),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		// Fd carries the index: no map is needed to find a connection again.
		unix.EpollCtl(g.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}))
	if err != nil {
		c.close()
	}
	return err
}

// send begins the next request on an idle connection.
func (g *generator) send(i int, due time.Duration) {
	c := &g.conns[i]
	c.busy, c.due, c.body, c.head = true, due, -1, c.head[:0]
	c.out = g.raw[g.issued%len(g.raw)]
	g.issued++
	g.waiting++
	g.write(i)
}

// write writes what the socket takes, and asks to be told when it takes more.
func (g *generator) write(i int) {
	c := &g.conns[i]
	n, err := unix.Write(c.fd, c.out)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		g.lose(i)
		return
	}
	c.out = c.out[max(0, n):]
	more := len(c.out) > 0
	if more == c.asked {
		return
	}
	events := uint32(unix.EPOLLIN)
	if c.asked = more; more {
		events |= unix.EPOLLOUT
	}
	unix.EpollCtl(g.poll, unix.EPOLL_CTL_MOD, c.fd, &unix.EpollEvent{Events: events, Fd: int32(i)}) // it is in the set
}

// progress goes on with connection i.
func (g *generator) progress(i int, events uint32) {
	c := &g.conns[i]
	if events&unix.EPOLLOUT != 0 && len(c.out) > 0 {
		g.write(i)
	}
	if events&^unix.EPOLLOUT == 0 || c.fd < 0 {
		return
	}
	n, err := unix.Read(c.fd, g.buffer)
	if errors.Is(err, unix.EAGAIN) {
		return
	}
	if err != nil || n == 0 || !c.busy {
		g.lose(i)
		return
	}
	complete, status, err := c.take(g.buffer[:n])
	if err != nil {
		g.lose(i)
		return
	}
	if status > 399 {
		g.result.Bad++
	}
	if status > 0 {
		c.bad = status > 399
	}
	if !complete {
		return
	}
	now := time.Since(g.begin)
	g.latency.Add(now - c.due)
	if !c.bad {
		g.good.Add(now - c.due)
	}
	g.result.Done++
	g.waiting--
	c.busy, c.since = false, now
	g.idle = append(g.idle, i)
}

// take goes on reading an answer. status is not 0 when its head has just become complete. The bytes of p are copied.
func (c *conn) take(p []byte) (complete bool, status int, err error) {
	if c.body < 0 {
		before := len(c.head)
		c.head = append(c.head, p...)
		end := bytes.Index(c.head, []byte("\r\n\r\n"))
		if end < 0 {
			return false, 0, nil
		}
		if status, c.body, err = parseHead(c.head[:end+2]); err != nil {
			return false, 0, err
		}
		p = p[end+4-before:]
	}
	if c.body -= len(p); c.body < 0 {
		return false, status, errors.New("more bytes than the answer has")
	}
	return c.body == 0, status, nil
}

// parseHead returns the status and the length of the body of an answer, whose lines all end in CRLF.
func parseHead(head []byte) (status, body int, err error) {
	if len(head) < 12 {
		return 0, 0, fmt.Errorf("status line %q is too short", head)
	}
	if status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return 0, 0, err
	}
	length := -1
	for line := range bytes.Lines(head) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if len(name) == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, 0, err
			}
		}
	}
	switch {
	case length >= 0:
		return status, length, nil
	case status == 204 || status == 304:
		return status, 0, nil
	}
	return 0, 0, errors.New("an answer without Content-Length: chunks are not understood")
}

// lose gives connection i up, and replaces it: one that dies must not make the load lighter for the rest.
func (g *generator) lose(i int) {
	c := &g.conns[i]
	g.result.Broken++
	if c.busy {
		g.waiting--
	} else {
		g.idle = slices.DeleteFunc(g.idle, func(j int) bool { return j == i })
	}
	c.close()
	if g.open(i) == nil {
		c.since = time.Since(g.begin)
		g.idle = append(g.idle, i)
	}
}
