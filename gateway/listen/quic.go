package listen

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/corsgate/corsgate/gateway/h3"
)

// This file binds the sockets of HTTP/3: for each socket of a listener one of UDP, with the
// same address and port. As with sockets, it stays when the listener is exchanged for another
// one of the same address. When HTTP/3 is switched off it stays until its last connection has
// ended, and refuses new ones: also those that another listener of the same port would take, if
// its own address is the more specific one. Until then they use TCP.

// A quicBinding is the UDP side of a binding. The zero value stands for no HTTP/3.
type quicBinding struct {
	datagrams *h3.Datagrams
	shared    bool // it belongs to the binding that this one replaces, or to another process
	revived   bool // it was about to go
}

// bindQUIC makes the UDP side of b. old and leaving are those of bind.
func (s *Set) bindQUIC(b, old *binding, leaving []*binding) error {
	tcp, ok := b.sockets.Addr().(*net.TCPAddr)
	if !ok {
		return fmt.Errorf("HTTP/3 needs the address of a TCP socket, and %s is not one", b.sockets.Addr())
	}
	q := &b.quic
	key := inheritance{"listener." + b.config.Name, string(b.config.Address)}
	switch {
	case old != nil && old.quic.datagrams != nil:
		q.datagrams, q.shared = old.quic.datagrams, true
	case s.inheritedDatagrams[key] != nil:
		q.datagrams, q.shared = s.inheritedDatagrams[key], true
		delete(s.inheritedDatagrams, key)
	default:
		if q.datagrams = s.revive(tcp); q.datagrams != nil {
			q.shared, q.revived = true, true
			break
		}
		if network, name := b.config.Address.Split(); network == "systemd" {
			d, err := h3.BindSystemdDatagrams(name)
			if err != nil {
				return err
			}
			q.datagrams = d
			break
		}
		beside := slices.ContainsFunc(leaving, func(l *binding) bool { return l.quic.datagrams != nil && l.hasPort(b.config.Address) })
		var err error
		if q.datagrams, err = h3.BindDatagrams(tcp, beside); err != nil {
			return fmt.Errorf("UDP, for http3: %w", err)
		}
	}
	for _, l := range b.on {
		l.AltSvc = announcement(tcp.Port)
	}
	return nil
}

// revive returns the UDP socket of an address at which HTTP/3 was switched off, if it is still open.
func (s *Set) revive(at *net.TCPAddr) *h3.Datagrams {
	for _, d := range s.retired {
		if a := d.Addr(); a.Port == at.Port && a.IP.Equal(at.IP) && d.Revive() {
			return d
		}
	}
	return nil
}

// discard undoes what bindQUIC has done.
func (q *quicBinding) discard() {
	switch {
	case q.datagrams == nil:
	case q.revived:
		q.datagrams.Retire()
	case !q.shared:
		q.datagrams.Close()
	}
}

// startQUIC has a binding accept QUIC connections, if it has a UDP side.
func (s *Set) startQUIC(b *binding) {
	d := b.quic.datagrams
	if d == nil {
		return
	}
	s.retired = slices.DeleteFunc(s.retired, func(f *h3.Datagrams) bool { return f == d || f.Closed() })
	d.Lead(b.on[0])
	if !d.Begin() {
		return // it accepts already
	}
	s.log.Info("listening for HTTP/3", "listener", b.config.Name, "address", d.Addr().String())
	if has, wants := d.ReadBuffer(); has < wants {
		s.log.Warn("the system limits HTTP/3's socket buffers: packets may be lost under load",
			"listener", b.config.Name, "bytes", has, "advice", fmt.Sprintf("sysctl net.core.rmem_max=%d net.core.wmem_max=%d", wants, wants))
	}
	s.work.Go(func() { s.failed(s.quic.Serve(d)) })
}

// retireQUIC ends the UDP side of a binding, unless one of next keeps it.
func (s *Set) retireQUIC(b *binding, next []*binding) {
	d := b.quic.datagrams
	if d == nil || slices.ContainsFunc(next, func(n *binding) bool { return n.quic.datagrams == d }) {
		return
	}
	d.Retire()
	s.retired = append(s.retired, d)
	s.log.Info("no longer listening for HTTP/3", "listener", b.config.Name, "address", d.Addr().String())
}

// refuseQUIC takes in no further QUIC connection.
func (s *Set) refuseQUIC() {
	for _, d := range s.allDatagrams() {
		d.Refuse()
	}
}

// closeQUIC closes the UDP sockets, once no connection is left.
func (s *Set) closeQUIC() {
	for _, d := range s.allDatagrams() {
		d.Close()
	}
}

func (s *Set) allDatagrams() []*h3.Datagrams {
	list := slices.Clone(s.retired)
	for _, b := range s.bindings {
		if b.quic.datagrams != nil {
			list = append(list, b.quic.datagrams)
		}
	}
	return list
}

// inheritDatagrams adopts the UDP sockets among the files that were handed over for an address, and returns the rest.
func (s *Set) inheritDatagrams(k inheritance, files []*os.File) (rest []*os.File, failed error) {
	var datagrams []*os.File
	for _, f := range files {
		if h3.IsDatagrams(f) {
			datagrams = append(datagrams, f)
		} else {
			rest = append(rest, f)
		}
	}
	if len(datagrams) == 0 {
		return rest, nil
	}
	d, err := h3.InheritDatagrams(datagrams)
	if err != nil {
		return rest, fmt.Errorf("an inherited UDP socket for %s cannot be used: %w", k.address, err)
	}
	s.inheritedDatagrams[k] = d
	return rest, nil
}

// HandOver leaves the UDP sockets to the process that has inherited them. It waits, at most for
// grace, for handshakes whose first packet this process has read: the other process would
// refuse them, and the clients would not use UDP again.
func (s *Set) HandOver(grace time.Duration) {
	var left []*h3.Datagrams
	for _, b := range s.bindings {
		if d := b.quic.datagrams; d != nil {
			d.HandOver()
			left = append(left, d)
		}
	}
	const tick, enough = 10 * time.Millisecond, 10 // in which quic-go looks at what it has read, also on a busy machine
	for still, by := 0, time.Now().Add(grace); len(left) > 0 && still < enough && time.Now().Before(by); time.Sleep(tick) {
		still++
		if s.quic.Handshakes() > 0 || slices.ContainsFunc(left, func(d *h3.Datagrams) bool { return !d.Left() }) {
			still = 0
		}
	}
}

// altSvcAge is how long a client may remember the announcement, in seconds.
const altSvcAge = 24 * 60 * 60

// announcement returns the field line that announces HTTP/3 on a port.
func announcement(port int) []byte {
	b := strconv.AppendInt([]byte(`Alt-Svc: h3=":`), int64(port), 10)
	b = strconv.AppendInt(append(b, `"; ma=`...), altSvcAge, 10)
	return append(b, '\r', '\n')
}
