package h3

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/socket"
	"github.com/quic-go/quic-go"
	"golang.org/x/sys/unix"
)

// Datagrams are the UDP socket of an address, over which QUIC is spoken. It stays the same while
// the listener that its connections belong to is replaced.
//
// Its methods may be called from any goroutine.
type Datagrams struct {
	socket    *packetConn
	addr      *net.UDPAddr
	on        atomic.Pointer[edge.Listener] // whose connections come; nil: new ones are refused
	served    atomic.Bool
	transport *quic.Transport
	listener  *quic.Listener

	mu      sync.Mutex
	open    int  // connections
	retired bool // it closes with the last of them
	closed  bool
}

// datagramBuffer is what a socket should hold in each direction, in bytes: what comes in while this process does not run.
const datagramBuffer = 7 << 20

// BindDatagrams binds the UDP port that has the address and the number of a TCP socket's; see [socket.BindUDP].
func BindDatagrams(tcp net.Addr, beside bool) (*Datagrams, error) {
	conn, err := socket.BindUDP(tcp.String(), beside)
	if err != nil {
		return nil, err
	}
	return newDatagrams(conn), nil
}

// BindSystemdDatagrams returns the UDP socket of a name that systemd has passed; see [socket.PassedUDP].
func BindSystemdDatagrams(name string) (*Datagrams, error) {
	conn, err := socket.PassedUDP(name)
	if err != nil {
		return nil, err
	}
	return newDatagrams(conn), nil
}

func newDatagrams(conn *net.UDPConn) *Datagrams {
	conn.SetReadBuffer(datagramBuffer)  // the system's bound is reported; see ReadBuffer
	conn.SetWriteBuffer(datagramBuffer) // likewise
	return &Datagrams{socket: newPacketConn(conn), addr: conn.LocalAddr().(*net.UDPAddr)}
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
			err = errors.Join(errors.New("it is not a UDP socket"), pc.Close())
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
	return socket.IsKind(file, unix.SOCK_DGRAM) || socket.IsKind(file, unix.SOCK_SEQPACKET)
}

// ReadBuffer returns how many bytes the socket holds until they are read, and how many it should.
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

// Files returns what another process needs to continue with the socket, as files, which are the caller's: the socket, and
// what it passes packets on by that are for connections of this process.
func (d *Datagrams) Files() ([]*os.File, error) {
	// Not package net's File: starting a process with such a file makes the socket blocking, for this process too,
	// and a read that waits could not be ended any more.
	fd, err := socket.Duplicate(d.socket)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), d.addr.String())
	pairs, err := d.socket.newPairs()
	if err != nil {
		return []*os.File{file}, nil // where the system has no such pairs, connections end
	}
	return append([]*os.File{file}, pairs...), nil
}

// HandOver leaves the socket to the process that has its files. Connections continue.
func (d *Datagrams) HandOver() { d.socket.handOver() }

// Left reports whether this process has stopped reading the socket, after [Datagrams.HandOver] or for good.
func (d *Datagrams) Left() bool { return d.socket.left.Load() || d.Closed() }

// Lead makes l the listener of connections that begin from now on. With nil they are refused.
func (d *Datagrams) Lead(l *edge.Listener) { d.on.Store(l) }

// Begin reports true to its first caller, which has to call [Server.Serve].
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

// Close ends all connections without telling their clients, and closes the socket.
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
	d.socket.Close() // it is not read any more
}

// Refuse has handshakes under way, and those that would begin, fail. Connections continue.
func (d *Datagrams) Refuse() {
	d.mu.Lock()
	listener := d.listener
	d.mu.Unlock()
	if listener != nil {
		listener.Close() // it cannot fail
	}
}
