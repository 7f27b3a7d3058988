package tlsconf

import (
	"crypto/tls"
	"slices"
	"strings"
	"time"
)

// certificates select the certificate for a client by the name in its hello (SNI). They are immutable. The rules are:
//
//   - a certificate for exactly that name comes before one with a wildcard;
//   - a name that no certificate has, or none at all, gets the first certificate, or another one
//     for the first's name;
//   - of several for one name, an ECDSA key comes first, if the client can verify it; else they are
//     tried as they were configured;
//   - managed certificates are for names that none of these covers. If there are only managed ones, they are for all
//     other names, too.
type certificates struct {
	byName map[string][]*Certificate // lower case; with a wildcard: "*.example.com"
	first  []*Certificate

	managed Managed // nil: no others
}

func newCertificates(list []*Certificate, managed Managed) *certificates {
	s := &certificates{byName: map[string][]*Certificate{}, managed: managed}
	for _, c := range list {
		for _, name := range c.leaf.DNSNames {
			name = strings.ToLower(name)
			if !slices.Contains(s.byName[name], c) {
				s.byName[name] = append(s.byName[name], c)
			}
		}
	}
	for name := range s.byName {
		slices.SortStableFunc(s.byName[name], func(a, b *Certificate) int { return rank(a) - rank(b) })
	}
	if len(list) > 0 {
		s.first = list[:1]
		if names := list[0].leaf.DNSNames; len(names) > 0 {
			s.first = s.byName[strings.ToLower(names[0])]
		}
	}
	return s
}

func rank(c *Certificate) int {
	if c.ecdsa() {
		return 0
	}
	return 1
}

// choose is what tls.Config calls GetCertificate.
func (s *certificates) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	list := s.named(name)
	if len(list) == 0 && s.managed != nil {
		c, known := s.managed.Certificate(name)
		if !known && len(s.first) == 0 {
			c, known = s.managed.First(), true
		}
		switch {
		case c != nil:
			return c, nil
		case known:
			return nil, ErrNoCertificate
		}
	}
	return s.find(hello, list).at(time.Now()), nil
}

// named returns the certificates that have a name in lower case.
func (s *certificates) named(name string) []*Certificate {
	list := s.byName[name]
	if len(list) == 0 {
		if dot := strings.IndexByte(name, '.'); dot > 0 {
			list = s.byName["*"+name[dot:]]
		}
	}
	return list
}

// find returns one of list that the client can verify, or else one of the first.
func (s *certificates) find(hello *tls.ClientHelloInfo, list []*Certificate) *Certificate {
	// This code knows whether a certificate covers the name; the library says whether the client can verify it.
	any := *hello
	any.ServerName = ""
	for _, list := range [][]*Certificate{list, s.first} {
		for _, c := range list {
			if any.SupportsCertificate(&c.tls) == nil {
				return c
			}
		}
		if len(list) > 0 {
			return list[0] // the handshake will fail, and say why
		}
	}
	panic("BUG: no certificate")
}

// at returns the certificate as it is served at a time: with its staple only while that is valid.
func (c *Certificate) at(now time.Time) *tls.Certificate {
	if now.Before(c.stapledFor) {
		return &c.stapled
	}
	return &c.tls
}
