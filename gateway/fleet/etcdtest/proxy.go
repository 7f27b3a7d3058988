package etcdtest

import (
	"net"
	"strings"
	"sync"
	"time"
)

// A Proxy stands between one client and one member, so that the network between both can fail.
type Proxy struct {
	target string
	ln     net.Listener
	ended  sync.WaitGroup

	mu     sync.Mutex
	change *sync.Cond
	state  state
	conns  map[net.Conn]bool
}

type state int

const (
	open    state = iota
	silent        // nothing passes, and nothing is closed: packets that are dropped
	slow          // answers arrive half a second late
	refused       // connections are closed at once
	closed        // the test has ended
)

// StartProxy starts a proxy to an endpoint, which ends with the test.
func StartProxy(t TB, endpoint string) *Proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("%v", err)
	}
	_, target, _ := strings.Cut(endpoint, "://")
	p := &Proxy{target: target, ln: ln, conns: make(map[net.Conn]bool)}
	p.change = sync.NewCond(&p.mu)
	p.ended.Go(p.accept)
	t.Cleanup(func() {
		p.set(closed)
		_ = ln.Close()
		p.ended.Wait()
	})
	return p
}

// Endpoint returns the URL for the client.
func (p *Proxy) Endpoint() string { return "http://" + p.ln.Addr().String() }

// Silence lets nothing pass, as if all packets were dropped.
func (p *Proxy) Silence() { p.set(silent) }

// Slow lets answers arrive half a second late: time for what would be a race otherwise.
func (p *Proxy) Slow() { p.set(slow) }

// Cut closes all connections and takes no others.
func (p *Proxy) Cut() { p.set(refused) }

// Heal ends whatever was wrong.
func (p *Proxy) Heal() { p.set(open) }

func (p *Proxy) set(s state) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = s
	p.change.Broadcast()
	if s == refused || s == closed {
		for c := range p.conns {
			_ = c.Close()
		}
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.ln.Accept()
		if err != nil {
			return
		}
		member, err := net.Dial("tcp", p.target)
		if err != nil || !p.add(client, member) {
			_ = client.Close()
			if err == nil {
				_ = member.Close()
			}
			continue
		}
		p.ended.Go(func() { p.copy(member, client, false) })
		p.ended.Go(func() { p.copy(client, member, true) })
	}
}

// add records connections, unless connections are refused.
func (p *Proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == refused || p.state == closed {
		return false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

// copy passes bytes on until one side closes; then it closes the other.
func (p *Proxy) copy(to, from net.Conn, answers bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			break
		}
		p.mu.Lock()
		for p.state == silent {
			p.change.Wait()
		}
		late := p.state == slow && answers
		p.mu.Unlock()
		if late {
			time.Sleep(500 * time.Millisecond)
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, from)
}
