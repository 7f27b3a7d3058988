package gateway_test

import (
	"crypto/tls"
	"path/filepath"
	"testing"
)

// TestResumptionRate: but for the first, each connection of a client resumes its session, on both engines and by HTTP/3, over
// reloads with a renewed certificate, too.
func TestResumptionRate(t *testing.T) {
	const connections = 20
	f := func(engine string, version uint16, connect func(address string, client *tls.Config) (tls.ConnectionState, error)) {
		t.Helper()
		g, address := serveOn(t, engine, hello)
		client := authority(t).client()
		client.ClientSessionCache, client.MaxVersion = tls.NewLRUClientSessionCache(0), version
		resumed := 0
		for i := range connections {
			if i%5 == 4 {
				cfg := parseFor(t, engine, hello)
				authority(t).Issue(t, "gateway.test", "127.0.0.1").Write(t, filepath.Dir(cfg.TLS.Certificates[0].Cert), "server")
				reload(t, g, cfg)
			}
			state, err := connect(address, client)
			if err != nil || state.Version != version {
				t.Fatalf("%s: %s, %v, want %s", engine, tls.VersionName(state.Version), err, tls.VersionName(version))
			}
			if state.DidResume {
				resumed++
			}
		}
		if t.Logf("%s, %s: %d of %d resumed", engine, tls.VersionName(version), resumed, connections); resumed != connections-1 {
			t.Errorf("%s, %s: %d of %d connections resumed a session", engine, tls.VersionName(version), resumed, connections)
		}
	}
	for _, engine := range []string{secure, secureBlocking} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			f(engine, version, shake)
		}
	}
	f(three, tls.VersionTLS13, func(address string, client *tls.Config) (tls.ConnectionState, error) {
		h3 := http3Client(t)
		h3.TLSClientConfig = client
		defer h3.Close()
		return *do(t, h3, "GET", "https://"+address+"/", nil).TLS, nil
	})
}
