package tlsconf_test

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/pkitest"
	"github.com/corsgate/corsgate/gateway/tlsconf"
	"golang.org/x/crypto/ocsp"
)

// patience bounds what should happen at once. It is never waited for in a test that passes.
const patience = time.Minute

// load loads certificates, in this order.
func load(t testing.TB, pairs ...pkitest.Pair) (list []*tlsconf.Certificate) {
	t.Helper()
	for _, p := range pairs {
		cert, key := p.Write(t, t.TempDir(), "c")
		c, _, err := tlsconf.LoadCertificate(cert, key, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// shakeHands returns what a client sees of a server with config.
func shakeHands(t testing.TB, config, client *tls.Config) (state tls.ConnectionState, err error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	a.SetDeadline(time.Now().Add(patience))
	b.SetDeadline(time.Now().Add(patience))
	served := make(chan error, 1)
	go func() { served <- tls.Server(b, config).Handshake(); b.Close() }()
	c := tls.Client(a, client)
	err = c.Handshake()
	state = c.ConnectionState()
	if served := <-served; err == nil {
		err = served
	}
	return state, err
}

var (
	rsaOnly  = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	tls12    = uint16(tls.VersionTLS12)
	insecure = true
)

func TestCertificateByName(t *testing.T) {
	ca := pkitest.NewAuthority(t, "ca")
	first := ca.IssueRSA(t, "first.example", "also.example")
	firstEC := ca.Issue(t, "first.example")
	exact := ca.Issue(t, "api.example.com")
	wild := ca.Issue(t, "*.example.com")
	ec := ca.Issue(t, "both.example")
	rsa := ca.IssueRSA(t, "both.example", "IP-and.example", "192.0.2.1")
	config := tlsconf.New(load(t, first, firstEC, wild, exact, rsa, ec), nil, tls.VersionTLS12)
	f := func(name string, suites []uint16, want pkitest.Pair) {
		t.Helper()
		client := &tls.Config{ServerName: name, InsecureSkipVerify: insecure}
		if suites != nil {
			client.CipherSuites, client.MaxVersion = suites, tls12
		}
		state, err := shakeHands(t, config, client)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			return
		}
		if got := state.PeerCertificates[0]; !got.Equal(want.Leaf) {
			t.Errorf("%q: shown %v %v, want %v", name, got.DNSNames, got.PublicKeyAlgorithm, want.Leaf.DNSNames)
		}
	}
	f("api.example.com", nil, exact)
	f("API.Example.Com", nil, exact)
	f("www.example.com", nil, wild)
	f("a.b.example.com", nil, firstEC) // a wildcard is one label
	f("example.com", nil, firstEC)
	f("other.test", nil, firstEC)
	f("", nil, firstEC)
	f("", rsaOnly, first)
	f("other.test", rsaOnly, first)
	f("also.example", nil, first)
	f("both.example", nil, ec)
	f("both.example", rsaOnly, rsa)
	f("ip-and.example", nil, rsa)
}

func TestVersionsAndSuites(t *testing.T) {
	ca := pkitest.NewAuthority(t, "ca")
	list := load(t, ca.IssueRSA(t, "h.example"), ca.Issue(t, "h.example"))
	f := func(minVersion uint16, client *tls.Config, want uint16) {
		t.Helper()
		client.ServerName, client.RootCAs = "h.example", ca.Pool
		state, err := shakeHands(t, tlsconf.New(list, nil, minVersion), client)
		if want == 0 && err == nil {
			t.Errorf("agreed on %s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
		}
		if want != 0 && (err != nil || state.Version != want) {
			t.Errorf("%s, %v, want %s", tls.VersionName(state.Version), err, tls.VersionName(want))
		}
	}
	f(tls.VersionTLS12, &tls.Config{}, tls.VersionTLS13)
	f(tls.VersionTLS12, &tls.Config{MaxVersion: tls12}, tls.VersionTLS12)
	f(tls.VersionTLS12, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, 0)
	f(tls.VersionTLS13, &tls.Config{MaxVersion: tls12}, 0)
	f(tls.VersionTLS13, &tls.Config{}, tls.VersionTLS13)
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if s.SupportedVersions[0] == tls.VersionTLS13 {
			continue
		}
		modern := strings.HasPrefix(s.Name, "TLS_ECDHE_") && (strings.Contains(s.Name, "_GCM_") || strings.Contains(s.Name, "CHACHA20"))
		want := uint16(0)
		if modern {
			want = tls12
		}
		f(tls.VersionTLS12, &tls.Config{MaxVersion: tls12, CipherSuites: []uint16{s.ID}}, want)
	}
}

func TestStaple(t *testing.T) {
	ca := pkitest.NewAuthority(t, "ca")
	pair := ca.Issue(t, "h.example")
	now := time.Now()
	response := func(signer *pkitest.Authority, status int, next time.Time) []byte {
		return signer.Respond(t, pair.Leaf, status, next)
	}
	later := now.Add(time.Hour)
	good := response(ca, ocsp.Good, later)
	f := func(der []byte, warning string) {
		t.Helper()
		dir := t.TempDir()
		cert, key := pair.Write(t, dir, "c")
		if der != nil {
			pkitest.Replace(t, cert+".ocsp", der)
		}
		c, warnings, err := tlsconf.LoadCertificate(cert, key, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(warnings, "; "); warning == "" && got != "" || !strings.Contains(got, warning) {
			t.Errorf("warnings %q, want %q", got, warning)
		}
		state, err := shakeHands(t, tlsconf.New([]*tlsconf.Certificate{c}, nil, tls12), &tls.Config{ServerName: "h.example", RootCAs: ca.Pool})
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if warning == "" {
			want = string(der)
		}
		if string(state.OCSPResponse) != want {
			t.Errorf("%d octets are stapled, want %d", len(state.OCSPResponse), len(want))
		}
	}
	f(nil, "")
	f(good, "")
	f(response(ca, ocsp.Good, now), "was valid until")
	f(response(ca, ocsp.Revoked, later), "revoked")
	f(response(pkitest.NewAuthority(t, "other"), ocsp.Good, later), "c.pem.ocsp: ")
	f([]byte("nonsense"), "c.pem.ocsp: ")
	f(make([]byte, 1<<20), "larger")
}

func TestLoadCertificate(t *testing.T) {
	ca, now := pkitest.NewAuthority(t, "ca"), time.Now()
	pair, other := ca.Issue(t, "h.example"), ca.Issue(t, "h.example")
	f := func(cert, key []byte, wantErr, wantWarning string) {
		t.Helper()
		dir := t.TempDir()
		certFile, keyFile := pkitest.Pair{Cert: cert, Key: key}.Write(t, dir, "c")
		if cert == nil {
			os.Remove(certFile)
		}
		if key == nil {
			os.Remove(keyFile)
			os.Mkdir(keyFile, 0o700)
		}
		_, warnings, err := tlsconf.LoadCertificate(certFile, keyFile, now)
		switch {
		case wantErr == "" && err != nil:
			t.Errorf("%v", err)
		case wantErr != "" && (err == nil || !strings.HasPrefix(err.Error(), strings.NewReplacer("CERT", certFile, "KEY", keyFile).Replace(wantErr))):
			t.Errorf("%v, want %s", err, wantErr)
		case !strings.Contains(strings.Join(warnings, "; "), wantWarning):
			t.Errorf("warnings %q, want %q", warnings, wantWarning)
		}
	}
	until := func(d time.Duration) pkitest.Pair { return ca.IssueUntil(t, now.Add(d), "h.example") }
	f(pair.Cert, pair.Key, "", "")
	f(pair.Cert, other.Key, "the key in KEY is not that of the certificate in CERT", "")
	f(append(append([]byte(nil), ca.PEM...), pair.Cert...), pair.Key, "the key in KEY is not that of the first certificate in CERT, which is an authority's", "")
	f(pair.Key, pair.Key, "CERT does not contain a certificate", "")
	f(pair.Cert, pair.Cert, "KEY holds no private key", "")
	f([]byte("x"), pair.Key, "CERT does not contain a certificate", "")
	f([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), pair.Key, "CERT: the certificate cannot be read", "")
	f(pair.Cert, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"), "the key in KEY is encrypted", "")
	f(nil, pair.Key, "cannot read CERT: no such file", "")
	f(pair.Cert, nil, "KEY is not a regular file", "")
	f(make([]byte, 2<<20), pair.Key, "CERT is larger", "")
	f(append(append([]byte(nil), pair.Key...), pair.Cert...), pair.Key, "", "") // one file with both
	p := until(-time.Hour)
	f(p.Cert, p.Key, "", "has expired")
	p = until(13 * 24 * time.Hour)
	f(p.Cert, p.Key, "", "expires on")
	p = ca.Issue(t)
	f(p.Cert, p.Key, "", "names no host")
	if _, err := tlsconf.LoadAuthorities(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("authorities of no file")
	}
	for text, want := range map[string]string{"": "does not contain a certificate", string(pair.Key): "holds a PRIVATE KEY", string(ca.PEM): ""} {
		file := filepath.Join(t.TempDir(), "ca.pem")
		pkitest.Replace(t, file, []byte(text))
		_, err := tlsconf.LoadAuthorities(file)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
}
