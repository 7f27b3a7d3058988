package edge_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/edge"
)

// The tests of this file are named after holes of fasthttp's server. What it parses and renders
// is a constant here, so none of them can matter; these tests hold it to that.

// guard plays octets against a handler that reads contents and one that leaves them, and compares
// the status codes that come back.
func guard(t *testing.T, octets string, wantRead, wantLeft string) {
	t.Helper()
	f := func(name string, handle func(*edge.Conn), want string) {
		t.Helper()
		ln := loopback(t)
		serve(t, options(), ln, handle)
		back := play(t, ln, octets)
		if got := strings.Join(statuses(back), " "); got != want {
			t.Errorf("%q, content %s: %s, want %s\n%s", octets, name, got, want, back)
		}
		if strings.Contains(back, "smuggled") {
			t.Errorf("%q, content %s: smuggled\n%s", octets, name, back)
		}
	}
	f("read", echo, wantRead)
	f("left", ignore, wantLeft)
}

const (
	host = " HTTP/1.1\r\nHost: h\r\n"
	next = "GET /next" + host + "\r\n"
	evil = "GET /smuggled" + host + "\r\n"
)

func TestUnreadContentIsNoRequest(t *testing.T) {
	length := "Content-Length: 35\r\n\r\n" // of evil
	if len(evil) != 35 {
		t.Fatalf("evil has %d octets", len(evil))
	}
	ln := loopback(t)
	serve(t, options(), ln, ignore)
	for _, octets := range []string{
		"POST /" + host + length + evil + next,
		"POST /" + host + "Transfer-Encoding: chunked\r\n\r\n23\r\n" + evil + "\r\n0\r\n\r\n" + next,
		"POST /" + host + "Expect: 100-continue\r\n" + length,
	} {
		back := play(t, ln, octets)
		if strings.Contains(back, "smuggled") || !strings.HasPrefix(back, "HTTP/1.1 200") {
			t.Errorf("%q:\n%s", octets, back)
		}
	}
}

func TestUnreadContentOfKnownLengthIsDrained(t *testing.T) {
	guard(t, "POST /"+host+"Content-Length: 3\r\n\r\nabc"+next, "200 200", "200 200")
	guard(t, "POST /"+host+"Content-Length: 262144\r\n\r\n"+strings.Repeat("x", 256<<10)+next, "200 200", "200 200")
}

func TestUnreadContentOfUnknownLengthEndsTheConnection(t *testing.T) {
	guard(t, "POST /"+host+"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"+next, "200 200", "200")
	guard(t, "POST /"+host+"Content-Length: 262145\r\n\r\n"+strings.Repeat("x", 256<<10+1)+next, "200 200", "200")
}

