package h3

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// This file hands a UDP socket over to another process while QUIC connections continue. Both
// have the same socket, and a packet goes to the process that reads it. So the rules are:
//
//   - each process has a prefix with which all connection ids that it makes begin;
//   - one process reads the socket at a time: the successor begins when its predecessor has
//     left it, and the kernel holds what comes between. If both read, a handshake of two
//     packets could begin in both, and neither would complete it;
//   - the successor passes packets for connections of an earlier process on to that process,
//     over a pair of sockets that each has with all those after it. The first packets of a
//     connection have an id that the client has chosen: of those that it has read recently, a
//     process that leaves tells its successor;
//   - all send by the socket, and what the pair has no room for is lost, as on any path of datagrams.

// A packetConn is the socket of Datagrams as quic-go reads it.
type packetConn struct {
	*net.UDPConn
	batch  *ipv4.PacketConn
	prefix connIDPrefix

	before atomic.Pointer[[]predecessor] // nil: none
	handed atomic.Bool                   // a successor reads the socket
	left   atomic.Bool                   // and this process does not any more

	// Of the goroutine that reads.
	begun  recentIDs               // of connections that may have begun here
	theirs map[string]connIDPrefix // ids that clients have chosen, of connections that have begun in a process before this one
	until  time.Time               // when theirs are forgotten

	leaves atomic.Pointer[net.UnixConn] // from which it is read that the predecessor has left the socket; nil: it has

	mu    sync.Mutex    // guards the following, and deadlines of leaves
	after *net.UnixConn // from which it passes on our packets; nil: it cannot
	room  []byte        // for what comes from it
}

// A predecessor is a process before this one, as long as it has connections.
type predecessor struct {
	prefix connIDPrefix
	pair   *net.UnixConn
	raw    syscall.RawConn
}

func newPacketConn(socket *net.UDPConn) *packetConn {
	return &packetConn{UDPConn: socket, batch: ipv4.NewPacketConn(socket), prefix: newPrefix()}
}

// ReadBatch reads packets that are for this process.
func (c *packetConn) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	if c.leaves.Load() != nil {
		c.awaitLeft()
	}
	for {
		if c.handed.Load() {
			if !c.left.Load() {
				c.leave()
			}
			return c.readAfter(ms)
		}
		n, err := c.batch.ReadBatch(ms, flags)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) && c.handed.Load() {
				continue
			}
			return n, err
		}
		if before := c.before.Load(); before != nil {
			n = c.sort(ms[:n], *before)
		}
		if n > 0 {
			c.begun.note(ms[:n], c.prefix)
			return n, nil
		}
	}
}

// sort passes on the packets of predecessors. It returns how many messages are left, at the front of ms.
func (c *packetConn) sort(ms []ipv4.Message, before []predecessor) (left int) {
	for i := range ms {
		m := &ms[i]
		to, ok := c.isTheirs(m.Buffers[0][:m.N])
		if !ok {
			to, ok = prefixOf(m.Buffers[0][:m.N])
		}
		if ok {
			if at := slices.IndexFunc(before, func(p predecessor) bool { return p.prefix == to }); at >= 0 {
				if !before[at].pass(m) {
					before = c.forgetBefore(to)
				}
				continue
			}
		}
		if left != i { // the buffers stay where they are
			into := &ms[left]
			into.N = copy(into.Buffers[0], m.Buffers[0][:m.N])
			into.NN = copy(into.OOB, m.OOB[:m.NN])
			into.Addr, into.Flags = m.Addr, m.Flags
		}
		left++
	}
	return left
}

// forgetBefore forgets a predecessor that has ended. It returns those that are left.
func (c *packetConn) forgetBefore(gone connIDPrefix) (left []predecessor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.before.Load()
	if before == nil {
		return nil
	}
	for _, p := range *before {
		if p.prefix == gone {
			p.pair.Close() // the other end is closed
		} else {
			left = append(left, p)
		}
	}
	if c.before.Store(&left); len(left) == 0 {
		c.before.Store(nil)
	}
	return left
}

// SetReadDeadline sets the deadline of all sockets that may be read.
func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.after != nil {
		c.after.SetReadDeadline(t) // what fails shows at the read
	}
	if from := c.leaves.Swap(nil); from != nil {
		from.SetReadDeadline(t) // then the socket is read, and that shows
	}
	return c.UDPConn.SetReadDeadline(t)
}

// Close closes all sockets.
func (c *packetConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before := c.before.Swap(nil); before != nil {
		for _, p := range *before {
			p.pair.Close() // nothing is left to pass on
		}
	}
	if c.after != nil {
		c.after.Close() // likewise
	}
	return c.UDPConn.Close()
}

// newPairs returns the ends of pairs of sockets for a successor, which are the caller's: that
// of a new pair with this process, and those of the pairs with its predecessors. The first
// thing to be read from the new one are the prefixes of all of them. Where the system has no
// such pairs it errs: connections end then when the socket is handed over.
func (c *packetConn) newPairs() ([]*os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	if err != nil {
		return nil, err
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
	theirs, ours := []*os.File{os.NewFile(uintptr(fds[0]), "quic")}, os.NewFile(uintptr(fds[1]), "quic")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	c.mu.Lock()
	defer c.mu.Unlock()
	prefixes := slices.Clone(c.prefix[:])
	if before := c.before.Load(); before != nil {
		for _, p := range *before {
			if f, err := p.pair.File(); err == nil { // else it is out of descriptors, and connections are lost
				theirs, prefixes = append(theirs, f), append(prefixes, p.prefix[:]...)
			}
		}
	}
	if c.after != nil {
		c.after.Close() // of a successor that did not come to serve
		c.after = nil
	}
	if err == nil {
		if _, err = conn.Write(prefixes); err != nil {
			conn.Close() // nothing was passed on by it
		}
	}
	if err != nil {
		for _, f := range theirs {
			f.Close() // it is not handed on
		}
		return nil, err
	}
	c.after = conn.(*net.UnixConn)
	return theirs, nil
}

// succeeds has packets passed on to the processes that have the other ends of pairs, as newPairs has returned them.
func (c *packetConn) succeeds(pairs []*net.UnixConn) error {
	var b [64 * prefixSize]byte
	pairs[0].SetReadDeadline(time.Now().Add(time.Second)) // it has been written already
	n, err := pairs[0].Read(b[:])
	if err != nil {
		return err
	}
	if n != len(pairs)*prefixSize {
		return fmt.Errorf("%d bytes of prefixes came with %d pairs of sockets", n, len(pairs))
	}
	var before []predecessor
	for i, pair := range pairs {
		raw, err := pair.SyscallConn()
		if err != nil {
			return err
		}
		before = append(before, predecessor{connIDPrefix(b[i*prefixSize:][:prefixSize]), pair, raw})
	}
	c.before.Store(&before)
	c.leaves.Store(pairs[0])
	return nil
}

// handOver leaves reading the socket to the successor.
func (c *packetConn) handOver() {
	c.mu.Lock()
	able := c.after != nil
	if able && c.room == nil {
		c.room = make([]byte, 64<<10)
	}
	c.mu.Unlock()
	if able && c.handed.CompareAndSwap(false, true) {
		c.UDPConn.SetReadDeadline(time.Unix(1, 0)) // a socket that is closed is not read either
	}
}
