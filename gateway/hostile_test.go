package gateway_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/access"
)

// hostileConfig lets every vector through that is valid. Secrets that clients send are marked, and must not be logged.
const hostileConfig = `
[log]
access = "all"
[limits]
body_bytes = "1MiB"
[cors.app]
origins = ["https://app.example"]
[upstream.api]
endpoints = ["UPSTREAM"]
[route.api]
cors = "app"
upstream = "api"
`

const canary = "canary-4711"

// TestHostile sends what attackers send, on every engine and in several ways, and looks after each whether anything is amiss:
//
//   - nothing that was hidden in a request has come to the upstream as one of its own;
//   - what has come to the upstream is strictly valid, and means one thing;
//   - there are no more answers than requests;
//   - each answer stands in the access log, which is valid and has no secret;
//   - the next request, on another connection, gets its own answer;
//   - and in the end nothing is left behind, and nothing has panicked.
func TestHostile(t *testing.T) {
	for _, engine := range []string{looped, blocking, secure} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			newHostile(t, engine).run()
		})
	}
}

// A hostile is a gateway under attack.
type hostile struct {
	*testing.T
	g       *gateway.Gateway
	double  *double
	address string
	log     *os.File // the access log
	read    int64    // of it
	journal safeBuffer
	next    int
}

// A safeBuffer may be written to by one goroutine and read by another.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newHostile(t *testing.T, engine string) *hostile {
	h := &hostile{T: t, double: newDouble(t, reply{echo: true})}
	cfg := parseFor(t, engine, strings.ReplaceAll(hostileConfig, "UPSTREAM", h.double.url()))
	var err error
	if h.g, err = gateway.New(cfg, slog.New(slog.NewTextHandler(&h.journal, nil))); err != nil {
		t.Fatal(err)
	}
	if h.log, err = os.CreateTemp(t.TempDir(), "access"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.log.Close() })
	h.g.LogAccess(access.Destination{Out: h.log})
	h.address = serveUntilEnd(t, h.g, cfg)
	return h
}

func (h *hostile) run() {
	for _, v := range readVectors[struct{ Name, Verdict, Raw string }](h.T, "wire/testdata/requests.json") {
		octets := make([]byte, 0, len(v.Raw))
		for _, r := range v.Raw {
			octets = append(octets, byte(r)) // each character is one
		}
		raw := string(octets)
		const first = "GET /first HTTP/1.1\r\nHost: gateway.test\r\nCookie: " + canary + "\r\n\r\n"
		h.attack(v.Name+", at once", v.Verdict, raw, 0, raw)
		h.attack(v.Name+", right behind another", v.Verdict, first+raw, 1, first+raw)
		if len(raw) < 200 && !testing.Short() {
			h.attack(v.Name+", octet by octet", v.Verdict, raw, 0, strings.Split(raw, "")...)
		}
	}
	counted(h.T, h.g, `corsgate_in_flight`, 0)
	counted(h.T, h.g, `corsgate_connections{listener="http"}`, 0)
	if text := h.journal.String(); strings.Contains(text, "panic") {
		h.Error(text)
	}
}

// attack writes pieces, whose sum is raw, and then ends its side. The first valid ones of the requests are known to be so.
func (h *hostile) attack(name, verdict, raw string, valid int, pieces ...string) {
	h.Helper()
	h.double.reset()
	c := dial(h.T, h.address)
	defer c.Close()
	methods, whole := methodsOf(raw)
	written := make(chan bool)
	go func() {
		defer close(written)
		for _, p := range pieces {
			if _, err := io.WriteString(c, p); err != nil {
				return // it was refused before it was complete
			}
		}
	}()
	// A client that ends its side does not have to be answered: what is owed is waited for before.
	var octets []byte
	ended := false
	for b := make([]byte, 64<<10); ; {
		if answers, _ := countAnswers(octets, methods); answers >= whole && !ended {
			ended = true
			go func() { <-written; c.CloseWrite() }()
		}
		n, err := c.Read(b)
		if octets = append(octets, b[:n]...); err != nil {
			break // by a reset, after a refusal: that is the client's own doing
		}
	}
	answers, good := countAnswers(octets, methods)
	switch {
	case answers > len(methods)+1 || good > len(methods): // the last may be to what is no request
		h.Errorf("%s: %d answers to %d requests: %q", name, answers, len(methods), octets)
	case verdict == "refuse" && good > valid:
		h.Errorf("%s: %d of the answers are good: %q", name, good, octets)
	case verdict == "accept" && good <= valid:
		h.Errorf("%s: refused: %q", name, octets)
	}
	for _, seen := range h.double.requests() {
		line, _, _ := strings.Cut(seen, "\r\n")
		ours, _, _ := strings.Cut(strings.TrimPrefix(raw, "GET /first HTTP/1.1\r\nHost: gateway.test\r\nCookie: "+canary+"\r\n\r\n"), "\r\n")
		if strings.Contains(line, "smuggled") && !strings.Contains(ours, "smuggled") {
			h.Errorf("%s: smuggled: %q", name, seen)
		}
		if err := strict(seen); err != nil {
			h.Errorf("%s: the upstream was sent %q: %v", name, seen, err)
		}
	}
	h.follow(name)
	h.logged(name, answers+1)
}

