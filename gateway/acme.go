package gateway

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/corsgate/corsgate/gateway/acme"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file gets certificates by ACME, and answers an authority that wants to see whether a name is ours. The rules are:
//
//   - certificates from files come first: what they cover is not asked for;
//   - nobody waits for an authority: serving begins with what is stored, and goes on with what there is;
//   - work begins when connections are accepted, and ends before they no longer are: an authority must be able to look.

// compileACME makes the set of certificates of a configuration.
func (s *snapshot) compileACME(cfg *config.Config, prev *snapshot) (problems, warnings config.Problems) {
	c := &cfg.TLS.ACME
	if len(c.Domains) == 0 {
		return nil, nil
	}
	o := acme.Options{Directory: c.Directory, Email: c.Email, Storage: cfg.Path(c.Storage)}
	o.TLSALPN, o.HTTP = challengesOf(cfg.Listeners)
	if c.RootCA != "" {
		roots, err := edge.LoadAuthorities(cfg.Path(c.RootCA))
		if err != nil {
			problems = append(problems, cfg.Problem("tls.acme.root_ca", -1, err.Error(), ""))
		}
		o.Roots = roots
	}
	if err := acme.CheckStorage(o.Storage); err != nil {
		problems = append(problems, cfg.Problem("tls.acme.storage", -1, err.Error(),
			"name a directory that corsgate's user can write to, or make it one"))
	}
	var names []string
	for i, name := range c.Domains {
		if j := slices.IndexFunc(s.certificates, func(c shown) bool { return c.Covers(name) }); j >= 0 {
			warnings = append(warnings, cfg.Problem("tls.acme.domains", i,
				fmt.Sprintf("%s is in the certificate %s, which comes first: no other is asked for", name, s.certificates[j].name), "remove one of the two"))
			continue
		}
		if acme.Refuses(c.Directory, name) {
			warnings = append(warnings, cfg.Problem("tls.acme.domains", i,
				fmt.Sprintf("%s is no name of the Internet: no public authority gives a certificate for it", name), "name a directory of your own"))
		}
		names = append(names, name)
	}
	if len(problems) > 0 || len(names) == 0 {
		return problems, warnings
	}
	var before *acme.Set
	if prev != nil {
		before = prev.acme
	}
	s.acme = acme.NewSet(o, names, before)
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

// exchangeACME starts what next has and prev has not, and tells the opposite to end. Precondition: g.mu is held.
func (g *Gateway) exchangeACME(prev, next *acme.Set) {
	wait := acme.Exchange(prev, next, g.log)
	g.work.Go(wait)
}

// stopACME ends all work, and waits for that unless ctx is done. Precondition: g.mu is held.
func (g *Gateway) stopACME(ctx context.Context) {
	ended := make(chan struct{})
	wait := acme.Exchange(g.current.Load().acme, nil, g.log)
	go func() { defer close(ended); wait() }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

const challengePath = "/.well-known/acme-challenge/"

// mayProve reports whether the request looks like that of an authority. It costs others the comparison of a few octets.
func (x *exchange) mayProve() bool {
	path := x.req.Path
	return x.s.acme != nil && len(path) > len(challengePath) && string(path[:len(challengePath)]) == challengePath &&
		string(x.req.Method) == "GET" && x.s.acme.Has(string(wire.HostName(x.req.Host)))
}

// prove answers an authority. It reports false if that has not asked for what the request asks for: somebody else may be
// meant, behind the gateway. See RFC 8555, section 8.3.
func (x *exchange) prove() bool {
	answer := x.s.acme.KeyAuthorization(string(wire.HostName(x.req.Host)), string(x.req.Path[len(challengePath):]))
	if answer == "" {
		return false
	}
	x.route, x.status = nil, 200
	out := edge.AppendStatusLine(x.out[:0], x.status)
	out = append(out, "Content-Type: application/octet-stream\r\n"...)
	x.out = x.appendContent(x.appendShareExposing(x.appendOwn(out), nil, nil), answer)
	return true
}

// warnRenewal logs which certificates should have been renewed long ago.
func (g *Gateway) warnRenewal(now time.Time) {
	for _, d := range g.current.Load().acme.Domains() {
		if leaf := d.Leaf(); leaf != nil && now.After(leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore)/6)) {
			n, err := d.Failures()
			g.log.Warn("certificate not renewed in time", "name", d.Name, "expires", leaf.NotAfter, "failures", n, "error", fmt.Sprint(err))
		}
	}
}
