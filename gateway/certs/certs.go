// Package certs holds the certificates for clients, from files and by ACME, the rules for their
// client certificates, and the certificates for upstreams and Redis. It is internal to corsgate.
package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"github.com/corsgate/corsgate/gateway/acme"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/files"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// A Set is what [tls] and the listeners of a configuration name, read. It is never written to once it was compiled.
type Set struct {
	// TLS is what clients are shown; nil: nothing.
	TLS *tls.Config
	// Auths is what clients are to show, by listener.
	Auths map[string]*tlsconf.ClientAuth
	// ACME are the certificates that an authority gives; nil: none.
	ACME *acme.Set
	// Files are the files of all certificates and keys that the configuration names, those of upstreams, too, by path, with
	// digests of what they held before they were read.
	Files map[string]files.Digest

	shown []shown // of TLS, from files
}

// A shown certificate is one that clients are shown, by the name of its file.
type shown struct {
	name string
	*tlsconf.Certificate
}

// Compile reads the certificates of a configuration. It reuses the state of authorities from prev,
// which may be nil.
func Compile(cfg *config.Config, prev *Set, now time.Time) (s *Set, problems, warnings config.Problems) {
	s = &Set{Files: filesOf(cfg)}
	var list []*tlsconf.Certificate
	for i, c := range cfg.TLS.Certificates {
		certificate, notes, err := tlsconf.LoadCertificate(cfg.Path(c.Cert), cfg.Path(c.Key), now)
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
		s.shown = append(s.shown, shown{c.Cert, certificate})
	}
	problems = append(problems, s.compileClientAuth(cfg)...)
	moreProblems, moreWarnings := s.compileACME(cfg, prev)
	problems, warnings = append(problems, moreProblems...), append(warnings, moreWarnings...)
	switch minVersion := tlsVersions[cfg.TLS.MinVersion]; {
	case s.ACME != nil:
		s.TLS = tlsconf.New(list, s.ACME, minVersion)
	case len(list) > 0:
		s.TLS = tlsconf.New(list, nil, minVersion)
	}
	return s, problems, warnings
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
			return // reported where it is needed
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

// filesOf returns the digests of the files that [tls] and upstreams name, and zero for an OCSP response that there is not. A file
// that cannot be read is reported where it is needed.
func filesOf(cfg *config.Config) map[string]files.Digest {
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
	sums := map[string]files.Digest{}
	for _, c := range cfg.TLS.Certificates {
		sums[cfg.Path(c.Cert+".ocsp")] = files.Digest{}
	}
	for _, f := range list {
		if text, err := files.Read(f); err == nil {
			sums[f.Path] = sha256.Sum256(text)
		}
	}
	return sums
}

var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// Expiries tells how long certificates are still valid, in seconds, by the names of their files and domains.
func (s *Set) Expiries(emit metrics.Emit) {
	seen := map[string]bool{}
	for _, c := range s.shown {
		if !seen[c.name] {
			seen[c.name] = true
			emit(time.Until(c.NotAfter()).Seconds(), c.name)
		}
	}
	for _, d := range s.ACME.Domains() {
		if leaf := d.Leaf(); leaf != nil && !seen[d.Name] {
			emit(time.Until(leaf.NotAfter).Seconds(), d.Name)
		}
	}
}

// Failures tells how many orders of certificates in a row have failed, by domain.
func (s *Set) Failures(emit metrics.Emit) {
	for _, d := range s.ACME.Domains() {
		n, _ := d.Failures()
		emit(float64(n), d.Name)
	}
}

// Warn logs which certificates have expired or will soon, and which should have been renewed long ago.
func (s *Set) Warn(log *slog.Logger, now time.Time) {
	for _, c := range s.shown {
		if w := c.ExpiryWarning(now); w != "" {
			log.Warn("certificate", "name", c.name, "warning", w)
		}
	}
	for _, d := range s.ACME.Domains() {
		if leaf := d.Leaf(); leaf != nil && now.After(leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore)/6)) {
			n, err := d.Failures()
			log.Warn("certificate not renewed in time", "name", d.Name, "expires", leaf.NotAfter, "failures", n, "error", fmt.Sprint(err))
		}
	}
}
