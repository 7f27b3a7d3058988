package source

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/lastgood"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// Revision returns the text of a revision as a source.
func Revision(number int64, text string) *config.Source {
	return &config.Source{Name: fmt.Sprintf("revision %d", number), Text: []byte(text)}
}

// FleetOptions returns how to reach etcd according to the table [fleet], which cfg must have. It reads the files that the
// table names.
func FleetOptions(cfg *config.Config) (o fleet.Options, problems config.Problems) {
	f := cfg.Fleet
	bad := func(key string, err error, hint string) {
		problems = append(problems, cfg.Problem("fleet."+key, -1, err.Error(), hint))
	}
	o = fleet.Options{Endpoints: f.Etcd, Prefix: f.Prefix, Username: f.Username, TLS: &tls.Config{MinVersion: tls.VersionTLS12}}
	if f.TLSCA != "" {
		roots, err := tlsconf.LoadAuthorities(cfg.Path(f.TLSCA))
		if err != nil {
			bad("tls_ca", err, "")
		}
		o.TLS.RootCAs = roots
	}
	if f.TLSCert != "" {
		load := func() (*tls.Certificate, error) {
			c, err := tls.LoadX509KeyPair(cfg.Path(f.TLSCert), cfg.Path(f.TLSKey))
			return &c, err
		}
		if _, err := load(); err != nil {
			bad("tls_cert", err, "")
		}
		// It is read again for each connection: a gateway outlives its certificates.
		o.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	password, err := cfg.Password(f.PasswordFile)
	if err != nil {
		bad("password_file", err, "write the password into it, and make it readable only by this user")
	}
	o.Password = password
	return o, problems
}

// MemberName returns the name of a gateway in its fleet: fleet.name, or the host name.
func MemberName(cfg *config.Config) (string, error) {
	if cfg.Fleet.Name != "" {
		return cfg.Fleet.Name, nil
	}
	name, err := os.Hostname()
	if err == nil {
		if fault := config.FleetName(name); fault != "" {
			err = errors.New(fault)
		}
	}
	if err != nil {
		return "", cfg.Problem("fleet.name", -1, "the host name cannot be used: "+err.Error(), `write name = "gateway-1"`)
	}
	return name, nil
}

// LastGood returns the file in which the gateway of that name keeps the last good revision.
func LastGood(cfg *config.Config, name string) lastgood.File {
	return lastgood.File{Path: filepath.Join(cfg.StateDirectory(), "fleet."+name+".toml"), Prefix: cfg.Fleet.Prefix}
}
