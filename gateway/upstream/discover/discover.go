// Package discover resolves names to servers by DNS.
//
// Like nginx, it resolves a name as written: the search list of /etc/resolv.conf is not used, and
// /etc/hosts is not read. Only "localhost" and names below it are never sent to a name server; see
// RFC 6761, section 6.3.
//
// Answers are trusted as little as possible: at most MaxServers addresses are used, only those that
// the name itself leads to, and none that cannot be a server's (0.0.0.0, ::, multicast).
package discover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// The bounds of a look-up. An answer is used for as long as it says, but within MinTTL and MaxTTL.
const (
	MinTTL     = time.Second
	MaxTTL     = 5 * time.Minute
	MaxServers = 256

	maxLook  = 20 * time.Second // for a look-up with all its questions
	maxAsked = 16               // questions at once
	maxChain = 16               // aliases that lead from one to the next
)

// A Name is what servers are looked up by.
type Name struct {
	Host    string // without a final dot
	Port    uint16 // of its addresses
	Service bool   // Host has SRV records, which say the ports; see RFC 2782
}

// A Server is one that a name leads to.
type Server struct {
	Addr     netip.AddrPort
	Priority int // those of a lower number come first; 0 without SRV
	Weight   int // among those of the same priority; without SRV all have 1
}

// A Follower looks up one name again and again, and remembers what it led to. It is for one
// goroutine at a time.
type Follower struct {
	name     Name
	resolver *Resolver
	known    map[question]records // from the last look-up
	servers  []Server
}

// NewFollower returns a follower that has not looked up its name yet.
func NewFollower(r *Resolver, n Name) *Follower { return &Follower{name: n, resolver: r} }

// Look looks up the name and returns its servers, by priority and address, and for how long
// that holds. With an error, a look-up failed or there is no server; then the servers are those
// known from before, perhaps none, and ttl has no meaning. The slice must not be changed.
func (f *Follower) Look(ctx context.Context) (servers []Server, ttl time.Duration, err error) {
	if h := f.name.Host; !f.name.Service && (h == "localhost" || strings.HasSuffix(h, ".localhost")) {
		f.servers = []Server{{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), f.name.Port), 0, 1},
			{netip.AddrPortFrom(netip.IPv6Loopback(), f.name.Port), 0, 1}}
		f.servers = reachable(f.servers)
		return f.servers, MaxTTL, nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxLook)
	defer cancel()
	l := &look{ctx: ctx, resolver: f.resolver, before: f.known, found: map[question]records{}, ttl: MaxTTL,
		room: make(chan struct{}, maxAsked)}
	host := dns.CanonicalName(f.name.Host)
	if f.name.Service {
		servers = l.services(host)
	} else {
		for _, a := range l.addresses(host) {
			servers = append(servers, Server{netip.AddrPortFrom(a, f.name.Port), 0, 1})
		}
	}
	f.known = l.found
	if servers = tidy(servers); len(servers) > 0 {
		f.servers = servers
	} else if l.err == nil {
		l.err = fmt.Errorf("%s: %w", f.name.Host, cmp.Or(l.nothing, errNoAddress))
	}
	return f.servers, max(l.ttl, MinTTL), l.err
}

var (
	errNoAddress = errors.New("the name has no address")
	errNoService = errors.New("the name has no SRV record")
	errNoName    = errors.New("there is no such name")
)

// tidy sorts servers, and removes those that are repeated, unreachable or too many.
func tidy(servers []Server) []Server {
	seen := map[netip.AddrPort]bool{}
	slices.SortFunc(servers, func(a, b Server) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), a.Addr.Compare(b.Addr), cmp.Compare(b.Weight, a.Weight))
	})
	servers = slices.DeleteFunc(servers, func(s Server) bool {
		again := seen[s.Addr]
		seen[s.Addr] = true
		return again
	})
	return reachable(servers[:min(len(servers), MaxServers)])
}

// reachable takes out servers with an address of IPv6 on a host that has no way there, unless
// there are no others: names often have both.
func reachable(servers []Server) []Server {
	there := make([]Server, 0, len(servers))
	for _, s := range servers {
		if s.Addr.Addr().Is4() || hasRoute(s.Addr) {
			there = append(there, s)
		}
	}
	if len(there) == 0 {
		return servers
	}
	return there
}

// hasRoute asks the system where it would send a datagram to. It sends none.
func hasRoute(a netip.AddrPort) bool {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(a))
	if err != nil {
		return false
	}
	c.Close() // nothing was sent
	return true
}

