package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file runs the conformance vectors that bytes alone decide. "refuse" is a fault, or an
// end of the bytes within the message, or content beyond the limit; testdata marks as "refuse"
// what the vectors would rather have refused, too.

const bodyLimit = 10 << 20

// readRequests reads the messages that in holds until one is refused or closes the connection.
// It returns their targets, and whether the first was whole.
func readRequests(in []byte) (targets []string, whole bool) {
	var r wire.Request
	for len(in) > 0 {
		n, fault := r.Parse(in, generous)
		if n == 0 || fault != nil || r.Flaw != nil || r.Length > bodyLimit {
			break
		}
		used, ok := content(in[n:], r.Chunked, r.Length)
		if !ok {
			break
		}
		whole = true
		targets = append(targets, string(r.Path)+string(r.Query))
		if in = in[n+used:]; r.Close {
			break
		}
	}
	return targets, whole
}

// content returns how many bytes the content at the beginning of in takes, if all of it is there.
func content(in []byte, chunked bool, length int64) (int, bool) {
	if chunked {
		_, used, d, fault := wire.Unchunk(nil, in)
		return used, fault == nil && d.Done()
	}
	return int(min(length, int64(len(in)))), length <= int64(len(in))
}

func TestRequestVectors(t *testing.T) {
	for _, v := range append(vectors(t, "requests.json"), largeRequests()...) {
		targets, whole := readRequests([]byte(v.Raw))
		if v.Verdict == "accept" && !whole || v.Verdict == "refuse" && whole {
			t.Errorf("%s: accepted: %t, want %s", v.Name, whole, v.Verdict)
		}
		line, _, _ := strings.Cut(v.Raw, "\r\n")
		for _, target := range targets {
			if strings.Contains(target, "smuggled") && !strings.Contains(line, "smuggled") {
				t.Errorf("%s: %q was smuggled", v.Name, target)
			}
		}
		if len(v.Raw) < 4<<10 {
			checkRequest(t, v.Raw, generous)
		}
	}
}

// largeRequests are the vectors that are too large to copy.
func largeRequests() []vector {
	const get, chunked = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n", "POST /smuggled HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
	rep := strings.Repeat
	var fields strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&fields, "X-%d: v\r\n", i)
	}
	return []vector{
		{Name: "method_8k_long", Verdict: "refuse", Raw: rep("A", 8<<10) + " / HTTP/1.1\r\nHost: a.test\r\n\r\n"},
		{Name: "host_10k_long", Verdict: "refuse", Raw: "GET / HTTP/1.1\r\nHost: " + rep("a.", 5000) + "test\r\n\r\n"},
		{Name: "ext_64k", Verdict: "refuse", Raw: chunked + "5;a=" + rep("b", 64<<10) + "\r\nhello\r\n0\r\n\r\n"},
		{Name: "ext_overhead_1000_chunks", Verdict: "refuse", Raw: chunked + rep("1;"+rep("e", 60)+"\r\na\r\n", 1000) + "0\r\n\r\n"},
		{Name: "trailer_128k", Verdict: "refuse", Raw: chunked + "5\r\nhello\r\n0\r\nX-A: " + rep("b", 128<<10) + "\r\n\r\n"},
		{Name: "hop_connection_1000_options", Verdict: "refuse", Raw: get + "Connection: x" + rep(", x1", 1000) + "\r\n\r\n"},
		{Name: "limit_name_128k", Verdict: "refuse", Raw: get + rep("X", 128<<10) + ": v\r\n\r\n"},
		{Name: "limit_10000_headers", Verdict: "refuse", Raw: get + fields.String() + "\r\n"},
		{Name: "limit_cookie_4k", Verdict: "accept", Raw: get + "Cookie: a=" + rep("b", 4000) + "\r\n\r\n"},
		{Name: "cors_preflight_5000_commas", Verdict: "accept", Raw: get + "Access-Control-Request-Headers: " + rep(",", 5000) + "\r\n\r\n"},
	}
}

func TestResponseVectors(t *testing.T) {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, v := range append(vectors(t, "responses.json"),
		vector{Name: "status_reason_128k", Verdict: "refuse", Raw: "HTTP/1.1 200 " + strings.Repeat("A", 128<<10) + "\r\n\r\n"},
		vector{Name: "hdr_8000_lines", Verdict: "refuse", Raw: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: v\r\n", 8000) + "\r\n"},
		vector{Name: "hdr_endless", Verdict: "refuse", Raw: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("v", 700)+"\r\n", 100)},
		vector{Name: "chunk_ext_128k", Verdict: "refuse", Raw: chunked + "5;" + strings.Repeat("e", 128<<10) + "\r\nhello\r\n0\r\n\r\n"},
		vector{Name: "chunk_trailer_endless", Verdict: "refuse", Raw: chunked + "0\r\n" + strings.Repeat("X: v\r\n", 8000)},
	) {
		if whole := readResponse([]byte(v.Raw), v.Head); whole != (v.Verdict == "accept") {
			t.Errorf("%s: accepted: %t, want %s", v.Name, whole, v.Verdict)
		}
		if len(v.Raw) < 4<<10 {
			checkResponse(t, v.Raw, generous)
		}
	}
}

// readResponse reads past interim responses and reports whether the final one is whole. One to
// another protocol than WebSocket is of no use.
func readResponse(in []byte, head bool) bool {
	var r wire.Response
	for {
		n, fault := r.Parse(in, generous)
		if n == 0 || fault != nil || r.Status == 101 && (!wire.EqualFold(r.Upgrade, "websocket") || r.Accept == nil) {
			return false
		}
		if in = in[n:]; r.Status >= 200 {
			break
		}
	}
	switch r.Framing(head) {
	case wire.ByChunks, wire.ByLength:
		_, ok := content(in, r.Chunked, r.Length)
		return ok
	}
	return true
}
