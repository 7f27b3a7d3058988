package gateway_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A step is what a client does before it waits: it writes pieces, in one or in several writes, and
// then expects responses to requests with these methods. If awaits is set it writes the last piece
// when it was told to continue.
type step struct {
	pieces  []string
	methods []string
	awaits  bool
}

// TestEnginesSwitch drives one connection through hundreds of random requests, of which some stay on
// the loop and others go through its door, and compares each response with what the blocking
// engine makes of the same request.
func TestEnginesSwitch(t *testing.T) { switchEngines(t, looped, blocking) }

// TestEnginesSwitchOverTLS does so with what TLS keeps of a connection going from one to the other and back.
func TestEnginesSwitchOverTLS(t *testing.T) { switchEngines(t, secure, secureBlocking) }

func switchEngines(t *testing.T, onLoop, onGoroutines string) {
	d := newUpstream(t, http.HandlerFunc(echo))
	_, one := serveOn(t, onLoop, policy(d, "ONE"))
	_, two := serveOn(t, onGoroutines, policy(d, "ONE"))
	rounds, steps := 3, 120
	if testing.Short() {
		rounds = 1
	}
	for range rounds {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			a, b := dial(t, one), dial(t, two)
			readA, readB := bufio.NewReader(a), bufio.NewReader(b)
			for i := range steps {
				s := randomStep(random)
				var fromA, fromB []string
				var errA, errB error
				var both sync.WaitGroup
				both.Go(func() { fromA, errA = s.take(a, readA) })
				both.Go(func() { fromB, errB = s.take(b, readB) })
				both.Wait()
				if errA != nil || errB != nil {
					t.Fatalf("step %d, %q: %v on the loop, %v on goroutines", i, s.brief(), errA, errB)
				}
				ended := false
				for n := range max(len(fromA), len(fromB)) {
					if n >= len(fromA) || n >= len(fromB) {
						t.Fatalf("step %d, %q: %d responses on the loop, %d on goroutines", i, s.brief(), len(fromA), len(fromB))
					}
					ended = strings.Contains(fromA[n], "\r\nConnection: close\r\n")
					if fromA[n] != fromB[n] {
						t.Fatalf("step %d, %q, response %d: on the loop\n%.1000s\non goroutines\n%.1000s", i, s.brief(), n, fromA[n], fromB[n])
					}
				}
				if ended {
					// Content that nobody wants may end a connection.
					a, b = dial(t, one), dial(t, two)
					readA, readB = bufio.NewReader(a), bufio.NewReader(b)
				}
			}
		})
	}
}

// echo answers with what it was sent, in the way that the path asks for.
func echo(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	answer := fmt.Appendf(nil, "%s %s %d %x\n", r.Method, r.URL, len(content), sha256.Sum256(content))
	h := w.Header()
	h.Set("Content-Type", "text/plain")
	switch r.URL.Path {
	case "/204":
		w.WriteHeader(204)
		return
	case "/304":
		h.Set("ETag", `"x"`)
		w.WriteHeader(304)
		return
	case "/close":
		h.Set("Connection", "close")
	case "/large":
		answer = bytes.Repeat(answer, 2000)
		h.Set("Content-Length", strconv.Itoa(len(answer)))
	case "/chunks":
		for range 3 {
			w.Write(answer)
			w.(http.Flusher).Flush()
		}
	}
	w.Write(answer)
}

