package gateway_test

import (
	"bufio"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExchangesMultiplexed plays the exchanges that TestExchanges plays, as far as HTTP/2 and HTTP/3 can say them. What differs
// is the client's scheme, the version in Via, the case of names, and the order of fields.
func TestExchangesMultiplexed(t *testing.T) {
	multiplexed(t, func(t *testing.T, engine string) {
		played := 0
		everyExchange(t, func(t *testing.T, config string, e *scripted) {
			if e.playMultiplexed(t, engine, config) {
				played++
			}
		})
		if t.Logf("%d played", played); played < 60 {
			t.Errorf("only %d could be played", played)
		}
	})
}

// multiplex returns the request of an exchange that a client of HTTP/2 can make, or nil.
func (e *scripted) multiplex(address string) *http.Request {
	if len(e.requests) != 1 || strings.Contains(e.want.client, "Use https.\n") {
		return nil
	}
	head, content, _ := strings.Cut(e.requests[0], "\r\n\r\n")
	line, fields, _ := strings.Cut(head, "\r\n")
	words := strings.Split(line, " ")
	if len(words) != 3 || words[2] != "HTTP/1.1" {
		return nil
	}
	u, err := url.Parse("https://" + address + words[1])
	if err != nil || u.RequestURI() != words[1] {
		return nil
	}
	r, err := http.NewRequest(words[0], "https://"+address+words[1], nil)
	if err != nil {
		return nil
	}
	r.Header["User-Agent"] = nil
	for field := range strings.SplitSeq(fields, "\r\n") {
		name, value, _ := strings.Cut(field, ":")
		value = strings.Trim(value, " \t")
		switch name := textproto.CanonicalMIMEHeaderKey(name); name {
		case "Host":
			r.Host = value
		case "Connection", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Keep-Alive", "Proxy-Connection", "Expect", "Http2-Settings":
			return nil
		case "Content-Length":
			if value != strconv.Itoa(len(content)) {
				return nil
			}
			r.Body, r.ContentLength = http.NoBody, int64(len(content))
			if content != "" {
				r.Body = io.NopCloser(strings.NewReader(content))
			}
		default:
			r.Header.Add(name, value)
		}
	}
	if r.Body == nil && content != "" {
		return nil // another request
	}
	return r
}

func (e *scripted) playMultiplexed(t *testing.T, engine, config string) bool {
	if e.multiplex("h") == nil {
		return false
	}
	wanted, err := http.ReadResponse(bufio.NewReader(strings.NewReader(e.want.overTLS().client)), nil)
	if err != nil || wanted.StatusCode < 200 || strings.Contains(e.want.client, "(reset)") {
		return false
	}
	d, config := e.double(t, config)
	g, address := serveOn(t, engine, config)
	client := multiplexedClient(t, engine)
	for range 2 {
		d.reset()
		r := e.multiplex(address)
		for _, values := range r.Header {
			for i := range values {
				values[i] = strings.ReplaceAll(values[i], "PSEUDONYM", g.Pseudonym())
			}
		}
		res, err := client.RoundTrip(r)
		if err != nil {
			return false // the client will not say it
		}
		if res.ProtoMajor != majors[engine] {
			t.Errorf("it came by %s", res.Proto)
		}
		want, got := essence(wanted, r.Method, g.Pseudonym()), essence(res, r.Method, g.Pseudonym())
		if res.ProtoMajor == 3 {
			want = asFarAs(want, got)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the client (-want +got):\n%s", diff)
		}
		wanted, _ = http.ReadResponse(bufio.NewReader(strings.NewReader(e.want.overTLS().client)), nil)
		var wantRequests, gotRequests []string
		via := strings.NewReplacer("1.1 PSEUDONYM", strings.TrimPrefix(res.Proto, "HTTP/")+" PSEUDONYM")
		for _, s := range e.want.overTLS().upstream {
			wantRequests = append(wantRequests, sorted(via.Replace(s)))
		}
		for _, s := range d.requests() {
			gotRequests = append(gotRequests, sorted(mask(s, g.Pseudonym())))
		}
		if diff := cmp.Diff(wantRequests, gotRequests); diff != "" {
			t.Errorf("the upstream (-want +got):\n%s", diff)
		}
	}
	return true
}

// asFarAs is the essence of a response that is cut off, with no more of the content than got has: a reset of a QUIC stream may
// overtake what was sent before it.
func asFarAs(want, got string) string {
	head, content, _ := strings.Cut(want, "\r\n\r\n")
	_, came, _ := strings.Cut(got, "\r\n\r\n")
	content, cut := strings.CutSuffix(content, "(cut)")
	came, gotCut := strings.CutSuffix(came, "(cut)")
	if !cut || !gotCut || !strings.HasPrefix(content, came) {
		return want
	}
	return head + "\r\n\r\n" + came + "(cut)"
}

// essence is what of a response does not depend on the version: its status, its fields in order of their names, its content.
func essence(res *http.Response, method, pseudonym string) string {
	var lines []string
	for name, values := range res.Header {
		switch name {
		case "Connection", "Upgrade", "Content-Length", "Alt-Svc":
			continue
		}
		for _, v := range values {
			lines = append(lines, name+": "+v+"\r\n")
		}
	}
	slices.Sort(lines)
	content := ""
	if method != http.MethodHead && res.StatusCode != http.StatusNotModified {
		b, err := io.ReadAll(res.Body)
		if content = string(b); err != nil {
			content += "(cut)"
		}
	}
	res.Body.Close()
	return mask(res.Status[:3]+"\r\n"+strings.Join(lines, "")+"\r\n"+content, pseudonym)
}

// sorted is a request whose field lines are in order of their names, which have one case.
func sorted(request string) string {
	head, content, _ := strings.Cut(request, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	for i, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ":")
		lines[i+1] = strings.ToLower(name) + ":" + value
	}
	slices.Sort(lines[1:])
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + content
}
