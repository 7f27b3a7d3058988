package wire_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

// A vector is a case of testdata: bytes as Latin-1, and what becomes of the first message.
type vector struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"` // accept, refuse or either
	Raw     string `json:"raw"`
	Head    bool   `json:"head"` // answers HEAD
}

func vectors(t testing.TB, file string) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		var octets []byte
		for _, r := range all[i].Raw {
			octets = append(octets, byte(r))
		}
		all[i].Raw = string(octets)
	}
	return all
}

// tight are limits that fuzzing reaches.
var tight = wire.Limits{HeadBytes: 400, Fields: 8}

// sameFields compares parsed fields with the twin's.
func sameFields(t *testing.T, got []wire.Field, forwardable func(*wire.Field) bool, want []slowField) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d fields, want %d", len(got), len(want))
	}
	for i := range got {
		f := slowField{string(got[i].Name), string(got[i].Value), got[i].ID, forwardable(&got[i])}
		if f != want[i] {
			t.Fatalf("field %d = %+v, want %+v", i, f, want[i])
		}
	}
}

// checkRequest compares Parse with its twin, at every split of in, and what it accepts with net/http.
func checkRequest(t *testing.T, in string, lim wire.Limits) {
	t.Helper()
	var r wire.Request
	n, fault := r.Parse([]byte(in), lim)
	want := slowRequestParse(in, lim)
	if (n > 0) != (want != nil) || n > 0 && fault != nil {
		t.Fatalf("Parse(%q) = %d, %v; the twin accepts: %t", in, n, fault, want != nil)
	}
	for i := range len(in) {
		var p wire.Request
		pn, pf := p.Parse([]byte(in[:i]), lim)
		switch early := n > 0 && i >= n; {
		case early && (pn != n || pf != nil), !early && pn != 0, !early && pf != nil && pf != fault:
			t.Fatalf("Parse(%q) = %d, %v, but %d, %v with %q after it", in[:i], pn, pf, n, fault, in[i:])
		}
	}
	if want == nil {
		return
	}
	got := slowRequest{slowMessage{n, int(r.Minor), want.fields, r.Length, r.Chunked, r.Close},
		string(r.Method), string(r.Path), string(r.Query), string(r.Host), r.PlainPath, r.Continue, r.WebSocket, r.Flaw != nil, string(r.Upgrade), r.TakesTrailers}
	sameFields(t, r.Fields, r.Forwardable, want.fields)
	if w := *want; got.method != w.method || got.path != w.path || got.query != w.query || got.host != w.host || got.size != w.size ||
		got.minor != w.minor || got.length != w.length || got.chunked != w.chunked || got.close != w.close ||
		got.plain != w.plain || got.flawed != w.flawed || got.continues != w.continues || got.ws != w.ws || got.upgrade != w.upgrade || got.takes != w.takes {
		t.Fatalf("Parse(%q) = %+v, want %+v", in, got, w)
	}
	fixedPoint(t, in, &r)
	if r.Flaw == nil {
		stdRequest(t, in, n, &r)
	} else {
		repaired(t, &r)
	}
}

// repaired holds that a target that is written as a refusal says has no flaw, and is left as it is.
func repaired(t *testing.T, r *wire.Request) {
	t.Helper()
	if r.Flaw == wire.FaultControl {
		return // there is no way to write it
	}
	target := wire.AppendEscaped(wire.AppendEscaped(nil, r.Path), r.Query)
	var again wire.Request
	in := "GET " + string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n"
	if n, fault := again.Parse([]byte(in), generous); n == 0 || fault != nil || again.Flaw != nil && again.Flaw != wire.FaultControl {
		t.Fatalf("%q%q is written %q, which is no better: %v, %v", r.Path, r.Query, target, fault, again.Flaw)
	}
	if twice := wire.AppendEscaped(wire.AppendEscaped(nil, again.Path), again.Query); string(twice) != string(target) {
		t.Fatalf("%q was escaped, then %q", target, twice)
	}
}

// fixedPoint writes what was parsed and parses that: nothing must change.
func fixedPoint(t *testing.T, in string, r *wire.Request) {
	t.Helper()
	write := func(r *wire.Request) []byte {
		var b bytes.Buffer
		b.Write(r.Method)
		b.WriteByte(' ')
		b.Write(r.Path)
		b.Write(r.Query)
		b.WriteString(" HTTP/1." + string('0'+r.Minor) + "\r\n")
		for _, f := range r.Fields {
			b.Write(f.Name)
			b.WriteString(": ")
			b.Write(f.Value)
			b.WriteString("\r\n")
		}
		b.WriteString("\r\n")
		return b.Bytes()
	}
	first := write(r)
	var again wire.Request
	if n, fault := again.Parse(first, generous); n != len(first) || fault != nil {
		t.Fatalf("%q was accepted; written again, %q: %d, %v", in, first, n, fault)
	}
	if second := write(&again); !bytes.Equal(first, second) || again.Chunked != r.Chunked || again.Length != r.Length || again.Close != r.Close {
		t.Fatalf("%q became %q, then %q", in, first, second)
	}
}