// records are the answer to a question.
type records struct {
	list  []dns.RR // of the question's type
	extra []dns.RR // the additional section
	ttl   time.Duration
}

// A look is one look-up.
type look struct {
	ctx      context.Context
	resolver *Resolver
	before   map[question]records
	room     chan struct{} // for questions under way

	mu      sync.Mutex
	found   map[question]records
	ttl     time.Duration // the shortest
	err     error         // one that kept a question from being answered
	nothing error         // why the name itself leads nowhere
}

// ask returns the answer to a question, or if it cannot be had the last one.
func (l *look) ask(q question) records {
	l.room <- struct{}{}
	m, err := l.resolver.ask(l.ctx, q)
	<-l.room
	r, had := l.before[q]
	if err == nil {
		r = q.read(m)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.err = cmp.Or(l.err, err)
	case m.Rcode == dns.RcodeNameError:
		l.nothing = errNoName
	}
	if err == nil || had {
		l.found[q] = r
	}
	if len(r.list) > 0 {
		l.ttl = min(l.ttl, r.ttl)
	}
	return r
}

// read takes from an answer what belongs to the question. Aliases are followed as far as the
// answer gives them: a resolver gives all, see RFC 1034, section 5.2.2.
func (q question) read(m *dns.Msg) records {
	r := records{ttl: MaxTTL, extra: m.Extra}
	owner := q.name
	for range maxChain {
		i := slices.IndexFunc(m.Answer, func(rr dns.RR) bool {
			_, alias := rr.(*dns.CNAME)
			return alias && same(rr.Header().Name, owner)
		})
		if i < 0 {
			break
		}
		owner = m.Answer[i].(*dns.CNAME).Target
		r.ttl = min(r.ttl, ttl(m.Answer[i]))
	}
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == q.kind && same(rr.Header().Name, owner) {
			r.list = append(r.list, rr)
			r.ttl = min(r.ttl, ttl(rr))
		}
	}
	return r
}

// ttl returns how long a record holds. A number with the first bit set stands for 0; see RFC 2181,
// section 8.
func ttl(rr dns.RR) time.Duration {
	if n := rr.Header().Ttl; n < 1<<31 {
		return time.Duration(n) * time.Second
	}
	return 0
}

// addresses returns the addresses of a host, of both kinds.
func (l *look) addresses(host string) (list []netip.Addr) {
	var four, six records
	var both sync.WaitGroup
	both.Go(func() { four = l.ask(question{host, dns.TypeA}) })
	both.Go(func() { six = l.ask(question{host, dns.TypeAAAA}) })
	both.Wait()
	return append(appendAddresses(nil, four.list), appendAddresses(nil, six.list)...)
}

func appendAddresses(list []netip.Addr, records []dns.RR) []netip.Addr {
	for _, rr := range records {
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		}
		if a, ok := netip.AddrFromSlice(ip); ok && !a.Unmap().IsUnspecified() && !a.Unmap().IsMulticast() {
			list = append(list, a.Unmap())
		}
	}
	return list
}

// services returns the servers of a service. The addresses of a target are those of the additional
// section, or else looked up.
func (l *look) services(host string) (servers []Server) {
	r := l.ask(question{host, dns.TypeSRV})
	if len(r.list) == 0 {
		l.nothing = cmp.Or(l.nothing, errNoService)
	}
	targets := map[string][]netip.Addr{}
	for _, rr := range r.list[:min(len(r.list), MaxServers)] {
		// The target "." says that there is decidedly no such service here.
		if target := dns.CanonicalName(rr.(*dns.SRV).Target); target != "." {
			targets[target] = nil
		}
	}
	for _, rr := range r.extra {
		name := dns.CanonicalName(rr.Header().Name)
		if list, wanted := targets[name]; wanted {
			if more := appendAddresses(list, []dns.RR{rr}); len(more) > len(list) {
				targets[name], l.ttl = more, min(l.ttl, ttl(rr))
			}
		}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for target, list := range maps.Clone(targets) {
		if len(list) > 0 {
			continue
		}
		all.Go(func() {
			list := l.addresses(target)
			mu.Lock()
			defer mu.Unlock()
			targets[target] = list
		})
	}
	all.Wait()
	for _, rr := range r.list {
		s := rr.(*dns.SRV)
		for _, a := range targets[dns.CanonicalName(s.Target)] {
			servers = append(servers, Server{netip.AddrPortFrom(a, s.Port), int(s.Priority), int(s.Weight)})
		}
	}
	return servers
}
