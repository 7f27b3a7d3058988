package edge_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestSplitAnywhere: where the pieces of a connection end changes nothing.
func TestSplitAnywhere(t *testing.T) {
	const octets = "\r\nPOST /1" + host + "Content-Length: 5\r\n\r\nhello" +
		"POST /2" + host + "Transfer-Encoding: chunked\r\n\r\n2;x=\"y\"\r\nhe\r\n3\r\nllo\r\n0\r\nT: 1\r\n\r\n" +
		"GET /3" + host + "\r\nGET / HTTP/1.1\nHost: h\r\n\r\n" + evil
	ln := loopback(t)
	serve(t, options(), ln, echo)
	clean := func(s string) string { // the refusal at the end has a Date
		before, _, _ := strings.Cut(s, "Date: ")
		return before
	}
	want := clean(play(t, ln, octets))
	if got := strings.Join(statuses(want), " "); got != "200 200 200 400" {
		t.Fatalf("whole: %s", got)
	}
	split := func(pieces ...string) {
		t.Helper()
		c := dial(t, ln)
		defer c.Close()
		for _, p := range pieces {
			if _, err := io.WriteString(c, p); err != nil {
				break // refused before the last piece
			}
		}
		c.CloseWrite()
		back, _ := io.ReadAll(c)
		if got := clean(string(back)); got != want {
			t.Errorf("split as %q:\n%q, want\n%q", pieces, got, want)
		}
	}
	for i := 1; i < len(octets); i++ {
		split(octets[:i], octets[i:])
	}
	var each []string
	for i := range octets {
		each = append(each, octets[i:i+1])
	}
	split(each...)
}

// TestTwin sends the same random, valid requests to this server and to that of the standard
// library, in random pieces, on one connection each. Both echo them.
func TestTwin(t *testing.T) {
	ln, twin := loopback(t), loopback(t)
	serve(t, options(), ln, echo)
	std := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header()["Date"] = nil
		w.Header()["Content-Type"] = nil
		body = append(fmt.Appendf(nil, "%s %s ", r.Method, r.URL), body...)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body)
	})}
	stopped := make(chan struct{})
	go func() { defer close(stopped); std.Serve(twin) }()
	defer func() { std.Close(); <-stopped }()

	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 0))
		var octets bytes.Buffer
		const requests = 40
		for range requests {
			appendRandom(&octets, random)
		}
		pieces := pieces(octets.Bytes(), random)
		got := exchange(t, ln, pieces, requests)
		want := exchange(t, twin, pieces, requests)
		for i := range requests {
			if got[i] != want[i] {
				t.Fatalf("seed %d, request %d:\n%.200q, want\n%.200q", seed, i, got[i], want[i])
			}
		}
	}
}

// appendRandom writes a request with content in a random framing.
func appendRandom(b *bytes.Buffer, random *rand.Rand) {
	sizes := []int{0, 1, 5, 100, 4000, 4096, 5000, 20000, 70000}
	body := make([]byte, sizes[random.IntN(len(sizes))])
	for i := range body {
		body[i] = byte('a' + random.IntN(26))
	}
	fmt.Fprintf(b, "%s /%d HTTP/1.1\r\nHost: h\r\nX-Padding: %s\r\n", []string{"POST", "PUT", "QUERY"}[random.IntN(3)],
		random.IntN(1000), strings.Repeat("p", random.IntN(6000)))
	if random.IntN(2) == 0 {
		fmt.Fprintf(b, "Content-Length: %d\r\n\r\n%s", len(body), body)
		return
	}
	b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	for len(body) > 0 {
		n := 1 + random.IntN(len(body))
		if random.IntN(4) > 0 {
			n = min(n, 500)
		}
		fmt.Fprintf(b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\n\r\n")
}

func pieces(octets []byte, random *rand.Rand) (list [][]byte) {
	for len(octets) > 0 {
		n := min(len(octets), 1+random.IntN(30000))
		list, octets = append(list, octets[:n]), octets[n:]
	}
	return list
}

// exchange sends the pieces and returns the contents of the responses.
func exchange(t *testing.T, ln net.Listener, pieces [][]byte, n int) (contents []string) {
	t.Helper()
	c := dial(t, ln)
	defer c.Close()
	go func() {
		for _, p := range pieces {
			c.Write(p) // what is missing shows in the responses
		}
	}()
	r := bufio.NewReader(c)
	for i := range n {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("response %d: %v", i, err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatalf("response %d: %v", i, err)
		}
		contents = append(contents, string(body))
	}
	return contents
}
