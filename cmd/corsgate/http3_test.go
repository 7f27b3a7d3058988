//go:build linux

package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/corsgate/corsgate/gateway/pkitest"
	"github.com/quic-go/quic-go/http3"
)

// secureText is a configuration with a listener "https" at an address that speaks HTTP/3, and clients for it.
func secureText(t *testing.T, address, routes string) (text string, client func() *http3.Transport) {
	t.Helper()
	authority := pkitest.NewAuthority(t, "authority")
	cert, key := authority.Issue(t, "gateway.test").Write(t, t.TempDir(), "c")
	text = fmt.Sprintf("[listener.https]\naddress = %q\ntls = true\nhttp3 = true\n[tls]\ncertificates = [{ cert = %q, key = %q }]\n[admin]\naddress = \"127.0.0.1:0\"\n%s",
		address, cert, key, routes)
	return text, func() *http3.Transport {
		c := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool, ServerName: "gateway.test"}}
		t.Cleanup(func() { c.Close() })
		return c
	}
}

// got makes a request by HTTP/3.
func got(t *testing.T, client http.RoundTripper, url, want string) {
	t.Helper()
	r, _ := http.NewRequest("GET", url, nil)
	res, err := client.RoundTrip(r)
	if err != nil {
		t.Errorf("%s: %v", url, err)
		return
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); string(body) != want || err != nil || res.ProtoMajor != 3 {
		t.Errorf("%s: %s %q, %v, want %q", url, res.Proto, body, err, want)
	}
}

// TestUpgradeHTTP3: a request that is under way on a QUIC connection goes on in the old process, octet by octet, while
// the new one takes all new connections; upgrade by upgrade.
func TestUpgradeHTTP3(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	more := make(chan int)
	up := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			select {
			case n := <-more:
				if n == 0 {
					return
				}
				w.Write(bytes.Repeat([]byte{'x'}, n))
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	})}
	done := make(chan struct{})
	go func() { defer close(done); up.Serve(ln) }()
	t.Cleanup(func() { up.Close(); <-done })
	text, client := secureText(t, "127.0.0.1:0", fmt.Sprintf("[upstream.up]\nendpoints = [\"http://%s\"]\n[route.up]\nupstream = \"up\"\n[route.here]\npath = \"/here\"\nrespond = { body = \"here\" }\n", ln.Addr()))
	u := newUpgrading(t, text)
	url := "https://" + u.await("listening").Address
	u.await("serving")
	first := client()
	r, _ := http.NewRequest("GET", url+"/slow", nil)
	go func() { more <- 1 }()
	res, err := first.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	reads := func(n int) {
		t.Helper()
		if _, err := io.ReadFull(res.Body, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	reads(1)
	for range 2 {
		u.upgrades()
		got(t, client(), url+"/here", "here")
		more <- 100_000
		reads(100_000)
		got(t, client(), url+"/here", "here")
	}
	more <- 0
	if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil {
		t.Errorf("%d octets more, %v", len(rest), err)
	}
	first.Close()
	u.await("stopped")
	u.finish()
}

// TestUpgradeHTTP3Handshakes: connections that begin while the process is replaced are not refused, whichever of the two
// processes has read their first packet.
func TestUpgradeHTTP3Handshakes(t *testing.T) {
	text, client := secureText(t, "127.0.0.1:0", "[route.here]\nrespond = { body = \"here\" }\n")
	u := newUpgrading(t, text)
	url := "https://" + u.await("listening").Address
	u.await("serving")
	var begun atomic.Int32
	upgraded := make(chan struct{})
	var clients sync.WaitGroup
	for range 3 {
		clients.Go(func() {
			for {
				select {
				case <-upgraded:
					return
				default:
					c := client()
					got(t, c, url, "here")
					c.Close()
					begun.Add(1)
				}
			}
		})
	}
	for range 10 {
		before := begun.Load()
		u.upgrades()
		for begun.Load() < before+20 && !t.Failed() { // some with the next
			got(t, client(), url, "here")
		}
		u.await("stopped")
	}
	close(upgraded)
	clients.Wait()
	u.finish()
}

// TestSystemdDatagrams: a socket unit's two sockets of one name, TCP and UDP, are one listener.
func TestSystemdDatagrams(t *testing.T) {
	ln, stream := bound(t)
	pc, err := net.ListenPacket("udp", ln.Addr().String())
	for range 20 { // somebody may have the UDP port of that number
		if err == nil {
			break
		}
		ln, stream = bound(t)
		pc, err = net.ListenPacket("udp", ln.Addr().String())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	datagrams, err := pc.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	text, client := secureText(t, "systemd:edge", "[route.all]\nrespond = { body = \"hello\" }\n")
	path := write(t, text)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func(files ...*os.File) *exec.Cmd {
		c := exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=$2 exec "$0" serve --config "$1"`, self, path, fmt.Sprint(len(files)))
		c.Env = append(os.Environ(), asCorsgate+"=1", "LISTEN_FDNAMES="+strings.Repeat(":edge", len(files))[1:])
		c.ExtraFiles = files
		return c
	}
	c := start(stream, datagrams)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	got(t, client(), "https://"+ln.Addr().String(), "hello") // it waits in the socket until the process is there
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	out, err := start(stream).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "listener.https.address: ") || !strings.Contains(string(out), "no UDP socket named edge") {
		t.Errorf("%s%v", out, err)
	}
}
