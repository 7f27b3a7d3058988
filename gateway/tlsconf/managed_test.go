package tlsconf_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/pkitest"
	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// kept are managed certificates, by name; nil: there is none yet.
type kept struct {
	first     *tls.Certificate
	byName    map[string]*tls.Certificate
	challenge map[string]*tls.Certificate
}

func (k kept) Certificate(name string) (*tls.Certificate, bool) {
	c, ok := k.byName[name]
	return c, ok
}
func (k kept) First() *tls.Certificate                { return k.first }
func (k kept) Challenge(name string) *tls.Certificate { return k.challenge[name] }

func managed(t *testing.T) (ca *pkitest.Authority, k kept) {
	ca = pkitest.NewAuthority(t, "ca")
	issue := func(name string) *tls.Certificate { c := ca.Issue(t, name).TLS(t); return &c }
	k = kept{byName: map[string]*tls.Certificate{"ready.test": issue("ready.test"), "later.test": nil, "a.wild.test": issue("managed.test"), "file.test": issue("managed.test")},
		challenge: map[string]*tls.Certificate{"later.test": issue("challenge.test")}}
	k.first = k.byName["ready.test"]
	return ca, k
}

// TestManagedByName: files come first, then managed certificates; a name that is to have one is never shown another.
func TestManagedByName(t *testing.T) {
	ca, k := managed(t)
	files := load(t, ca.Issue(t, "file.test"), ca.Issue(t, "*.wild.test"))
	none := kept{byName: map[string]*tls.Certificate{"later.test": nil}}
	f := func(files []*tlsconf.Certificate, k kept, name, want string) {
		t.Helper()
		state, err := shakeHands(t, tlsconf.New(files, k, tls.VersionTLS12), &tls.Config{ServerName: name, InsecureSkipVerify: insecure})
		switch {
		case want == "" && (err == nil || !strings.Contains(err.Error(), "internal error")):
			t.Errorf("%q: %v, want an alert", name, err)
		case want != "" && (err != nil || state.PeerCertificates[0].DNSNames[0] != want):
			t.Errorf("%q: %v, %v, want %s", name, state.PeerCertificates, err, want)
		}
	}
	f(files, k, "file.test", "file.test")
	f(files, k, "a.wild.test", "*.wild.test")
	f(files, k, "ready.test", "ready.test")
	f(files, k, "READY.Test", "ready.test")
	f(files, k, "later.test", "")
	f(files, k, "other.test", "file.test")
	f(files, k, "", "file.test")
	f(nil, k, "a.wild.test", "managed.test")
	f(nil, k, "later.test", "")
	f(nil, k, "other.test", "ready.test")
	f(nil, k, "", "ready.test")
	f(nil, none, "later.test", "")
	f(nil, none, "other.test", "")
	f(nil, none, "", "")
}

// TestManagedAllocations: that others are asked costs a handshake no memory.
func TestManagedAllocations(t *testing.T) {
	ca, k := managed(t)
	config := tlsconf.New(load(t, ca.Issue(t, "file.test")), k, tls.VersionTLS12)
	hello := &tls.ClientHelloInfo{ServerName: "ready.test", SupportedProtos: []string{"h2", "http/1.1"}}
	if n := testing.AllocsPerRun(100, func() {
		if c, err := config.GetConfigForClient(hello); c != nil || err != nil {
			t.Fatal(c, err)
		}
		if c, err := config.GetCertificate(hello); c != k.first || err != nil {
			t.Fatal(c, err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestChallengeTLS: an authority that says it is one is shown what it has asked for, whatever clients must have; to nobody else
// is its protocol spoken.
func TestChallengeTLS(t *testing.T) {
	ca, k := managed(t)
	config := tlsconf.New(nil, k, tls.VersionTLS13)
	config.ClientAuth = tls.RequireAndVerifyClientCert
	// As the server has it: it asks for the configuration of each client.
	outer := &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if c, err := config.GetConfigForClient(hello); c != nil {
			return c, err
		}
		return config, nil
	}}
	f := func(name, want string, version uint16, protocols ...string) {
		t.Helper()
		state, err := shakeHands(t, outer, &tls.Config{ServerName: name, InsecureSkipVerify: insecure, NextProtos: protocols, MaxVersion: version,
			ClientSessionCache: tls.NewLRUClientSessionCache(1), RootCAs: ca.Pool})
		switch {
		case want == "" && err == nil:
			t.Errorf("%q by %q: agreed on %q", name, protocols, state.NegotiatedProtocol)
		case want != "" && (err != nil || state.NegotiatedProtocol != "acme-tls/1" || state.PeerCertificates[0].DNSNames[0] != want):
			t.Errorf("%q by %q: %v, %v", name, protocols, state.NegotiatedProtocol, err)
		}
	}
	f("later.test", "challenge.test", 0, "acme-tls/1")
	f("later.test", "challenge.test", tls12, "acme-tls/1") // authorities speak both
	f("ready.test", "", 0, "acme-tls/1")
	f("other.test", "", 0, "acme-tls/1")
	f("later.test", "", 0, "acme-tls/1", "http/1.1")
	f("ready.test", "", 0, "h2") // a client without its certificate
}
