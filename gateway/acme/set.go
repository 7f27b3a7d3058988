package acme

import (
	"crypto/tls"
	"log/slog"
	"strings"
)

// A Set holds the certificates of one configuration. Which domains it has does not change; their certificates do. Its
// methods are safe for concurrent use. Of a nil Set nothing is known.
type Set struct {
	client  *Client
	domains []*Domain
	byName  map[string]*Domain
}

// NewSet returns a set for names, which are distinct and in lower case. It takes over from prev,
// which may be nil, the client if the options are the same, and then the domains that stay. Stored
// certificates are read; nothing is started, and no authority is contacted.
func NewSet(o Options, names []string, prev *Set) *Set {
	s := &Set{byName: make(map[string]*Domain, len(names))}
	if prev != nil && prev.client.options.same(o) {
		s.client = prev.client
	} else {
		s.client = newClient(o)
	}
	for _, name := range names {
		d := prev.domain(name)
		if d == nil || d.client != s.client {
			d = newDomain(s.client, name, d)
		}
		s.domains = append(s.domains, d)
		s.byName[name] = d
	}
	return s
}

func (s *Set) domain(name string) *Domain {
	if s == nil {
		return nil
	}
	return s.byName[name]
}

// Exchange starts what next has and prev has not, and tells the opposite to end. Either may be nil. It returns a
// function that waits until all that has ended.
func Exchange(prev, next *Set, log *slog.Logger) (wait func()) {
	wait = func() {}
	if next != nil {
		if prev == nil || prev.client != next.client {
			next.client.start(log)
		}
		for _, d := range next.domains {
			if prev.domain(d.Name) != d {
				d.start()
			}
		}
	}
	if prev != nil {
		for _, d := range prev.domains {
			if next.domain(d.Name) != d {
				d.stop()
			}
		}
		if next == nil || next.client != prev.client {
			prev.client.stop()
			wait = prev.client.wait
		}
	}
	return wait
}

// Retry has domains whose last attempt failed make another one now.
func (s *Set) Retry() {
	if s != nil {
		for _, d := range s.domains {
			d.retry()
		}
	}
}

// Domains returns all domains, as they were configured. The caller does not change the slice.
func (s *Set) Domains() []*Domain {
	if s == nil {
		return nil
	}
	return s.domains
}

// Certificate returns the certificate of a name in lower case, or nil if there is none yet, which
// is logged once for each name. It reports false if the name is not in the set.
func (s *Set) Certificate(name string) (c *tls.Certificate, known bool) {
	d := s.domain(name)
	if d == nil {
		return nil, false
	}
	c = d.current.Load()
	if c == nil {
		d.miss()
	}
	return c, true
}

// First returns the certificate of the first domain that has one, or nil.
func (s *Set) First() *tls.Certificate {
	for _, d := range s.domains {
		if c := d.current.Load(); c != nil {
			return c
		}
	}
	return nil
}

// Has reports whether a name, in any case, is one of the set's.
func (s *Set) Has(name string) bool { return s.domain(strings.ToLower(name)) != nil }

// Challenge returns the certificate that answers a TLS-ALPN-01 challenge for a name, or nil. See
// RFC 8737.
func (s *Set) Challenge(name string) *tls.Certificate {
	name = strings.ToLower(name)
	if s.domain(name) == nil {
		return nil
	}
	return s.client.challenges.certificate(name)
}

// KeyAuthorization returns the response to an HTTP-01 challenge for a name, or "" if there is none
// with that token. It may read a file. See RFC 8555, section 8.3.
func (s *Set) KeyAuthorization(name, token string) string {
	name = strings.ToLower(name)
	if s.domain(name) == nil {
		return ""
	}
	return s.client.challenges.keyAuthorization(name, token)
}
