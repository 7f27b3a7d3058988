package edge

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pires/go-proxyproto"
)

// This file reads the header of the PROXY protocol, versions 1 and 2, with which a load balancer
// says which client a connection comes from. The rules are:
//
//   - it is believed from configured proxies only, and required of every peer;
//   - the address it names is the peer in all respects: limits, logs, forwarding fields;
//   - a connection of the proxy itself (LOCAL, UNKNOWN), such as a health check, is the proxy's; so is one whose
//     client has no address (UNSPEC);
//   - a header may come in pieces, as the specification recommends; checksums (PP2_TYPE_CRC32C)
//     are not verified: TCP has its own.

// proxyBuffer is what a header is read into. What comes with it is kept.
const proxyBuffer = 512

var (
	errUntrusted = errors.New("the peer is not among the trusted proxies")
	errAddress   = errors.New("too many connections from this address")
)

// proxied reads the header before by and takes the peer's address from it. It returns what was read
// beyond it, and false if the connection will not do.
func (c *Conn) proxied(by time.Time) (read []byte, ok bool) {
	proxy := peerAddr(c.socket)
	if !slices.ContainsFunc(c.opts.Proxies, func(p netip.Prefix) bool { return p.Contains(proxy) }) {
		c.server.failed(c, FailureUntrusted, errUntrusted)
		return nil, false
	}
	c.socket.SetReadDeadline(by) // a dead socket shows at the read
	c.silent(Fresh)
	defer c.spoke()
	r := bufio.NewReaderSize(c.socket, proxyBuffer)
	header, err := readHeader(r)
	if err == nil {
		err = c.named(header, proxy)
	}
	c.socket.SetReadDeadline(time.Time{}) // likewise
	switch {
	case err != nil && !time.Now().Before(by): // the library hides what the socket says
		c.server.failed(c, FailureHeaderTimeout, err)
		return nil, false
	case err != nil:
		c.server.failed(c, FailureHeader, err)
		return nil, false
	}
	if !c.server.countAddress(c.peer) {
		peer := c.peer
		c.peer = netip.Addr{} // it was not counted for the address
		c.server.ReportFailure(peer, c.on, FailureProxiedAddress, errAddress)
		return nil, false
	}
	read, _ = r.Peek(r.Buffered())
	return read, true
}

const (
	maxLine   = 107 // bytes of a header of version 1
	fixedPart = 16  // bytes of one of version 2 before the addresses
)

// signature begins a header of version 2. The two bytes that follow are those of PROXY, version
// 2, and AF_UNSPEC here.
const (
	signature = "\r\n\r\n\x00\r\nQUIT\n"
	unspec    = signature + "\x21\x00"
)

// readHeader is the library's Read, for two things that the library leaves to others: a line
// that comes in pieces, and version 2 with PROXY and AF_UNSPEC.
func readHeader(r *bufio.Reader) (*proxyproto.Header, error) {
	first, err := r.Peek(1)
	switch {
	case err != nil:
		return nil, err
	case first[0] == 'P':
		if err := awaitLine(r); err != nil {
			return nil, err
		}
	case first[0] == signature[0]:
		b, err := r.Peek(len(unspec))
		if err == nil && string(b) == unspec {
			return skipUnspec(r)
		}
	}
	return proxyproto.Read(r)
}

// awaitLine waits until r has buffered a line, or bytes that cannot become one.
func awaitLine(r *bufio.Reader) error {
	for {
		b, _ := r.Peek(r.Buffered()) // it cannot fail
		if bytes.IndexByte(b, '\n') >= 0 || len(b) >= maxLine || !strings.HasPrefix("PROXY ", string(b[:min(len(b), len("PROXY "))])) {
			return nil
		}
		if _, err := r.Peek(len(b) + 1); err != nil {
			return err
		}
	}
}

// skipUnspec reads past a header that names no address: whose connection it is, is not said.
func skipUnspec(r *bufio.Reader) (*proxyproto.Header, error) {
	b, err := r.Peek(fixedPart)
	if err != nil {
		return nil, err
	}
	if _, err := r.Discard(fixedPart + int(binary.BigEndian.Uint16(b[fixedPart-2:]))); err != nil {
		return nil, err
	}
	return &proxyproto.Header{Version: 2, Command: proxyproto.PROXY, TransportProtocol: proxyproto.UNSPEC}, nil
}

// named makes the address of a header the peer.
func (c *Conn) named(header *proxyproto.Header, proxy netip.Addr) error {
	if header.Command.IsLocal() || header.TransportProtocol.IsUnspec() || header.TransportProtocol.IsUnix() {
		c.peer = proxy
		return nil
	}
	tcp, ok := header.SourceAddr.(*net.TCPAddr)
	if !ok {
		return fmt.Errorf("it is about %v, not a TCP connection", header.SourceAddr)
	}
	a := tcp.AddrPort().Addr().Unmap().WithZone("")
	if !a.IsValid() {
		return errors.New("it names no address")
	}
	c.peer = a
	return nil
}
