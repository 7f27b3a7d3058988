package gateway_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// upgrades is a route that lets two protocols through.
const upgrades = "[route.up]\npath = \"/up\"\nupstream = \"api\"\nupgrades = [\"tcp\", \"SPDY/3.1\"]\n" +
	"[route.plain]\nupstream = \"api\"\n"

// TestUpgradeDecisions: an upgrade is asked for only if the route has its protocol and the request is fit for one;
// then it happens only if the upstream agrees to just that. All else is HTTP as ever.
func TestUpgradeDecisions(t *testing.T) {
	const (
		asks   = "Connection: Upgrade\r\nUpgrade: "
		agrees = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
		ok     = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	)
	for _, c := range []struct {
		title, line, fields, says string
		asked, want               string // what the upstream is asked for, and the status line
	}{
		{"the upstream agrees", "POST /up HTTP/1.1", asks + "TCP\r\nContent-Length: 0\r\n", agrees + "Tcp\r\n\r\n", "tcp", "101"},
		{"with a version", "GET /up HTTP/1.1", asks + "spdy/3.1\r\n", agrees + "SPDY/3.1\r\n\r\n", "SPDY/3.1", "101"},
		{"the upstream answers", "GET /up HTTP/1.1", asks + "tcp\r\n", ok, "tcp", "200"},
		{"the upstream wants another upgrade", "GET /up HTTP/1.1", asks + "tcp\r\n", "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: other\r\nContent-Length: 0\r\n\r\n", "tcp", "426"},
		{"the upstream switches to another", "GET /up HTTP/1.1", asks + "tcp\r\n", agrees + "SPDY/3.1\r\n\r\n", "tcp", "502"},
		{"the upstream switches to several", "GET /up HTTP/1.1", asks + "tcp\r\n", agrees + "tcp, SPDY/3.1\r\n\r\n", "tcp", "502"},
		{"the upstream switches to nothing", "GET /up HTTP/1.1", asks + "tcp\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: tcp\r\n\r\n", "tcp", "502"},
		{"the upstream does not say to what", "GET /up HTTP/1.1", asks + "tcp\r\n", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n", "tcp", "502"},
		{"the upstream speaks HTTP/1.0", "GET /up HTTP/1.1", asks + "tcp\r\n", "HTTP/1.0 101 x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", "tcp", "502"},
		{"nobody has asked", "GET /up HTTP/1.1", "", agrees + "tcp\r\n\r\n", "", "502"},
		{"another version", "GET /up HTTP/1.1", asks + "SPDY/3\r\n", ok, "", "200"},
		{"not in the list", "GET /up HTTP/1.1", asks + "other\r\n", ok, "", "200"},
		{"not in the list, and the upstream agrees", "GET /up HTTP/1.1", asks + "other\r\n", agrees + "other\r\n\r\n", "", "502"},
		{"not on this route", "GET /other HTTP/1.1", asks + "tcp\r\n", ok, "", "200"},
		{"h2c", "GET /up HTTP/1.1", "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAM\r\nUpgrade: h2c\r\n", ok, "", "200"},
		{"several", "GET /up HTTP/1.1", asks + "tcp, other\r\n", ok, "", "200"},
		{"two lines", "GET /up HTTP/1.1", asks + "tcp\r\nUpgrade: tcp\r\n", ok, "", "200"},
		{"not in Connection", "GET /up HTTP/1.1", "Upgrade: tcp\r\n", ok, "", "200"},
		{"HTTP/1.0", "GET /up HTTP/1.0", asks + "tcp\r\n", ok, "", "200"},
		{"with content", "POST /up HTTP/1.1", asks + "tcp\r\nContent-Length: 2\r\n", ok, "", "200"},
		{"with chunks", "POST /up HTTP/1.1", asks + "tcp\r\nTransfer-Encoding: chunked\r\n", ok, "", "200"},
		{"a WebSocket without a key", "GET /up HTTP/1.1", asks + "websocket\r\n", ok, "", "200"},
	} {
		t.Run(c.title, func(t *testing.T) {
			for _, engine := range []string{looped, blocking, secure} {
				d := newDouble(t, reply{octets: c.says, closes: true})
				_, address := serveOn(t, engine, "[upstream.api]\nendpoints = [\""+d.url()+"\"]\nretries = 0\n"+upgrades)
				nc := dial(t, address)
				content := map[bool]string{true: "0\r\n\r\n"}[strings.Contains(c.fields, "chunked")]
				if strings.Contains(c.fields, "Content-Length: 2") {
					content = "hi"
				}
				io.WriteString(nc, c.line+"\r\nHost: h\r\n"+c.fields+"\r\n"+content)
				head, err := readHead(bufio.NewReader(nc))
				if err != nil || !strings.HasPrefix(head, "HTTP/1.1 "+c.want+" ") {
					t.Errorf("%s: %q, %v, want %s", engine, head, err, c.want)
				}
				wanted := map[string]string{"101": "\r\nConnection: Upgrade\r\nUpgrade: " + c.asked + "\r\n", "426": "\r\nUpgrade: other\r\nConnection: upgrade\r\n"}[c.want]
				if named := strings.Contains(head, "\r\nUpgrade:"); named != (wanted != "") || !strings.Contains(head, wanted) {
					t.Errorf("%s: the response to an upgrade to %q is %q", engine, c.asked, head)
				}
				seen := strings.Join(d.requests(), "")
				if named := strings.Contains(strings.ToLower(seen), "upgrade"); named != (c.asked != "") || named && !strings.Contains(seen, "\r\nConnection: Upgrade\r\nUpgrade: "+c.asked+"\r\n") {
					t.Errorf("%s: the upstream was asked %q, want an upgrade to %q", engine, seen, c.asked)
				}
				nc.Close()
			}
		})
	}
}

// TestUpgradeCarries: after the switch octets go both ways, those that came with the heads too, until each side has
// ended its own.
func TestUpgradeCarries(t *testing.T) {
	url := conversing(t, func(c *net.TCPConn, r *bufio.Reader) {
		if _, err := readHead(r); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nfirst,")
		all, _ := io.ReadAll(r) // to the end of the client's side
		c.Write(append(all, ",last"...))
	})
	for _, engine := range []string{looped, blocking, secure} {
		g, address := serveOn(t, engine, "[upstream.api]\nendpoints = [\""+url+"\"]\n"+upgrades)
		c := dial(t, address)
		io.WriteString(c, "POST /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\n")
		r := bufio.NewReader(c)
		if head, err := readHead(r); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
			t.Fatalf("%s: %q, %v", engine, head, err)
		}
		counted(t, g, "corsgate_tunnels", 1)
		io.WriteString(c, "Host: x\r\n\r\n")
		c.CloseWrite()
		got, err := io.ReadAll(r)
		if want := "first,GET / HTTP/1.1\r\nHost: x\r\n\r\n,last"; string(got) != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", engine, got, err, want)
		}
		c.Close()
		counted(t, g, "corsgate_tunnels", 0)
	}
}

