package certs

import (
	"crypto/sha256"
	"os"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// compileClientAuth reads what listeners ask of clients' certificates.
func (s *Set) compileClientAuth(cfg *config.Config) (problems config.Problems) {
	s.Auths = map[string]*tlsconf.ClientAuth{}
	bad := map[string]bool{}
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		file, key, mode := cfg.ClientAuthOf(l)
		if file == "" || bad[key] {
			continue
		}
		auth := &tlsconf.ClientAuth{Require: mode == "require", Exempt: mode == "preflight-exempt" || mode == ""}
		var err error
		if auth.Authorities, err = tlsconf.LoadAuthorities(cfg.Path(file)); err != nil {
			bad[key] = true
			problems = append(problems, cfg.Problem(key, -1, err.Error(), ""))
			continue
		}
		text, _ := os.ReadFile(cfg.Path(file)) // it could be read just now
		auth.Tag = sha256.Sum256(append([]byte(mode+"\x00"), text...))
		s.Auths[l.Name] = auth
	}
	return problems
}
