package wire_test

import (
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

func refusedResponse(t *testing.T, in string, want *wire.Fault) {
	t.Helper()
	var r wire.Response
	if n, fault := r.Parse([]byte(in), generous); n != 0 || fault != want {
		t.Errorf("Parse(%q) = %d, %v, want %v", in, n, fault, want)
	}
	checkResponse(t, in, generous)
}

func acceptedResponse(t *testing.T, in string) *wire.Response {
	t.Helper()
	var r wire.Response
	if n, fault := r.Parse([]byte(in), generous); n != len(in) || fault != nil {
		t.Fatalf("Parse(%q) = %d, %v, want %d", in, n, fault, len(in))
	}
	checkResponse(t, in, generous)
	return &r
}

func TestStatusLine(t *testing.T) {
	f := func(line string, status int, reason string) {
		t.Helper()
		if r := acceptedResponse(t, line+"\r\n\r\n"); r.Status != status || string(r.Reason) != reason {
			t.Errorf("%q: %d, %q, want %d, %q", line, r.Status, r.Reason, status, reason)
		}
	}
	// RFC 9112, section 4: HTTP-version SP status-code SP [ reason-phrase ].
	f("HTTP/1.1 200 OK", 200, "OK")
	f("HTTP/1.0 404 Not\tFound \xe9", 404, "Not\tFound \xe9")
	f("HTTP/1.1 599 ", 599, "")
	f("HTTP/1.1 204", 204, "") // without its SP
	for _, line := range []string{"HTTP/2.0 200 OK", "http/1.1 200 OK", "HTTP/1.1200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 20 OK",
		"HTTP/1.1 099 x", "HTTP/1.1 600 x", "HTTP/1.1 200 O\rK", "HTTP/1.1 200 O\nK", "HTTP/1.1 200 O\x00K", "HTTP/1.1 200\tOK", "<html>", "SSH-2.0-x"} {
		refusedResponse(t, line+"\r\n\r\n", wire.FaultStatusLine)
	}
}

func TestResponseFields(t *testing.T) {
	f := func(lines string, want *wire.Fault) {
		t.Helper()
		if in := "HTTP/1.1 200 OK\r\n" + lines + "\r\n"; want == nil {
			acceptedResponse(t, in)
		} else {
			refusedResponse(t, in, want)
		}
	}
	// RFC 9112, section 5.1: white space before the colon is removed from a response.
	f("Content-Length : 5\r\n", nil)
	f("X-A \t : 5\r\n", nil)
	f("X A: 5\r\n", wire.FaultName)
	f(" X-A: 5\r\n", wire.FaultFold)
	// Section 5.2: a gateway answers obs-fold with 502.
	f("X-A: 5\r\n 6\r\n", wire.FaultFold)
	f("X-A: 5\n", wire.FaultLine)
	f("X-A: a\rSet-Cookie: x\r\n", wire.FaultLine)
	f("X-A: a\x00\r\n", wire.FaultValue)
	// Section 6.3, item 5: an invalid Content-Length is not recovered from.
	f("Content-Length: 5\r\nContent-Length: 6\r\n", wire.FaultLength)
	f("Content-Length: 5\r\nContent-Length: 5\r\n", wire.FaultLength)
	f("Content-Length: 005\r\n", nil)
	// Section 6.1: both framings "ought to be handled as an error".
	f("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", wire.FaultBothFramings)
	f("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", wire.FaultCoding)
	f("Connection: "+strings.Repeat("a,", 16)+"b\r\n", wire.FaultConnection)
}

func TestFraming(t *testing.T) {
	f := func(in string, head bool, want wire.Framing) {
		t.Helper()
		if r := acceptedResponse(t, in+"\r\n"); r.Framing(head) != want {
			t.Errorf("%q, HEAD %t: framing %d, want %d", in, head, r.Framing(head), want)
		}
	}
	const length, chunked = "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"
	// RFC 9112, section 6.3, items 1 to 8.
	f("HTTP/1.1 200 OK\r\n"+length, true, wire.NoContent)
	f("HTTP/1.1 200 OK\r\n"+chunked, true, wire.NoContent)
	f("HTTP/1.1 204 x\r\n"+length, false, wire.NoContent)
	f("HTTP/1.1 304 x\r\n"+length, false, wire.NoContent)
	f("HTTP/1.1 101 x\r\n"+chunked, false, wire.NoContent)
	f("HTTP/1.1 200 OK\r\n"+chunked, false, wire.ByChunks)
	f("HTTP/1.1 200 OK\r\n"+length, false, wire.ByLength)
	f("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", false, wire.NoContent)
	f("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n", false, wire.UntilClose)
	f("HTTP/1.0 200 OK\r\n", false, wire.UntilClose)
}

func TestResponseUpgrade(t *testing.T) {
	const accept, connection = "Sec-WebSocket-Accept: x\r\n", "Connection: upgrade\r\n"
	f := func(version, lines, upgrade, key string) {
		t.Helper()
		r := acceptedResponse(t, "HTTP/"+version+" 101 x\r\n"+lines+"\r\n")
		if string(r.Upgrade) != upgrade || string(r.Accept) != key {
			t.Errorf("HTTP/%s %q: to %q, %q, want %q, %q", version, lines, r.Upgrade, r.Accept, upgrade, key)
		}
	}
	f("1.1", connection+accept+"Upgrade: WebSocket\r\n", "WebSocket", "x")
	f("1.0", connection+accept+"Upgrade: WebSocket\r\n", "", "x")
	f("1.1", accept+"Upgrade: websocket\r\n", "", "x")
	f("1.1", connection+"Upgrade: websocket\r\n", "websocket", "")
	f("1.1", connection+accept+accept+"Upgrade: websocket\r\n", "websocket", "")
	f("1.1", "Connection: close, x, Upgrade\r\nUpgrade: SPDY/3.1\r\n", "SPDY/3.1", "")
	f("1.1", connection+accept+"Upgrade: h2c\r\nUpgrade: websocket\r\n", "", "x")
	f("1.1", connection+accept, "", "x")
}

func TestResponseForwardable(t *testing.T) {
	f := func(line, connection string, want bool) {
		t.Helper()
		r := acceptedResponse(t, "HTTP/1.1 200 OK\r\n"+line+"\r\nConnection: "+connection+"\r\n\r\n")
		if got := r.Forwardable(&r.Fields[0]); got != want {
			t.Errorf("Forwardable(%q), Connection %q = %t, want %t", line, connection, got, want)
		}
	}
	f("Set-Cookie: a", "close", true)
	f("Set-Cookie: a", "set-COOKIE", false)
	f("Keep-Alive: timeout=5", "", false)
	f("Proxy-Authenticate: x", "", false)
	f("Content-Length: 5", "", false)
	f("Transfer-Encoding: chunked", "", false)
	f("X_Under: 1", "", true)
}

func TestResponseLimits(t *testing.T) {
	f := func(in string, lim wire.Limits, n int, want *wire.Fault) {
		t.Helper()
		var r wire.Response
		if got, fault := r.Parse([]byte(in), lim); got != n || fault != want {
			t.Errorf("Parse(%.40q, %+v) = %d, %v, want %d, %v", in, lim, got, fault, n, want)
		}
		checkResponse(t, in, lim)
	}
	const head = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"
	f(head+"content", wire.Limits{HeadBytes: len(head), Fields: 1}, len(head), nil)
	f(head, wire.Limits{HeadBytes: len(head) - 1, Fields: 1}, 0, wire.FaultHeadSize)
	f("HTTP/1.1 200 "+strings.Repeat("A", 2000), wire.Limits{HeadBytes: 1000, Fields: 1}, 0, wire.FaultHeadSize)
	f("HTTP/1.1 200 OK\r\nA: b\r\nA: b\r\n\r\n", wire.Limits{HeadBytes: 99, Fields: 1}, 0, wire.FaultFieldCount)
}