// stdRequest holds that net/http reads what was accepted in the same way. Its ReadRequest knows
// nothing of the empty line before a request line, which is cut off for it; it judges Trailer,
// which we drop, so that it is not asked about requests with one; and its host is that of an
// absolute-form, which we hold equal to Host but for case.
func stdRequest(t *testing.T, in string, n int, r *wire.Request) {
	t.Helper()
	for _, f := range r.Fields {
		if f.ID == wire.Trailer {
			return
		}
	}
	source := bufio.NewReaderSize(strings.NewReader(strings.TrimPrefix(in, "\r\n")), 64<<10)
	req, err := http.ReadRequest(source)
	if err != nil {
		t.Fatalf("Parse accepts %q, net/http does not: %v", in, err)
	}
	chunked := len(req.TransferEncoding) == 1 && req.TransferEncoding[0] == "chunked"
	if req.Method != string(r.Method) || !strings.EqualFold(req.Host, string(r.Host)) || chunked != r.Chunked || req.Close != r.Close ||
		!chunked && req.ContentLength != r.Length || req.ProtoMinor != int(r.Minor) {
		t.Fatalf("Parse(%q) = %+v, net/http reads %+v", in, r, req)
	}
	// The content begins and ends at the same byte.
	body, err := io.ReadAll(req.Body)
	rest := in[n:]
	switch {
	case r.Chunked:
		content, _, size, ok := slowChunks(rest)
		if !ok {
			return // net/http is laxer; FuzzChunked compares what both accept
		}
		after, _ := io.ReadAll(source)
		if err != nil || string(body) != content || string(after) != rest[size:] {
			t.Fatalf("%q: content %q, then %q, net/http reads %q, then %q, %v", in, content, rest[size:], body, after, err)
		}
	case int64(len(rest)) >= r.Length:
		after, _ := io.ReadAll(source)
		if err != nil || string(body) != rest[:r.Length] || string(after) != rest[r.Length:] {
			t.Fatalf("%q: net/http reads %q, then %q, %v", in, body, after, err)
		}
	}
}

func FuzzRequest(f *testing.F) {
	for _, v := range vectors(f, "requests.json") {
		f.Add(v.Raw)
	}
	f.Add(browserGet)
	f.Add(preflightHead)
	f.Add("OPTIONS HTTP://A.test?%41 HTTP/1.1\r\nhost:a.TEST\r\nX_y:\t1\t\r\nConnection: close,x-y , TE\r\nX-Y: \xff\r\n\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) < 4<<10 {
			checkRequest(t, in, generous)
			checkRequest(t, in, tight)
		}
	})
}

// checkResponse compares Parse with its twin and at every split of in.
func checkResponse(t *testing.T, in string, lim wire.Limits) {
	t.Helper()
	var r wire.Response
	n, fault := r.Parse([]byte(in), lim)
	want := slowResponseParse(in, lim)
	if (n > 0) != (want != nil) || n > 0 && fault != nil {
		t.Fatalf("Parse(%q) = %d, %v; the twin accepts: %t", in, n, fault, want != nil)
	}
	for i := range len(in) {
		var p wire.Response
		pn, pf := p.Parse([]byte(in[:i]), lim)
		switch early := n > 0 && i >= n; {
		case early && (pn != n || pf != nil), !early && pn != 0, !early && pf != nil && pf != fault:
			t.Fatalf("Parse(%q) = %d, %v, but %d, %v with %q after it", in[:i], pn, pf, n, fault, in[i:])
		}
	}
	if want == nil {
		return
	}
	sameFields(t, r.Fields, r.Forwardable, want.fields)
	w := *want
	if n != w.size || r.Status != w.status || string(r.Reason) != w.reason || int(r.Minor) != w.minor || r.Length != w.length ||
		r.Chunked != w.chunked || r.Close != w.close || string(r.Upgrade) != w.upgrade || string(r.Accept) != w.accept || r.VaryLines != len(w.values("vary")) ||
		r.HasDate != (len(w.values("date")) > 0) {
		t.Fatalf("Parse(%q) = %+v, want %+v", in, r, w)
	}
	std, err := http.ReadResponse(bufio.NewReader(strings.NewReader(in)), nil)
	loose := bytes.Contains([]byte(in[:n]), []byte(" :")) || strings.Contains(in[:n], "\t:") // which net/http refuses
	if err != nil && !loose && len(want.values("trailer")) == 0 {
		t.Fatalf("Parse accepts %q, net/http does not: %v", in, err)
	}
	if err == nil && std.StatusCode != r.Status {
		t.Fatalf("Parse(%q): status %d, net/http reads %d", in, r.Status, std.StatusCode)
	}
}

func FuzzResponse(f *testing.F) {
	for _, v := range vectors(f, "responses.json") {
		f.Add(v.Raw)
	}
	f.Add(responseHead)
	f.Add("HTTP/1.0 204\r\nConnection : keep-alive, x\r\nX\t:y\r\n\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) < 4<<10 {
			checkResponse(t, in, generous)
			checkResponse(t, in, tight)
		}
	})
}
