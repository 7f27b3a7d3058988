package gateway

import (
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
)

// This file binds what HTTP/3 comes by: beside a listener's sockets one of UDP, of the same address and number. As with
// sockets, it stays when the listener is exchanged for another one of the same address. When HTTP/3 is switched off it
// stays until its last connection has ended, and refuses new ones: also those that another listener of the same port would
// take, if its own address is the more specific one. They come by TCP meanwhile.

// A quicBinding is the UDP side of a binding. The zero value is that of one without HTTP/3.
type quicBinding struct {
	datagrams *edge.Datagrams
	shared    bool // it is that of the binding that this one replaces, or of another process
	revived   bool // it was about to go
}

// bindQUIC makes the UDP side of b. old and leaving are those of bind.
func (g *Gateway) bindQUIC(b, old *binding, leaving []*binding) error {
	tcp, ok := b.sockets.Addr().(*net.TCPAddr)
	if !ok {
		return fmt.Errorf("HTTP/3 needs the address of a TCP socket, and %s is none", b.sockets.Addr())
	}
	q := &b.quic
	key := inheritance{"listener." + b.config.Name, string(b.config.Address)}
	switch {
	case old != nil && old.quic.datagrams != nil:
		q.datagrams, q.shared = old.quic.datagrams, true
	case g.inheritedDatagrams[key] != nil:
		q.datagrams, q.shared = g.inheritedDatagrams[key], true
		delete(g.inheritedDatagrams, key)
	default:
		if q.datagrams = g.revive(tcp); q.datagrams != nil {
			q.shared, q.revived = true, true
			break
		}
		if network, name := b.config.Address.Split(); network == "systemd" {
			d, err := edge.BindSystemdDatagrams(name)
			if err != nil {
				return err
			}
			q.datagrams = d
			break
		}
		beside := slices.ContainsFunc(leaving, func(l *binding) bool { return l.quic.datagrams != nil && l.hasPort(b.config.Address) })
		var err error
		if q.datagrams, err = edge.BindDatagrams(tcp, beside); err != nil {
			return fmt.Errorf("UDP, for http3: %w", err)
		}
	}
	for _, l := range b.on {
		l.AltSvc = announcement(tcp.Port)
	}
	return nil
}

// revive returns what HTTP/3 came by until it was switched off at an address, if it is there still.
func (g *Gateway) revive(at *net.TCPAddr) *edge.Datagrams {
	for _, d := range g.fading {
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

// startQUIC has a binding take in QUIC connections, if it is to.
func (g *Gateway) startQUIC(b *binding) {
	d := b.quic.datagrams
	if d == nil {
		return
	}
	g.fading = slices.DeleteFunc(g.fading, func(f *edge.Datagrams) bool { return f == d || f.Closed() })
	d.Lead(b.on[0])
	if !d.Begin() {
		return // it does already
	}
	g.log.Info("listening for HTTP/3", "listener", b.config.Name, "address", d.Addr().String())
	if has, wants := d.ReadBuffer(); has < wants {
		g.log.Warn("the system gives HTTP/3 less buffer than it should have: packets may be lost under load",
			"listener", b.config.Name, "octets", has, "advice", fmt.Sprintf("sysctl net.core.rmem_max=%d net.core.wmem_max=%d", wants, wants))
	}
	g.work.Go(func() { g.failed(g.server.ServeDatagrams(d)) })
}

// retireQUIC ends the UDP side of a binding, unless one of next goes on with it.
func (g *Gateway) retireQUIC(b *binding, next []*binding) {
	d := b.quic.datagrams
	if d == nil || slices.ContainsFunc(next, func(n *binding) bool { return n.quic.datagrams == d }) {
		return
	}
	d.Retire()
	g.fading = append(g.fading, d)
	g.log.Info("no longer listening for HTTP/3", "listener", b.config.Name, "address", d.Addr().String())
}

// refuseQUIC takes in no further QUIC connection. Precondition: g.mu is held.
func (g *Gateway) refuseQUIC() {
	for _, d := range g.allDatagrams() {
		d.Refuse()
	}
}

// closeQUIC closes what connections came by, when there are none any more. Precondition: g.mu is held.
func (g *Gateway) closeQUIC() {
	for _, d := range g.allDatagrams() {
		d.Close()
	}
}

func (g *Gateway) allDatagrams() []*edge.Datagrams {
	list := slices.Clone(g.fading)
	for _, b := range g.bindings {
		if b.quic.datagrams != nil {
			list = append(list, b.quic.datagrams)
		}
	}
	return list
}

// inheritDatagrams takes what is of UDP out of the files that were handed over for an address.
func (g *Gateway) inheritDatagrams(k inheritance, files []*os.File) (rest []*os.File, failed error) {
	var datagrams []*os.File
	for _, f := range files {
		if edge.IsDatagrams(f) {
			datagrams = append(datagrams, f)
		} else {
			rest = append(rest, f)
		}
	}
	if len(datagrams) == 0 {
		return rest, nil
	}
	d, err := edge.InheritDatagrams(datagrams)
	if err != nil {
		return rest, fmt.Errorf("a UDP socket that was handed over for %s cannot be used: %w", k.address, err)
	}
	g.inheritedDatagrams[k] = d
	return rest, nil
}

// handOverQUIC leaves UDP sockets to the process that has them. Whose first packet this process has read makes its
// handshake here, for which there is the grace: it would be refused by who does not know better, and not come again by UDP.
// Precondition: g.mu is held.
func (g *Gateway) handOverQUIC(grace time.Duration) {
	var left []*edge.Datagrams
	for _, b := range g.bindings {
		if d := b.quic.datagrams; d != nil {
			d.HandOver()
			left = append(left, d)
		}
	}
	const tick = 10 * time.Millisecond // more than quic-go takes to look at what it has read
	for still, by := 0, time.Now().Add(grace); len(left) > 0 && still < 2 && time.Now().Before(by); time.Sleep(tick) {
		still++
		if g.server.Handshakes() > 0 || slices.ContainsFunc(left, func(d *edge.Datagrams) bool { return !d.Left() }) {
			still = 0
		}
	}
}