// randomStep returns a step: one request in pieces, one that awaits 100 (Continue), or several at once.
func randomStep(random *rand.Rand) step {
	switch random.IntN(4) {
	case 0:
		var all strings.Builder
		var s step
		for range 1 + random.IntN(8) {
			method, text := randomRequest(random, "")
			s.methods = append(s.methods, method)
			all.WriteString(text)
		}
		s.pieces = []string{all.String()}
		return s
	case 1:
		content := strings.Repeat("e", 1+random.IntN(40<<10))
		head := fmt.Sprintf("POST /awaited HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(content))
		return step{pieces: []string{head, content}, methods: []string{"POST"}, awaits: true}
	}
	method, text := randomRequest(random, "Origin: https://myapp.com\r\n")
	s := step{methods: []string{method}}
	for range random.IntN(4) {
		if len(text) > 1 {
			cut := 1 + random.IntN(min(len(text)-1, 600))
			s.pieces, text = append(s.pieces, text[:cut]), text[cut:]
		}
	}
	s.pieces = append(s.pieces, text)
	return s
}

func randomRequest(random *rand.Rand, fields string) (method, text string) {
	path := []string{"/", "/204", "/304", "/close", "/large", "/chunks", "/fixed"}[random.IntN(7)]
	fields = "Host: h\r\n" + fields
	switch random.IntN(8) {
	case 0:
		return "OPTIONS", "OPTIONS " + path + " HTTP/1.1\r\n" + fields + "Access-Control-Request-Method: METHOD-ONE\r\n\r\n"
	case 1:
		return "HEAD", "HEAD " + path + " HTTP/1.1\r\n" + fields + "\r\n"
	case 2:
		return "GET", "GET " + path + " HTTP/1.0\r\nConnection: keep-alive\r\n" + fields + "Content-Length: 0\r\n\r\n"
	case 3, 4:
		content := strings.Repeat("c", random.IntN([]int{10, 100, 16 << 10, 17 << 10, 200 << 10}[random.IntN(5)]))
		return "POST", fmt.Sprintf("POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", path, fields, len(content), content)
	case 5:
		var b strings.Builder
		for range random.IntN(6) {
			n := 1 + random.IntN([]int{10, 1000, 20 << 10}[random.IntN(3)])
			fmt.Fprintf(&b, "%x\r\n%s\r\n", n, strings.Repeat("d", n))
		}
		return "PUT", "PUT " + path + " HTTP/1.1\r\n" + fields + "Transfer-Encoding: chunked\r\n\r\n" + b.String() + "0\r\n\r\n"
	}
	return "GET", "GET " + path + "?" + strings.Repeat("q", random.IntN(2000)) + " HTTP/1.1\r\n" + fields + "\r\n"
}

// take writes the step's requests and returns their responses.
func (s step) take(c net.Conn, r *bufio.Reader) (responses []string, err error) {
	sent := make(chan error, 1)
	write := func(pieces []string) {
		for _, p := range pieces {
			if _, err := io.WriteString(c, p); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}
	if s.awaits {
		if _, err := io.WriteString(c, s.pieces[0]); err != nil {
			return nil, err
		}
		if line, err := readHead(r); line != "HTTP/1.1 100 Continue\r\n\r\n" {
			return nil, fmt.Errorf("%q, %v, want 100", line, err)
		}
		go write(s.pieces[1:])
	} else {
		go write(s.pieces)
	}
	for _, method := range s.methods {
		response, err := readResponse(r, method)
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("after %q: %w, writing: %v", response, err, <-sent)
		}
		responses = append(responses, dates.ReplaceAllString(requestIDs.ReplaceAllString(response, ""), "Date: NOW"))
		if strings.Contains(response, "\r\nConnection: close\r\n") {
			c.Close() // pieces that were not yet written are not
			<-sent
			return responses, nil
		}
	}
	return responses, <-sent
}

// brief returns the step as a failure shows it.
func (s step) brief() string {
	var b strings.Builder
	for _, p := range s.pieces {
		fmt.Fprintf(&b, "%.300s[%d octets]|", p, len(p))
	}
	return b.String()
}

func readHead(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			return b.String(), err
		}
	}
}

// readResponse returns a response with its head as it was sent and its content decoded: where the
// chunks begin and end is nobody's business.
func readResponse(r *bufio.Reader, method string) (string, error) {
	head, err := readHead(r)
	if err != nil {
		return head, err
	}
	var content []byte
	_, length, sized := strings.Cut(head, "Content-Length: ")
	switch {
	case method == "HEAD" || strings.HasPrefix(head, "HTTP/1.1 204") || strings.HasPrefix(head, "HTTP/1.1 304"):
	case strings.Contains(head, "Transfer-Encoding: chunked\r\n"):
		if content, err = io.ReadAll(httputil.NewChunkedReader(r)); err == nil {
			_, err = r.Discard(len("\r\n"))
		}
	case sized:
		var n int
		if n, err = strconv.Atoi(length[:strings.IndexByte(length, '\r')]); err == nil {
			content = make([]byte, n)
			_, err = io.ReadFull(r, content)
		}
	default:
		content, err = io.ReadAll(r)
	}
	return head + string(content), err
}
