package edge

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/quic-go/quic-go"
	"golang.org/x/sys/unix"
)

// Datagrams are the UDP socket of an address, over which QUIC is spoken. It stays what it is while
// the listener whose connections come by it is exchanged for another one.
//
// Its methods may be called from any goroutine.
type Datagrams struct {
	socket    *packetConn
	addr      *net.UDPAddr
	on        atomic.Pointer[Listener] // whose connections come; nil: new ones are refused
	served    atomic.Bool
	transport *quic.Transport
	listener  *quic.Listener

	mu      sync.Mutex
	open    int  // connections
	retired bool // it closes as soon as there is none
	closed  bool
}

// datagramBuffer is what a socket should hold in each direction, in octets: what comes in while this process does not run.
const datagramBuffer = 7 << 20

// BindDatagrams binds the UDP port that has the address and the number of a TCP socket's. An address in use is an
// error; beside says that it may be in use by another listener of this process, which is about to leave it.
func BindDatagrams(tcp net.Addr, beside bool) (*Datagrams, error) {
	address := tcp.String()
	// As with TCP: what shares an address would also share it with another process.
	if !beside {
		probe, err := net.ListenPacket("udp", address)
		if err != nil {
			return nil, ExplainBind(err)
		}
		if err := probe.Close(); err != nil {
			return nil, err
		}
	}
	config := net.ListenConfig{Control: reusePort}
	pc, err := config.ListenPacket(context.Background(), "udp", address)
	if err != nil {
		return nil, ExplainBind(err)
	}
	return newDatagrams(pc.(*net.UDPConn)), nil
}

func newDatagrams(socket *net.UDPConn) *Datagrams {
	socket.SetReadBuffer(datagramBuffer)  // the system's bound is told of; see ReadBuffer
	socket.SetWriteBuffer(datagramBuffer) // likewise
	return &Datagrams{socket: newPacketConn(socket), addr: socket.LocalAddr().(*net.UDPAddr)}
}

// InheritDatagrams returns the socket that another process has handed over by [Datagrams.Files]. It closes the files.
func InheritDatagrams(files []*os.File) (*Datagrams, error) {
	var d *Datagrams
	var pairs []*net.UnixConn
	var failed error
	for _, f := range files {
		pc, err := net.FilePacketConn(f)
		switch pc := pc.(type) {
		case nil: // err says why
		case *net.UDPConn:
			if d != nil {
				err = errors.Join(errors.New("there is more than one"), pc.Close())
				break
			}
			d = newDatagrams(pc)
		case *net.UnixConn:
			pairs = append(pairs, pc)
		default:
			err = errors.Join(errors.New("it is no UDP socket"), pc.Close())
		}
		failed = errors.Join(failed, err, f.Close())
	}
	switch {
	case failed == nil && d == nil:
		failed = errors.New("the UDP socket is missing")
	case failed == nil && len(pairs) > 0:
		failed = d.socket.succeeds(pairs)
	}
	if failed == nil {
		return d, nil
	}
	if d != nil {
		d.Close()
	}
	for _, pair := range pairs {
		pair.Close() // it is of no use
	}
	return nil, failed
}

// IsDatagrams reports whether a file is one of [Datagrams.Files].
func IsDatagrams(file *os.File) bool {
	return isSocket(file, unix.SOCK_DGRAM) || isSocket(file, unix.SOCK_SEQPACKET)
}

func isSocket(file *os.File, kind int) bool {
	raw, err := file.SyscallConn()
	if err != nil {
		return false
	}
	is := -1
	err = raw.Control(func(fd uintptr) { is, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE) })
	return err == nil && is == kind
}

// ReadBuffer returns how many octets the socket holds until they are read, and how many it should.
func (d *Datagrams) ReadBuffer() (has, wants int) {
	raw, err := d.socket.SyscallConn()
	if err != nil {
		return 0, datagramBuffer
	}
	raw.Control(func(fd uintptr) { // the socket is open
		has, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return has, datagramBuffer
}

// Addr returns the address, also when the socket is closed.
func (d *Datagrams) Addr() *net.UDPAddr { return d.addr }

// Files returns what another process needs to go on with the socket, as files, which are the caller's: the socket, and
// what it passes packets on by that are for connections of this process.
func (d *Datagrams) Files() ([]*os.File, error) {
	raw, err := d.socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	// Not that of package net: whoever starts a process with such a file makes the socket blocking, for this process too,
	// and a read that waits could not be ended any more.
	fd := -1
	if e := raw.Control(func(original uintptr) { fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	socket := os.NewFile(uintptr(fd), d.addr.String())
	pairs, err := d.socket.newPairs()
	if err != nil {
		return []*os.File{socket}, nil // where there is no such thing, connections end
	}
	return append([]*os.File{socket}, pairs...), nil
}

// HandOver leaves the socket to the process that has its files. Connections go on.
func (d *Datagrams) HandOver() { d.socket.handOver() }

// Left reports whether this process has stopped reading the socket, after [Datagrams.HandOver] or for good.
func (d *Datagrams) Left() bool { return d.socket.left.Load() || d.Closed() }

// Lead makes l the listener of connections that begin from now on. With nil they are refused.
func (d *Datagrams) Lead(l *Listener) { d.on.Store(l) }

// Begin reports true to who is the first to call it: it is to call [Server.ServeDatagrams].
func (d *Datagrams) Begin() bool { return d.served.CompareAndSwap(false, true) }

// enter counts a connection. It reports false if none may come.
func (d *Datagrams) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.open++
	return true
}

// leave takes back one enter.
func (d *Datagrams) leave() {
	d.mu.Lock()
	d.open--
	last := d.retired && d.open == 0
	d.mu.Unlock()
	if last {
		d.closeIf(func() bool { return d.retired && d.open == 0 })
	}
}

// Retire refuses new connections, and closes the socket when those there are have ended.
func (d *Datagrams) Retire() {
	d.Lead(nil)
	d.mu.Lock()
	d.retired = true
	d.mu.Unlock()
	d.closeIf(func() bool { return d.open == 0 })
}

// Revive takes back Retire. It reports false if the socket is closed.
func (d *Datagrams) Revive() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.retired = false
	return !d.closed
}

// Closed reports whether the socket is closed.
func (d *Datagrams) Closed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

// Close ends all connections without a word, and closes the socket.
func (d *Datagrams) Close() { d.closeIf(func() bool { return true }) }

func (d *Datagrams) closeIf(is func() bool) {
	d.mu.Lock()
	if d.closed || !is() {
		d.mu.Unlock()
		return
	}
	d.closed = true
	transport := d.transport
	d.mu.Unlock()
	if transport != nil {
		transport.Close() // the socket's end follows
	}
	d.socket.Close() // nobody reads from it
}

// Refuse has handshakes under way, and those that would begin, come to nothing. Connections go on.
func (d *Datagrams) Refuse() {
	d.mu.Lock()
	listener := d.listener
	d.mu.Unlock()
	if listener != nil {
		listener.Close() // it cannot fail
	}
}

// reusePort lets a socket share its address with others of the same user.
func reusePort(_, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}); e != nil {
		return e
	}
	return err
}