func TestChunkedOnHTTP10(t *testing.T) {
	guard(t, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"+next, "400", "400")
}

func TestLengthAndChunked(t *testing.T) {
	guard(t, "POST /"+host+"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+next, "400", "400")
	guard(t, "POST /"+host+"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"+next, "400", "400")
}

func TestLengthOverflow(t *testing.T) {
	guard(t, "POST /"+host+"Content-Length: 18446744073709551617\r\n\r\nx"+next, "400", "400")
	guard(t, "POST /"+host+"Content-Length: 999999999999999999\r\n\r\nx", "400", "200")
}

func TestConnectionKeepAliveClose(t *testing.T) {
	guard(t, "GET /"+host+"Connection: keep-alive, close\r\n\r\n"+next, "200", "200")
	guard(t, "GET /"+host+"Connection: keep-alive\r\nConnection: CLOSE\r\n\r\n"+next, "200", "200")
}

func TestRefusedExpectation(t *testing.T) {
	guard(t, "POST /"+host+"Expect: tea\r\nContent-Length: 35\r\n\r\n"+evil, "417", "417")
}

func TestTrailersAreNoFields(t *testing.T) {
	var names []string
	ln := loopback(t)
	serve(t, options(), ln, func(c *edge.Conn) {
		io.Copy(io.Discard, content{c})
		for _, f := range c.Request.Fields {
			names = append(names, string(f.Name))
		}
		answer(c, nil)
	})
	back := play(t, ln, "POST /"+host+"Trailer: X-Role\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Role: admin\r\n\r\n")
	if want := []string{"Host", "Trailer", "Transfer-Encoding"}; !slices.Equal(names, want) || len(statuses(back)) != 1 {
		t.Errorf("fields %q, want %q\n%s", names, want, back)
	}
}

func TestAsteriskIsForOptionsOnly(t *testing.T) {
	guard(t, "OPTIONS *"+host+"\r\n"+next, "200 200", "200 200")
	guard(t, "GET *"+host+"\r\n"+next, "400", "400")
}

func TestSchemeInOriginForm(t *testing.T) {
	ln := loopback(t)
	serve(t, options(), ln, ignore)
	if back := play(t, ln, "GET /http://other/x"+host+"\r\n"); !strings.HasSuffix(back, "GET /http://other/x") {
		t.Errorf("%s", back)
	}
}

func TestLeadingEmptyLine(t *testing.T) {
	guard(t, "\r\n"+next+"\r\n"+next, "200 200", "200 200")
	guard(t, "\r\n\r\n"+next, "400", "400")
	guard(t, "\n"+next, "400", "400")
}

func TestTruncated(t *testing.T) {
	guard(t, "", "", "")
	guard(t, "\r\n", "", "")
	guard(t, "GET /", "400", "400")
	guard(t, "GET /"+host, "400", "400")
	guard(t, "POST /"+host+"Content-Length: 4\r\n\r\nabc", "400", "200")
}

func TestContentFaults(t *testing.T) {
	const chunked = "POST /" + host + "Transfer-Encoding: chunked\r\n\r\n"
	guard(t, chunked+"3\nabc\r\n0\r\n\r\n"+next, "400", "200")
	guard(t, chunked+"3\r\nabcd\r\n0\r\n\r\n"+next, "400", "200")
	guard(t, chunked+"ffffffffffffffffff\r\n", "413", "200")
	guard(t, chunked+"00000000000000003\r\nabc", "400", "200")
	guard(t, chunked+"0\r\nbad trailer\r\n\r\n"+next, "400", "200")
}

func TestContentLimit(t *testing.T) {
	f := func(head, body string, limit int64, want string) {
		t.Helper()
		ln := loopback(t)
		serve(t, options(), ln, func(c *edge.Conn) {
			c.LimitContent(limit)
			echo(c)
		})
		back := play(t, ln, "POST /"+host+head+"\r\n\r\n"+body+next)
		if got := strings.Join(statuses(back), " "); got != want {
			t.Errorf("%q, limit %d: %s, want %s", body, limit, got, want)
		}
	}
	f("Transfer-Encoding: chunked", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 5, "200 200")
	f("Transfer-Encoding: chunked", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 4, "413")
	f("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n", 0, "413")
	f("Transfer-Encoding: chunked", "0\r\n\r\n", 0, "200 200")
	// Announced is enough: nobody waits for it.
	f("Transfer-Encoding: chunked", "ffffffff\r\nabc", 5, "413")
}

// TestRefusalArrives: the client is in the midst of sending when it is refused, and learns why.
func TestRefusalArrives(t *testing.T) {
	f := func(handle func(*edge.Conn), head, want string) {
		t.Helper()
		ln := loopback(t)
		serve(t, options(), ln, handle)
		c := dial(t, ln)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			io.WriteString(c, head)
			for range 64 {
				if _, err := c.Write(make([]byte, 64<<10)); err != nil {
					return // refused: that is the point
				}
			}
		}()
		back := make([]byte, 4096)
		n, err := io.ReadAtLeast(c, back, len("HTTP/1.1 400"))
		if err != nil || !strings.HasPrefix(string(back[:n]), "HTTP/1.1 "+want) {
			t.Errorf("%q: %q, %v, want %s", head, back[:n], err, want)
		}
		<-sent
		c.Close()
	}
	f(echo, "GET / HTTP/1.1\r\nHost : h\r\n\r\n", "400")
	f(ignore, "POST /"+host+"Content-Length: 4194304\r\n\r\n", "200")
	f(ignore, "POST /"+host+"Transfer-Encoding: chunked\r\n\r\n400000\r\n", "200")
	f(echo, "POST /"+host+"Transfer-Encoding: chunked\r\n\r\nx\r\n", "400")
}

// TestBuffered: content that came with the head is handed out at once, decoded in place.
func TestBuffered(t *testing.T) {
	f := func(head, body, want string, wantWhole bool) {
		t.Helper()
		ln := loopback(t)
		serve(t, options(), ln, func(c *edge.Conn) {
			if string(c.Request.Method) == "GET" {
				ignore(c)
				return
			}
			got, whole, err := c.Buffered()
			if string(got) != want || whole != wantWhole || err != nil || c.ContentRead() != whole {
				t.Errorf("Buffered of %q = %q, %t, %v, want %q, %t", body, got, whole, err, want, wantWhole)
			}
			echo(c)
		})
		if wantWhole {
			body += next
		}
		if back := play(t, ln, "POST /"+host+head+"\r\n\r\n"+body); len(statuses(back)) != 2 && wantWhole {
			t.Errorf("%q: %s", body, back)
		}
	}
	f("Content-Length: 5", "hello", "hello", true)
	f("Content-Length: 5", "hel", "", false)
	f("Transfer-Encoding: chunked", "2\r\nhe\r\n3;x\r\nllo\r\n0\r\nT: 1\r\n\r\n", "hello", true)
	f("Transfer-Encoding: chunked", "0\r\n\r\n", "", true)
	f("Transfer-Encoding: chunked", "2\r\nhe\r\n3", "", false)
}
