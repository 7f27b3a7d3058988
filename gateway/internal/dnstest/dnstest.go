// Package dnstest is a name server for tests, over UDP and TCP on one loopback port.
package dnstest

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// A Server answers from a zone that can be changed at any time.
type Server struct {
	Address string // for both UDP and TCP

	mu       sync.Mutex
	zone     []dns.RR
	extra    []dns.RR       // goes with each SRV answer
	rcode    map[uint16]int // by type; what is not there is answered from the zone
	mute     bool           // datagrams are not answered
	largest  int            // of a datagram; 0: no bound
	noEDNS   bool
	asked    map[string]int // "udp A name."
	question func(m *dns.Msg)
}

// Start runs a server until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{rcode: map[uint16]int{}, asked: map[string]int{}}
	var pc net.PacketConn
	var ln net.Listener
	for try := 0; ; try++ {
		var err error
		if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if pc, err = net.ListenPacket("udp", ln.Addr().String()); err == nil {
			break
		}
		ln.Close() // the port is taken for UDP
		if try == 100 {
			t.Fatal(err)
		}
	}
	s.Address = ln.Addr().String()
	for _, server := range []*dns.Server{{PacketConn: pc}, {Listener: ln}} {
		started, done := make(chan struct{}), make(chan error, 1)
		server.Handler = s
		server.NotifyStartedFunc = func() { close(started) }
		go func() { done <- server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			if err := server.Shutdown(); err != nil {
				t.Errorf("name server: %v", err)
			}
			<-done
		})
	}
	return s
}

// Set replaces the zone by records as a zone file has them, and makes the server answer.
func (s *Server) Set(records ...string) {
	var zone []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			panic(err)
		}
		zone = append(zone, rr)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone, s.mute = zone, false
	clear(s.rcode)
}

// Extra sets what goes into the additional section of SRV answers.
func (s *Server) Extra(records ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.extra = nil
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			panic(err)
		}
		s.extra = append(s.extra, rr)
	}
}

// Fail has questions of a type answered by a code, such as dns.RcodeServerFailure.
func (s *Server) Fail(kind uint16, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rcode[kind] = code
}

// Mute has datagrams not answered any more, until Set.
func (s *Server) Mute() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute = true
}

// Largest bounds datagrams: what is larger is cut, and says so.
func (s *Server) Largest(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.largest = n
}

// Old makes the server refuse EDNS.
func (s *Server) Old() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noEDNS = true
}

// Spoil has answers changed before they are sent; the records in them are not to be.
func (s *Server) Spoil(f func(*dns.Msg)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.question = f
}

// Asked returns how often a question has come, such as "udp A api.example.".
func (s *Server) Asked(question string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[question]
}

// ServeDNS is part of dns.Handler.
func (s *Server) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, network := r.Question[0], w.LocalAddr().Network()
	s.asked[network+" "+dns.TypeToString[q.Qtype]+" "+q.Name]++
	if s.mute && network == "udp" {
		return
	}
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable = true
	if s.noEDNS && r.IsEdns0() != nil {
		m.Rcode = dns.RcodeFormatError
	} else if code, fails := s.rcode[q.Qtype]; fails {
		m.Rcode = code
	} else {
		s.answer(m, q)
	}
	if s.question != nil {
		s.question(m)
	}
	if network == "udp" && s.largest > 0 && m.Len() > s.largest {
		m.Truncate(s.largest)
		m.Truncated = true
	}
	w.WriteMsg(m) // the client asks again
}

// answer puts into m what the zone has, with the aliases on the way.
func (s *Server) answer(m *dns.Msg, q dns.Question) {
	name, known := q.Name, false
	for range 8 {
		alias := ""
		for _, rr := range s.zone {
			if !strings.EqualFold(rr.Header().Name, name) {
				continue
			}
			known = true
			if rr.Header().Rrtype == q.Qtype {
				m.Answer = append(m.Answer, rr)
			} else if c, is := rr.(*dns.CNAME); is {
				m.Answer = append(m.Answer, rr)
				alias = c.Target
			}
		}
		if alias == "" {
			break
		}
		name = alias
	}
	if !known {
		m.Rcode = dns.RcodeNameError
	}
	if q.Qtype == dns.TypeSRV {
		m.Extra = append(m.Extra, s.extra...)
	}
}
