package wire_test

import (
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file guards what fasthttp mended between 1.73 and 1.77: each hole, by name, must be closed
// here whatever its version. Unread streamed content, the other of the list, is the engines'.

const post = "POST / HTTP/1.1\r\nHost: a.test\r\n"

func TestGuardContentLengthAndTransferEncoding(t *testing.T) {
	refused(t, post+"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", wire.FaultBothFramings)
	refused(t, post+"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", wire.FaultBothFramings)
	refused(t, post+"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", wire.FaultBothFramings)
	refused(t, post+"Transfer-Encoding: chunked\r\nX: y\r\nContent-Length:\r\n\r\n", wire.FaultLength)
}

func TestGuardContentLengthOverflow(t *testing.T) {
	for _, v := range []string{"18446744073709551621", "9223372036854775808", "1000000000000000000", "4294967301a"} {
		refused(t, post+"Content-Length: "+v+"\r\n\r\n", wire.FaultLength)
		refusedResponse(t, "HTTP/1.1 200 OK\r\nContent-Length: "+v+"\r\n\r\n", wire.FaultLength)
	}
	if r := accepted(t, post+"Content-Length: 999999999999999999\r\n\r\n"); r.Length != 999999999999999999 {
		t.Errorf("Length = %d", r.Length)
	}
}

func TestGuardContentLengthSyntax(t *testing.T) {
	for _, v := range []string{"", "+5", "-5", "0x5", "5,", "5, 5", "5 5", "05", "00", "5e0", "5;x", "\xa05", "\u0665"} {
		refused(t, post+"Content-Length: "+v+"\r\n\r\n", wire.FaultLength)
	}
	refused(t, post+"Content-Length: 5\r\nContent-Length: 5\r\n\r\n", wire.FaultLength)
	refused(t, post+"Content-Length: 5\r\ncontent-length: 6\r\n\r\n", wire.FaultLength)
}

func TestGuardTransferCodings(t *testing.T) {
	for _, v := range []string{"gzip", "identity", "chunk", "chunked;q=1", `"chunked"`, "chunked,", ",", "", "chunked, identity", "chun\u212aed"} {
		refused(t, post+"Transfer-Encoding: "+v+"\r\n\r\n", wire.FaultCoding)
		refusedResponse(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "+v+"\r\n\r\n", wire.FaultCoding)
	}
	refused(t, post+"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", wire.FaultCoding)
	refused(t, post+"Transfer-Encoding: gzip, chunked\r\n\r\n", wire.FaultCodingNew)
	refused(t, post+"Transfer-Encoding: gzip, , chunked\r\n\r\n", wire.FaultCoding)
}

func TestGuardChunkedOnHTTP10(t *testing.T) {
	refused(t, "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n", wire.FaultCoding)
	refusedResponse(t, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", wire.FaultCoding)
}

func TestGuardConnectionKeepAliveClose(t *testing.T) {
	f := func(version, lines string, want bool) {
		t.Helper()
		if r := accepted(t, "GET / HTTP/"+version+"\r\nHost: a.test\r\n"+lines+"\r\n"); r.Close != want {
			t.Errorf("HTTP/%s, %q: Close = %t, want %t", version, lines, r.Close, want)
		}
		if r := acceptedResponse(t, "HTTP/"+version+" 200 OK\r\n"+lines+"\r\n"); r.Close != want {
			t.Errorf("response, HTTP/%s, %q: Close = %t, want %t", version, lines, r.Close, want)
		}
	}
	f("1.1", "", false)
	f("1.1", "Connection: keep-alive, close\r\n", true)
	f("1.1", "Connection: Keep-Alive\r\nConnection: x,CLOSE\r\n", true)
	f("1.1", "Connection: closed\r\n", false)
	f("1.0", "", true)
	f("1.0", "Connection: keep-alive\r\n", false)
	f("1.0", "Connection: close, keep-alive\r\n", true)
}

// A refused expectation is a fault, after which no engine keeps the connection.
func TestGuardRefusedExpect(t *testing.T) {
	refused(t, post+"Expect: 200-ok\r\nContent-Length: 5\r\n\r\n", wire.FaultExpect)
	if r := accepted(t, "POST / HTTP/1.0\r\nExpect: 200-ok\r\nContent-Length: 5\r\n\r\n"); r.Continue {
		t.Error("an expectation in HTTP/1.0 was not ignored")
	}
	if r := accepted(t, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"); r.Continue {
		t.Error("100 (Continue) is wanted for no content")
	}
}

func TestGuardAsteriskTarget(t *testing.T) {
	refused(t, "GET * HTTP/1.1\r\nHost: a.test\r\n\r\n", wire.FaultTarget)
	refused(t, "POST * HTTP/1.1\r\nHost: a.test\r\n\r\n", wire.FaultTarget)
}

func TestGuardSchemeInOriginForm(t *testing.T) {
	if r := accepted(t, "GET /x?u=http://evil.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"); string(r.Host) != "a.test" || string(r.Path) != "/x" {
		t.Errorf("Host, Path = %q, %q", r.Host, r.Path)
	}
	if r := accepted(t, "GET /http://evil.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"); string(r.Host) != "a.test" || string(r.Path) != "/http://evil.test/" {
		t.Errorf("Host, Path = %q, %q", r.Host, r.Path)
	}
	if r := accepted(t, "GET //evil.test/x?y=:// HTTP/1.1\r\nHost: a.test\r\n\r\n"); string(r.Host) != "a.test" || string(r.Path) != "//evil.test/x" || r.PlainPath {
		t.Errorf("Host, Path = %q, %q, plain %t", r.Host, r.Path, r.PlainPath)
	}
}

func TestGuardInterimResponses(t *testing.T) {
	for _, status := range []string{"100", "102", "103", "199"} {
		r := acceptedResponse(t, "HTTP/1.1 "+status+" x\r\nContent-Length: 5\r\n\r\n")
		if r.Framing(false) != wire.NoContent || r.Status >= 200 {
			t.Errorf("%s: framing %d", status, r.Framing(false))
		}
	}
}

// Trailers are no content, and no field of the head: they are returned apart.
func TestGuardTrailers(t *testing.T) {
	in := []byte("5\r\nhello\r\n0\r\nHost: evil.test\r\nContent-Length: 9\r\n\r\nGET")
	got, used, done, fault := decode(in, 1)
	if string(got) != "hello" || used != len(in)-3 || !done || fault != nil {
		t.Errorf("decode = %q, %d, %t, %v", got, used, done, fault)
	}
}

// Java's HttpClient asks for h2c with its first request, also with content: Upgrade may be
// ignored (RFC 9110, section 7.8). A WebSocket handshake has no content.
func TestUpgrade(t *testing.T) {
	const key, connection = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Connection: Upgrade\r\n"
	f := func(method, version, lines string, want bool) {
		t.Helper()
		if r := accepted(t, method+" / HTTP/"+version+"\r\nHost: a.test\r\n"+lines+"\r\n"); r.WebSocket != want {
			t.Errorf("%s HTTP/%s %q: WebSocket = %t, want %t", method, version, lines, r.WebSocket, want)
		}
	}
	f("GET", "1.1", connection+key+"Upgrade: WebSocket\r\n", true)
	f("GET", "1.1", key+"Upgrade: websocket\r\n", false)
	f("GET", "1.1", connection+"Upgrade: websocket\r\n", false)
	f("GET", "1.1", connection+key+key+"Upgrade: websocket\r\n", false)
	f("GET", "1.1", connection+key+"Upgrade: websocket\r\nUpgrade: websocket\r\n", false)
	f("GET", "1.1", connection+key+"Upgrade: h2c, websocket\r\n", false)
	f("POST", "1.1", connection+key+"Upgrade: websocket\r\n", false)
	f("GET", "1.0", connection+key+"Upgrade: websocket\r\n", false)
	f("POST", "1.1", "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAM\r\nUpgrade: h2c\r\nContent-Length: 5\r\n", false)

	upgrade := func(method, version, lines, want string) {
		t.Helper()
		if r := accepted(t, method+" / HTTP/"+version+"\r\nHost: a.test\r\n"+lines+"\r\n"); string(r.Upgrade) != want {
			t.Errorf("%s HTTP/%s %q: Upgrade = %q, want %q", method, version, lines, r.Upgrade, want)
		}
	}
	upgrade("POST", "1.1", "Connection: x, upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n", "tcp")
	upgrade("GET", "1.1", connection+"Upgrade: SPDY/3.1\r\n", "SPDY/3.1")
	upgrade("GET", "1.1", connection+"Upgrade: a, b\r\n", "a, b")
	upgrade("GET", "1.1", connection+"Upgrade: a\r\nUpgrade: b\r\n", "")
	upgrade("GET", "1.1", connection, "")
	upgrade("GET", "1.1", "Upgrade: tcp\r\n", "")
	upgrade("GET", "1.0", connection+"Upgrade: tcp\r\n", "")
	upgrade("POST", "1.1", connection+"Upgrade: tcp\r\nContent-Length: 5\r\n", "")
	upgrade("POST", "1.1", connection+"Upgrade: tcp\r\nTransfer-Encoding: chunked\r\n", "")
	refused(t, post+connection+key+"Upgrade: websocket\r\nContent-Length: 5\r\n\r\n", wire.FaultUpgrade)
	refused(t, post+connection+key+"Upgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n", wire.FaultUpgrade)
	refused(t, post+connection+key+"Upgrade: websocket\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\n", wire.FaultUpgrade)
}

func TestForwardable(t *testing.T) {
	f := func(line, connection string, want bool) {
		t.Helper()
		lines := line + "\r\n"
		if connection != "" {
			lines += "Connection: " + connection + "\r\n"
		}
		start := "Host: a.test\r\n"
		if line[:4] == "Host" {
			start = ""
		}
		r := accepted(t, "GET / HTTP/1.1\r\n"+lines+start+"\r\n")
		if got := r.Forwardable(&r.Fields[0]); got != want {
			t.Errorf("Forwardable(%q), Connection %q = %t, want %t", line, connection, got, want)
		}
	}
	// RFC 9110, section 7.6.1: what Connection names, and what is known to be hop-by-hop.
	f("Cookie: a", "", true)
	f("Cookie: a", "close", true)
	f("Cookie: a", "cOOKIE", false)
	f("Cookie: a", "x, cookie ,y", false)
	f("Cookie: a", "cookies, cooki", true)
	f("Origin: https://a", "Origin", false)
	f("X-Real-IP: 1", "x-real-ip", false)
	for _, name := range []string{"Connection", "Keep-Alive", "TE", "Trailer", "Upgrade", "Proxy-Connection", "Proxy-Authorization",
		"Proxy-Authenticate", "HTTP2-Settings"} {
		f(name+": x", "", false)
		f(name+": x", name, false)
	}
	f("Transfer-Encoding: chunked", "", false)
	// What the gateway writes itself, whatever Connection says.
	f("Host: a.test", "Host", false)
	f("Content-Length: 5", "Content-Length", false)
	f("Expect: 100-continue", "", false)
	// What CGI takes for another field.
	f("X_Real_IP: 1", "", false)
	f("X-Forwarded_For: 1", "", false)
	f("X-Forwarded-For_: 1", "", false)
	f("Content_Length: 5", "", false)
	f("X-Forwarded-For: 1", "", true) // FieldID.Forwarding decides
}