// follow makes a request of its own on a fresh connection.
func (h *hostile) follow(name string) {
	h.Helper()
	h.next++
	path := fmt.Sprintf("/follow/%d", h.next)
	res, content := ask(h.T, h.address, "GET", path)
	if want := "GET " + path + " HTTP/1.1"; res.StatusCode != 200 || content != want {
		h.Errorf("%s: the next request is answered %d %q, want %q", name, res.StatusCode, content, want)
	}
}

// logged looks whether there are as many new lines in the access log as there were answers.
func (h *hostile) logged(name string, answers int) {
	h.Helper()
	var text string
	for end := time.Now().Add(patience); strings.Count(text, "\n") < answers && time.Now().Before(end); time.Sleep(time.Millisecond) {
		b := make([]byte, 64<<10)
		n, err := h.log.ReadAt(b, h.read)
		if err != nil && err != io.EOF {
			h.Fatal(err)
		}
		text = string(b[:n])
	}
	h.read += int64(len(text))
	if n := strings.Count(text, "\n"); n != answers {
		h.Errorf("%s: %d lines for %d answers: %s", name, n, answers, text)
	}
	for l := range strings.Lines(text) {
		if !json.Valid([]byte(l)) {
			h.Errorf("%s: %q is not JSON", name, l)
		}
	}
	if strings.Contains(text, canary) {
		h.Errorf("%s: a secret was logged: %s", name, text)
	}
}

// methodsOf returns the methods of the requests that the standard library reads, and how many of them are all there.
func methodsOf(raw string) (list []string, whole int) {
	r := bufio.NewReader(strings.NewReader(raw))
	for {
		// One empty line before a request is ignored; the library does not. See RFC 9112, section 2.2.
		if b, _ := r.Peek(2); string(b) == "\r\n" {
			r.Discard(2)
		}
		req, err := http.ReadRequest(r)
		if err != nil {
			return list, whole
		}
		list = append(list, req.Method)
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return list, whole
		}
		if whole++; req.Close {
			return list, whole
		}
	}
}

// countAnswers returns how many final answers there are, and how many of them are no refusals.
func countAnswers(octets []byte, methods []string) (all, good int) {
	r := bufio.NewReader(bytes.NewReader(octets))
	for {
		req := &http.Request{Method: "GET"}
		if all < len(methods) {
			req.Method = methods[all]
		}
		res, err := http.ReadResponse(r, req)
		if err != nil {
			return all, good
		}
		if res.StatusCode < 200 && res.StatusCode != 101 {
			continue
		}
		if all++; res.StatusCode < 400 {
			good++
		}
		io.Copy(io.Discard, res.Body)
	}
}

// strict says what is not as it must be about a request that was forwarded.
func strict(text string) error {
	head, _, _ := strings.Cut(text, "\r\n\r\n")
	names := map[string]int{}
	for i, line := range strings.Split(head, "\r\n") {
		for _, c := range []byte(line) {
			if c < ' ' && c != '\t' || c == 0x7f {
				return fmt.Errorf("control octet %#x in %q", c, line)
			}
		}
		if i == 0 {
			continue
		}
		name, _, _ := strings.Cut(strings.ToLower(line), ":")
		names[name]++
		switch {
		case strings.Contains(name, "_"):
			return fmt.Errorf("field %q", name)
		case name == "te" && line != "TE: trailers" || name == "keep-alive" || name == "trailer" && names["transfer-encoding"] == 0 || name == "proxy-connection" || name == "proxy-authorization":
			return fmt.Errorf("hop-by-hop field %q", name)
		}
	}
	switch {
	case names["host"] != 1:
		return fmt.Errorf("%d Host lines", names["host"])
	case names["content-length"]+names["transfer-encoding"] > 1:
		return fmt.Errorf("framed twice")
	case names["connection"] != names["upgrade"]+names["te"] || names["connection"] > 1:
		return fmt.Errorf("%d Connection, %d Upgrade, %d TE", names["connection"], names["upgrade"], names["te"])
	}
	r := bufio.NewReader(strings.NewReader(text))
	req, err := http.ReadRequest(r)
	if err != nil {
		return err
	}
	if req.ProtoMinor != 1 {
		return fmt.Errorf("version %s", req.Proto)
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return err
	}
	if n := r.Buffered(); n > 0 {
		return fmt.Errorf("%d octets behind it", n)
	}
	return nil
}