// TestUpgradeDeclined: if the upstream answers in HTTP, what follows the request is the next one, and the connection
// goes on.
func TestUpgradeDeclined(t *testing.T) {
	for _, engine := range []string{looped, blocking, secure} {
		d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"})
		_, address := serveOn(t, engine, "[upstream.api]\nendpoints = [\""+d.url()+"\"]\n"+upgrades)
		c := dial(t, address)
		io.WriteString(c, "GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n")
		r := bufio.NewReader(c)
		for i := range 2 {
			if text, err := readResponse(r, "GET"); !strings.HasPrefix(text, "HTTP/1.1 200 ") || err != nil {
				t.Errorf("%s: response %d: %q, %v", engine, i, text, err)
			}
		}
		if seen := d.requests(); len(seen) != 2 || !strings.HasPrefix(seen[1], "GET /next ") {
			t.Errorf("%s: the upstream was asked %q", engine, seen)
		}
		c.Close()
	}
}

// TestUpgradeOverHTTP2: there is no such thing; a stream that asks for it is refused, or served without.
func TestUpgradeOverHTTP2(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
	_, address := serveOn(t, secure, "[upstream.api]\nendpoints = [\""+d.url()+"\"]\n"+upgrades)
	f := frames(t, address)
	f.ask(1, true, ":method", "GET", ":scheme", "https", ":authority", "h", ":path", "/up", "connection", "upgrade", "upgrade", "tcp")
	if got := f.outcome(1); got == "101" {
		t.Errorf("the outcome is %s", got)
	}
	for _, seen := range d.requests() {
		if strings.Contains(strings.ToLower(seen), "upgrade") {
			t.Errorf("the upstream was asked %q", seen)
		}
	}
	r, _ := http.NewRequest("GET", "https://"+address+"/up", nil)
	if res, err := http2Client(t).RoundTrip(r); err != nil || res.StatusCode != 200 {
		t.Errorf("a request without it: %v, %v", res, err)
	}
}
