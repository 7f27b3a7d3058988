package gateway_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A cutter is a connection whose writes are kept until they are released, in pieces of some size or at once.
type cutter struct {
	net.Conn
	piece int // 0: all at once, by release
	kept  []byte
}

func (c *cutter) Write(b []byte) (int, error) {
	if c.kept = append(c.kept, b...); c.piece == 0 {
		return len(b), nil
	}
	return len(b), c.release()
}

// SetWriteDeadline does nothing: crypto/tls would end what is to be released.
func (c *cutter) SetWriteDeadline(time.Time) error { return nil }

func (c *cutter) release() error {
	for len(c.kept) > 0 {
		n := len(c.kept)
		if c.piece > 0 {
			n = min(n, c.piece)
		}
		if _, err := c.Conn.Write(c.kept[:n]); err != nil {
			return err
		}
		c.kept = c.kept[n:]
	}
	return nil
}

// TestRecords: where records of TLS begin and end, and in what pieces they come, means nothing to the requests in them.
func TestRecords(t *testing.T) {
	d := newUpstream(t, http.HandlerFunc(echo))
	const get = "GET /fixed HTTP/1.1\r\nHost: h\r\n\r\n"
	large := "POST /fixed HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000)
	for _, engine := range []string{secure, secureBlocking} {
		_, address := serveOn(t, engine, policy(d, "ONE"))
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			f := func(piece int, writes []string, responses int) {
				t.Helper()
				cut := &cutter{Conn: dialPlain(t, address), piece: 1 << 20}
				config := authority(t).client()
				config.MinVersion, config.MaxVersion = version, version
				c := overTLSWith(cut, config)
				if err := c.Handshake(); err != nil {
					t.Fatal(err)
				}
				cut.Conn.(*net.TCPConn).SetNoDelay(true)
				cut.piece = piece
				sent := make(chan error, 1)
				go func() {
					for _, text := range writes {
						if _, err := io.WriteString(c, text); err != nil {
							sent <- err
							return
						}
					}
					sent <- cut.release()
				}()
				r := bufio.NewReader(c)
				for i := range responses {
					if response, err := readResponse(r, "GET"); err != nil || !strings.HasPrefix(response, "HTTP/1.1 200 ") {
						t.Fatalf("%s, pieces of %d, response %d: %.100q, %v", engine, piece, i, response, err)
					}
				}
				if err := <-sent; err != nil {
					t.Error(err)
				}
				// Requests that came before the client has ended its side are answered.
				cut.piece = 0
				io.WriteString(c, get)
				c.CloseWrite()
				cut.release()
				if response, err := readResponse(r, "GET"); err != nil {
					t.Errorf("%s, at the end: %.100q, %v", engine, response, err)
				}
				if n, err := io.Copy(io.Discard, r); n > 0 || err != nil {
					t.Errorf("%s: %d octets, %v, behind the last response, want a proper end", engine, n, err)
				}
			}
			octets := strings.Split(get, "")
			for _, piece := range []int{0, 1, 7, 1500} {
				f(piece, []string{get}, 1)
				f(piece, []string{get + get + get}, 3)
				f(piece, []string{get, get, get}, 3)
				f(piece, octets, 1)
				if piece != 1 {
					f(piece, []string{get, large, get}, 3)
					f(piece, []string{large[:50000], large[50000:] + get + large}, 3)
				}
			}
			many := make([]string, 200)
			for i := range many {
				many[i] = get
			}
			f(0, many, len(many))
			f(1<<20, []string{strings.Join(many, "")}, len(many))
		}
	}
}

// TestBrokenRecords: a record that is forged or too long ends its connection with an alert, and no other.
func TestBrokenRecords(t *testing.T) {
	d := newUpstream(t, http.HandlerFunc(echo))
	for _, engine := range []string{secure, secureBlocking} {
		g, address := serveOn(t, engine, policy(d, "ONE"))
		good := dial(t, address)
		goodReader := bufio.NewReader(good)
		for what, octets := range map[string]string{
			"forged":    "\x17\x03\x03\x00\x20" + strings.Repeat("f", 32),
			"too long":  "\x17\x03\x03\xff\xff" + strings.Repeat("f", 1<<16),
			"empty":     "\x17\x03\x03\x00\x00",
			"plaintext": "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
			"cut":       "\x17\x03\x03\x40\x00ffff",
		} {
			for _, before := range []bool{false, true} { // its first request
				plain := dialPlain(t, address)
				c := overTLS(t, plain)
				r := bufio.NewReader(c)
				if err := c.Handshake(); err != nil {
					t.Fatal(err)
				}
				if before {
					io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
					if _, err := readResponse(r, "GET"); err != nil {
						t.Fatal(err)
					}
				}
				io.WriteString(plain, octets)
				plain.CloseWrite()
				_, err := r.ReadByte()
				var alert *net.OpError
				if what != "cut" && (!errors.As(err, &alert) || alert.Op != "remote error") && err != io.EOF && !strings.Contains(err.Error(), "reset") {
					t.Errorf("%s, %s: %v", engine, what, err)
				}
			}
		}
		io.WriteString(good, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if _, err := readResponse(goodReader, "GET"); err != nil {
			t.Errorf("%s: another connection: %v", engine, err)
		}
		counted(t, g, `corsgate_connections{listener="http"}`, 1)
	}
}

// TestSlowSecureReader: what a client does not read is kept as records, and comes whole when it reads.
func TestSlowSecureReader(t *testing.T) {
	const size = 8 << 20
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(size))
		for range size >> 10 {
			io.WriteString(w, strings.Repeat("0123456789abcdef", 64))
		}
	}))
	for _, engine := range []string{secure, secureBlocking} {
		_, address := serveOn(t, engine, policy(url, "ONE"))
		c := dial(t, address)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		r := bufio.NewReader(c)
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		var n int
		for b := make([]byte, 1<<20); ; time.Sleep(time.Millisecond) { // so that the socket is full again and again
			m, err := io.ReadFull(res.Body, b)
			if m > 0 && string(b[:m]) != strings.Repeat("0123456789abcdef", m/16) {
				t.Fatalf("%s: other octets after %d", engine, n)
			}
			if n += m; err != nil {
				break
			}
		}
		if n != size {
			t.Errorf("%s: %d octets, want %d", engine, n, size)
		}
	}
}
