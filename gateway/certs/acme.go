package certs

import (
	"fmt"
	"log/slog"
	"net"
	"slices"

	"github.com/corsgate/corsgate/gateway/acme"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// This file gets certificates by ACME. The rules are:
//
//   - certificates from files come first: what they cover is not asked for;
//   - serving never waits for an authority: it begins with the stored certificates, and continues with those there are;
//   - work begins when connections are accepted, and ends before they no longer are: an authority must be able to look.

// compileACME makes the set of certificates of a configuration.
func (s *Set) compileACME(cfg *config.Config, prev *Set) (problems, warnings config.Problems) {
	c := &cfg.TLS.ACME
	if len(c.Domains) == 0 {
		return nil, nil
	}
	o := acme.Options{Directory: c.Directory, Email: c.Email, Storage: cfg.Path(c.Storage)}
	o.TLSALPN, o.HTTP = challengesOf(cfg.Listeners)
	if c.RootCA != "" {
		roots, err := tlsconf.LoadAuthorities(cfg.Path(c.RootCA))
		if err != nil {
			problems = append(problems, cfg.Problem("tls.acme.root_ca", -1, err.Error(), ""))
		}
		o.Roots = roots
	}
	if err := acme.CheckStorage(o.Storage); err != nil {
		problems = append(problems, cfg.Problem("tls.acme.storage", -1, err.Error(),
			"name a directory that corsgate's user can write to, or change its permissions"))
	}
	var names []string
	for i, name := range c.Domains {
		if j := slices.IndexFunc(s.shown, func(c shown) bool { return c.Covers(name) }); j >= 0 {
			warnings = append(warnings, cfg.Problem("tls.acme.domains", i,
				fmt.Sprintf("%s is in the certificate %s, which takes precedence: no other is obtained", name, s.shown[j].name), "remove one of the two"))
			continue
		}
		if acme.Refuses(c.Directory, name) {
			warnings = append(warnings, cfg.Problem("tls.acme.domains", i,
				fmt.Sprintf("%s is not a public name: public authorities do not issue certificates for it", name), "name your own authority's directory"))
		}
		names = append(names, name)
	}
	if len(problems) > 0 || len(names) == 0 {
		return problems, warnings
	}
	var before *acme.Set
	if prev != nil {
		before = prev.ACME
	}
	s.ACME = acme.NewSet(o, names, before)
	return nil, warnings
}

// challengesOf returns which challenges the listeners can answer: those for which one is at the port that authorities look at.
// If there is none, something forwards to them, and all may be. See RFC 8555, section 8.3, and RFC 8737, section 3.
func challengesOf(listeners []config.Listener) (tlsALPN, http bool) {
	var any struct{ tlsALPN, http bool }
	for i := range listeners {
		l := &listeners[i]
		network, address := l.Address.Split()
		_, port, _ := net.SplitHostPort(address)
		unknown := network != "tcp"
		if l.TLS {
			any.tlsALPN = true
			tlsALPN = tlsALPN || unknown || port == "443"
		} else {
			any.http = true
			http = http || unknown || port == "80"
		}
	}
	if !tlsALPN && !http {
		return any.tlsALPN, any.http
	}
	return tlsALPN, http
}

// Start starts what next gets by ACME and prev does not, and tells the opposite to end. Both may be nil. wait returns when that
// has ended.
func Start(prev, next *Set, log *slog.Logger) (wait func()) {
	return acme.Exchange(prev.byACME(), next.byACME(), log)
}

// byACME returns what s gets by ACME, which may be nil; s may be nil, too.
func (s *Set) byACME() *acme.Set {
	if s == nil {
		return nil
	}
	return s.ACME
}
