package h3

import (
	"errors"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// This file passes packets from one process to another; see handover.go.

// pass sends a packet to the predecessor: the address that it is from, what the system says of
// it, each behind its length, and the packet. It reports false if the predecessor has exited.
func (p *predecessor) pass(m *ipv4.Message) bool {
	from, ok := m.Addr.(*net.UDPAddr)
	if !ok {
		return true
	}
	address, err := from.AddrPort().MarshalBinary()
	if err != nil || len(address) > 255 || m.NN > 255 {
		return true
	}
	b := make([]byte, 0, 2+len(address)+m.NN+m.N)
	b = append(append(b, byte(len(address))), address...)
	b = append(append(b, byte(m.NN)), m.OOB[:m.NN]...)
	b = append(b, m.Buffers[0][:m.N]...)
	if e := p.raw.Write(func(fd uintptr) bool {
		err = unix.Sendto(int(fd), b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil)
		return true
	}); e != nil {
		return false
	}
	return err == nil || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.EINTR)
}

// readAfter reads a packet that the successor has passed on.
func (c *packetConn) readAfter(ms []ipv4.Message) (int, error) {
	c.mu.Lock()
	after := c.after
	c.mu.Unlock()
	for {
		n, err := after.Read(c.room)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, net.ErrClosed // the successor has ended
		}
		if unpack(c.room[:n], &ms[0]) {
			return 1, nil
		}
	}
}

// unpack makes m what pass was given. It reports false if b is not what pass sends.
func unpack(b []byte, m *ipv4.Message) bool {
	address, b, ok := cutSized(b)
	if !ok {
		return false
	}
	var from netip.AddrPort
	if from.UnmarshalBinary(address) != nil {
		return false
	}
	oob, packet, ok := cutSized(b)
	if !ok || len(oob) > len(m.OOB) || len(packet) > len(m.Buffers[0]) {
		return false
	}
	m.NN, m.N, m.Addr, m.Flags = copy(m.OOB, oob), copy(m.Buffers[0], packet), net.UDPAddrFromAddrPort(from), 0
	return true
}

func cutSized(b []byte) (sized, rest []byte, ok bool) {
	if len(b) == 0 || len(b) <= int(b[0]) {
		return nil, nil, false
	}
	return b[1 : 1+b[0]], b[1+b[0]:], true
}
