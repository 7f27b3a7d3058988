package gateway_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/pkitest"
)

// What a listener makes of clients without a certificate is said of the listener that the URL leads to, or of the one that is
// asked about.
func TestExplainClientAuth(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	authority := pkitest.NewAuthority(t, "clients")
	pkitest.Replace(t, ca, authority.PEM)
	server := authority.Issue(t, "api.test")
	cert, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	pkitest.Replace(t, cert, server.Cert)
	pkitest.Replace(t, key, server.Key)
	cfg := parse(t, fmt.Sprintf(`[cors.p]
origins = ["https://app.example"]
methods = ["PUT"]
[route.a]
cors = "p"
respond = { body = "hello" }
[tls]
certificates = [{ cert = %q, key = %q }]
[listener.plain]
address = "127.0.0.1:80"
[listener.public]
address = "127.0.0.1:443"
tls = true
[listener.members]
address = "127.0.0.1:8443"
tls = true
client_ca = %q
[listener.partners]
address = "127.0.0.1:9443"
tls = true
client_ca = %[3]q
client_auth = "require"
[listener.anyone]
address = "127.0.0.1:7443"
tls = true
client_ca = %[3]q
client_auth = "optional"
`, cert, key, ca))
	for _, x := range []struct{ url, method, listener, want string }{
		{"https://api.test/", "GET", "", ""},
		{"http://api.test/", "GET", "", ""},
		{"https://api.test:1/", "GET", "", ""}, // the first with TLS
		{"https://api.test:8443/", "GET", "", `listener members asks clients for a certificate (listener.members.client_ca, corsgate.toml:17): a browser sends one with credentials only, and this request has none, and never with a preflight; without one only preflights are answered (client_auth = "preflight-exempt"), and this request with 403`},
		{"https://api.test:8443/", "PUT", "", `without one only preflights are answered (client_auth = "preflight-exempt"): this preflight with 204, and this request with 403`},
		{"https://api.test/", "PUT", "members", "listener members asks clients for a certificate"},
		{"https://api.test:8443/", "PUT", "public", ""},
		{"https://api.test:9443/", "PUT", "", `without one no request is answered, not even preflights (client_auth = "require"): the handshake fails, and the page sees a network error`},
		{"https://api.test:7443/", "PUT", "", `without one a client is answered like any other (client_auth = "optional")`},
	} {
		e, err := explain.Config(cfg, fetch.Question{Origin: "https://app.example", Method: x.method, URL: x.url, Listener: x.listener})
		if err != nil {
			t.Fatal(err)
		}
		notes := strings.Join(e.Notes, "\n")
		if asks := strings.Contains(notes, "certificate"); asks != (x.want != "") || !strings.Contains(notes, x.want) {
			t.Errorf("%s %s %q:\n got %s\nwant %s", x.method, x.url, x.listener, notes, x.want)
		}
	}
	_, err := explain.Config(cfg, fetch.Question{Origin: "https://app.example", URL: "https://api.test/", Listener: "member"})
	if want := `there is no listener "member": the listeners are plain, public, members, partners, anyone`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
