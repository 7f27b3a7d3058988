package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/tooltest"
)

// startNginx runs nginx until the test ends, with these lines in its http block, in which PORT
// stands for a port of 127.0.0.1. It returns that port.
func startNginx(t *testing.T, lines string) (port string) {
	t.Helper()
	return tooltest.Nginx(t, func(address string) string { return strings.ReplaceAll(lines, "PORT", address) })
}

// TestNginxTLS: nginx as an upstream with TLS is asked for the name that is configured, and its
// connection is used again.
func TestNginxTLS(t *testing.T) {
	v, _ := newVault(t)
	port := startNginx(t, fmt.Sprintf(`server {
		listen PORT ssl;
		ssl_certificate %[1]s/cert.pem;
		ssl_certificate_key %[1]s/key.pem;
		ssl_protocols TLSv1.2 TLSv1.3;
		location / { return 200 "$ssl_protocol $ssl_server_name $connection_requests $http_host"; }
		location /ca.pem { root %[1]s; }
	}`, string(v)))
	text := securely("https://127.0.0.1:"+port, fmt.Sprintf("tls_ca = %q\ntls_server_name = \"example.com\"\n", v.path("ca.pem")))
	ca, err := os.ReadFile(v.path("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, engine := range []string{looped, blocking} {
		_, address := serveOn(t, engine, text)
		client := &http.Client{Transport: &http.Transport{}} // one connection: its requests come one after the other
		for i := range 3 {
			want := fmt.Sprintf("TLSv1.3 example.com %d %s", i+1, address)
			res, err := client.Get("http://" + address + "/")
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != 200 || string(content) != want || err != nil {
				t.Errorf("%s: %s %q, %v, want %q", engine, res.Status, content, err, want)
			}
		}
		client.CloseIdleConnections()
		if res, content := ask(t, address, "GET", "/ca.pem"); res.StatusCode != 200 || content != string(ca) {
			t.Errorf("%s: %s %q, want the file", engine, res.Status, content)
		}
	}
}
