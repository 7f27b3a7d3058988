package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Of a question: how long a name server is waited for, and how large a datagram may be. That size
// passes nearly everywhere in one piece; see RFC 9715, section 3.
const (
	maxWait     = 2 * time.Second
	maxDatagram = 1232
)

// A Resolver asks name servers. It is safe for concurrent use.
type Resolver struct {
	file string // like resolv.conf(5); "": none

	mu       sync.Mutex
	settings settings
	state    fileState // of the file when the settings were read
}

type settings struct {
	servers  []string // host:port, in the order in which they are asked
	attempts int
	wait     time.Duration
}

type fileState struct {
	modified time.Time
	size     int64
}

// NewResolver returns a resolver that asks server, which is "address:port". If that is empty it
// asks those that /etc/resolv.conf names, and reads that again when it has changed.
func NewResolver(server string) *Resolver {
	if server == "" {
		return &Resolver{file: "/etc/resolv.conf"}
	}
	return &Resolver{settings: settings{[]string{server}, 2, maxWait}}
}

// now returns the settings that hold now. Of the file it takes the servers and the options timeout
// and attempts. Without one the server is on this host, as resolv.conf(5) has it.
func (r *Resolver) now() settings {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == "" {
		return r.settings
	}
	state := fileState{}
	if info, err := os.Stat(r.file); err == nil {
		state = fileState{info.ModTime(), info.Size()}
	}
	if len(r.settings.servers) > 0 && state == r.state {
		return r.settings
	}
	c, err := dns.ClientConfigFromFile(r.file)
	if err != nil || len(c.Servers) == 0 {
		c = &dns.ClientConfig{Servers: []string{"127.0.0.1"}, Port: "53", Attempts: 2, Timeout: 5}
	}
	s := settings{attempts: max(1, c.Attempts), wait: min(max(time.Second, time.Duration(c.Timeout)*time.Second), maxWait)}
	for _, host := range c.Servers {
		s.servers = append(s.servers, net.JoinHostPort(host, c.Port))
	}
	r.settings, r.state = s, state
	return s
}

// A question is what a name server is asked. The name is canonical: lower-case, with a final dot.
type question struct {
	name string
	kind uint16
}

// ask asks the servers in their order until one answers. NXDOMAIN is an answer.
func (r *Resolver) ask(ctx context.Context, q question) (*dns.Msg, error) {
	s := r.now()
	var failed error
	for range s.attempts {
		for _, server := range s.servers {
			m, err := exchange(ctx, server, s.wait, q)
			if err == nil {
				return m, nil
			}
			failed = fmt.Errorf("%s %s, asked of %s: %w", q.name, dns.TypeToString[q.kind], server, err)
			if ctx.Err() != nil {
				return nil, failed
			}
		}
	}
	return nil, failed
}

// exchange asks one server: by a datagram, and by TCP if the answer is too large for one.
func exchange(ctx context.Context, server string, wait time.Duration, q question) (*dns.Msg, error) {
	m := new(dns.Msg).SetQuestion(q.name, q.kind)
	m.SetEdns0(maxDatagram, false)
	in, err := send(ctx, "udp", server, wait, m)
	if err == nil && (in.Rcode == dns.RcodeFormatError || in.Rcode == dns.RcodeNotImplemented) {
		m.Extra = nil // It may be too old for EDNS; see RFC 6891, section 6.2.2.
		in, err = send(ctx, "udp", server, wait, m)
	}
	if in != nil && in.Truncated && in.Id == m.Id { // also where it was cut in the midst of a record
		in, err = send(ctx, "tcp", server, wait, m)
	}
	switch {
	case err != nil:
		return nil, err
	case !in.Response || len(in.Question) != 1 || in.Question[0].Qtype != q.kind || !same(in.Question[0].Name, q.name):
		return nil, errors.New("it answers another question")
	case in.Truncated:
		return nil, errors.New("the answer is cut")
	case in.Rcode != dns.RcodeSuccess && in.Rcode != dns.RcodeNameError:
		return nil, fmt.Errorf("it answers %s", dns.RcodeToString[in.Rcode])
	}
	return in, nil
}

// send sends a message and waits for the one with its number. Each has a socket, and so a port, of
// its own; see RFC 5452, section 9.2.
func send(ctx context.Context, network, server string, wait time.Duration, m *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	c := dns.Client{Net: network, Timeout: wait}
	conn, err := c.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	// The library heeds the deadline of the context, but not its end.
	stop := context.AfterFunc(ctx, func() { conn.Close() }) // a pending wait notices
	defer stop()
	defer conn.Close() // nothing is left to be read
	in, _, err := c.ExchangeWithConnContext(ctx, m, conn)
	return in, err
}

// same reports whether two names are one; see RFC 4343.
func same(a, b string) bool { return strings.EqualFold(dns.Fqdn(a), dns.Fqdn(b)) }
