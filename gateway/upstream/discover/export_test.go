package discover

import (
	"time"

	"github.com/miekg/dns"
)

// ResolverOf returns a resolver that asks several servers.
func ResolverOf(wait time.Duration, servers ...string) *Resolver {
	return &Resolver{settings: settings{servers, 1, wait}}
}

// ResolverByFile returns a resolver that asks the servers of another file than /etc/resolv.conf.
func ResolverByFile(name string) *Resolver { return &Resolver{file: name} }

// Servers returns the servers that would be asked now.
func (r *Resolver) Servers() []string { return r.now().servers }

// Read reads an answer.
func Read(name string, kind uint16, m *dns.Msg) (int, time.Duration) {
	r := question{name, kind}.read(m)
	return len(r.list), r.ttl
}
