package gateway

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/files"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// A shown certificate is one that clients are shown, by the name of its file.
type shown struct {
	name string
	*edge.Certificate
}

// compileTLS reads the certificates of a configuration. A reload reads them again; what only compiles the
// configuration in force again does not, lest it fail for files that are being replaced.
func (s *snapshot) compileTLS(cfg *config.Config, prev *snapshot, now time.Time) (problems, warnings config.Problems) {
	if prev != nil && prev.config == cfg {
		s.certificates, s.secrets, s.acme, s.edge.TLS, s.auths = prev.certificates, prev.secrets, prev.acme, prev.edge.TLS, prev.auths
		return nil, nil
	}
	s.secrets = secretsOf(cfg)
	var list []*edge.Certificate
	for i, c := range cfg.TLS.Certificates {
		certificate, notes, err := edge.LoadCertificate(cfg.Path(c.Cert), cfg.Path(c.Key), now)
		if err != nil {
			problems = append(problems, cfg.Problem("tls.certificates", i, err.Error(), ""))
			continue
		}
		if broken := certificate.ChainWarning(knownRoots(cfg)); broken != "" {
			notes = append(notes, cfg.Path(c.Cert)+": "+broken)
		}
		for _, note := range notes {
			warnings = append(warnings, cfg.Problem("tls.certificates", i, note, ""))
		}
		list = append(list, certificate)
		s.certificates = append(s.certificates, shown{c.Cert, certificate})
	}
	problems = append(problems, s.compileClientAuth(cfg)...)
	moreProblems, moreWarnings := s.compileACME(cfg, prev)
	problems, warnings = append(problems, moreProblems...), append(warnings, moreWarnings...)
	switch minVersion := tlsVersions[cfg.TLS.MinVersion]; {
	case s.acme != nil:
		s.edge.TLS = edge.NewTLS(list, s.acme, minVersion)
	case len(list) > 0:
		s.edge.TLS = edge.NewTLS(list, nil, minVersion)
	}
	return problems, warnings
}

// knownRoots returns the authorities that clients may have as roots: the system's, and those in the files that cfg names.
func knownRoots(cfg *config.Config) *x509.CertPool {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	add := func(key, name string) {
		file, err := cfg.Named(key, name)
		if name == "" || err != nil {
			return // whoever needs it reports that
		}
		if text, err := files.Read(file); err == nil {
			roots.AppendCertsFromPEM(text)
		}
	}
	add("tls.client_ca", cfg.TLS.ClientCA)
	add("tls.acme.root_ca", cfg.TLS.ACME.RootCA)
	for i := range cfg.Upstreams {
		add("upstream."+cfg.Upstreams[i].Name+".tls_ca", cfg.Upstreams[i].TLSCA)
	}
	return roots
}

// secretsOf returns the digests of the files that [tls] and upstreams name, and zero for an OCSP response that there is not. What cannot
// be read, whoever needs it reports.
func secretsOf(cfg *config.Config) map[string][sha256.Size]byte {
	var list []config.NamedFile
	name := func(key string, names ...string) {
		for _, n := range names {
			if f, err := cfg.Named(key, n); err == nil && n != "" {
				list = append(list, f)
			}
		}
	}
	name("tls", cfg.TLS.ClientCA, cfg.TLS.ACME.RootCA)
	for i := range cfg.Listeners {
		name("listener", cfg.Listeners[i].ClientCA)
	}
	for _, c := range cfg.TLS.Certificates {
		name("tls", c.Cert, c.Key, c.Cert+".ocsp")
	}
	for i := range cfg.Upstreams {
		u := &cfg.Upstreams[i]
		name("upstream", u.TLSCA, u.TLSCert, u.TLSKey)
	}
	sums := map[string][sha256.Size]byte{}
	for _, c := range cfg.TLS.Certificates {
		sums[cfg.Path(c.Cert+".ocsp")] = [sha256.Size]byte{}
	}
	for _, f := range list {
		if text, err := files.Read(f); err == nil {
			sums[f.Path] = sha256.Sum256(text)
		}
	}
	return sums
}

var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// expiries tells how long the certificates in force are valid, in seconds.
func (s *snapshot) expiries(emit metrics.Emit) {
	seen := map[string]bool{}
	for _, c := range s.certificates {
		if !seen[c.name] {
			seen[c.name] = true
			emit(time.Until(c.NotAfter()).Seconds(), c.name)
		}
	}
	for _, d := range s.acme.Domains() {
		if leaf := d.Leaf(); leaf != nil && !seen[d.Name] {
			emit(time.Until(leaf.NotAfter).Seconds(), d.Name)
		}
	}
}

// warnExpiry logs which certificates have expired or will soon.
func (g *Gateway) warnExpiry(now time.Time) {
	for _, c := range g.current.Load().certificates {
		if w := c.ExpiryWarning(now); w != "" {
			g.log.Warn("certificate", "name", c.name, "warning", w)
		}
	}
	g.warnRenewal(now)
}
