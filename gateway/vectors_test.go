package gateway_test

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/internal/vectors"
	"github.com/google/go-cmp/cmp"
)

// This file runs the vectors of packages cors and matcher through whole gateways: on both engines, with the preflight
// cache and without. All of them must give the same answer, octet by octet but for Date, and forward the same request.

// A vectorCase is one case of cors.json.
type vectorCase struct {
	Name, Class, Note string
	Policy            map[string]any // the keys of [cors.NAME], and "_routes" and "_gateway"
	Request           vectorRequest
	Prior             []vectorRequest `json:"prior_requests"`
	Upstream          struct {
		Status  int
		Headers [][2]string
	}
	Expect vectors.Expect
}

type vectorRequest struct {
	Method, Path, Host, Scheme string
	Headers                    [][2]string
}

func readVectors[T any](t *testing.T, file string) (cases []T) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// A key that the test does not know would be a rule that is not tested.
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

// variants are the ways to serve the same configuration.
func variants() map[string]struct{ engine, more string } {
	const uncached = "[cache]\npreflights = 0\n"
	return map[string]struct{ engine, more string }{
		looped: {looped, ""}, looped + ", no cache": {looped, uncached},
		blocking: {blocking, ""}, blocking + ", no cache": {blocking, uncached},
		secure: {secure, ""}, secureBlocking: {secureBlocking, ""},
	}
}

func TestCORSVectorsLive(t *testing.T) {
	cases := readVectors[vectorCase](t, "cors/testdata/cors.json")
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			d := newDouble(t, c.reply())
			answers := map[string]string{}
			for name, v := range variants() {
				g, address := serveOn(t, v.engine, c.config(t, d.url())+v.more)
				for _, r := range c.Prior {
					r.send(t, address)
				}
				for range 2 { // the second time from the cache, if there is one
					d.reset()
					res, raw := c.Request.send(t, address)
					forwarded := d.requests()
					c.Expect.Check(t, name, res, len(forwarded) > 0)
					answer := maskDates(raw) + "\n" + strings.ReplaceAll(strings.Join(forwarded, "\n"), g.Pseudonym(), "PSEUDONYM")
					answer = requestIDs.ReplaceAllString(answer, "")
					if first, ok := answers[name]; ok && first != answer {
						t.Errorf("%s: the second answer differs: %s", name, cmp.Diff(first, answer))
					}
					answers[name] = answer
				}
			}
			for name := range answers {
				if diff := cmp.Diff(answers[blocking], answers[name]); diff != "" {
					t.Errorf("%s answers otherwise (-%s +%s):\n%s", name, blocking, name, diff)
				}
			}
		})
	}
	if len(cases) < 100 {
		t.Errorf("only %d cases", len(cases))
	}
}

func maskDates(raw string) string {
	return regexp.MustCompile(`Date: [^\r]*`).ReplaceAllString(raw, "Date: …")
}

// reply is what the upstream says.
func (c *vectorCase) reply() reply {
	status := max(c.Upstream.Status, 200)
	if c.Upstream.Status == 101 {
		status = 101
	}
	head := fmt.Sprintf("HTTP/1.1 %d Status\r\n", status)
	for _, h := range c.Upstream.Headers {
		head += h[0] + ": " + h[1] + "\r\n"
	}
	switch status {
	case 101:
		sum := sha1.Sum([]byte(c.Request.value("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		return reply{octets: head + "Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n", closes: true}
	case 204, 304:
		return reply{octets: head + "\r\n"}
	}
	head += "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\n"
	if c.Request.Method != "HEAD" {
		head += "hello"
	}
	return reply{octets: head}
}

// config is a whole configuration around the case's policy.
func (c *vectorCase) config(t *testing.T, upstream string) string {
	t.Helper()
	text := "[listener.http]\n"
	for _, flag := range list(c.Policy["_gateway"]) {
		if flag != "redirect_to_https" {
			t.Fatalf("unknown flag %v", flag)
		}
		text += "redirect_https = true\n"
	}
	text += "[limits]\nheader_bytes = \"64KiB\"\n[trust]\nproxies = [\"127.0.0.0/8\"]\n" +
		"[upstream.up]\nretries = 0\nendpoints = [\"" + upstream + "\"]\n"
	policy := func(name string, keys map[string]any) {
		text += "[cors." + name + "]\n" + assignments(t, keys)
	}
	if routes := list(c.Policy["_routes"]); routes != nil {
		for i, r := range routes {
			r := r.(map[string]any)
			policy(fmt.Sprint("p", i), r["policy"].(map[string]any))
			text += fmt.Sprintf("[route.r%d]\npath = %q\ncors = \"p%d\"\nupstream = \"up\"\n", i, r["path"], i)
			if r["methods"] != nil {
				text += assignments(t, map[string]any{"methods": r["methods"]})
			}
		}
		return text
	}
	text += "[route.all]\nupstream = \"up\"\n"
	own := maps.Clone(c.Policy)
	delete(own, "_gateway")
	if len(own) > 0 {
		text += "cors = \"p\"\n"
		policy("p", own)
	}
	return text
}

// assignments writes keys as TOML, of which JSON's strings, numbers, booleans and arrays of those are a part.
func assignments(t *testing.T, keys map[string]any) (text string) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		value, err := json.Marshal(keys[key])
		if err != nil {
			t.Fatal(err)
		}
		text += key + " = " + string(value) + "\n"
	}
	return text
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func (r *vectorRequest) value(name string) string {
	for _, h := range r.Headers {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

// send sends the request on a fresh connection, and returns the response with its content read, and its octets.
func (r *vectorRequest) send(t *testing.T, address string) (*http.Response, string) {
	t.Helper()
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	head := or(r.Method, "GET") + " " + or(r.Path, "/") + " HTTP/1.1\r\n"
	if r.value("Host") == "" {
		head += "Host: " + or(r.Host, "api.example.net") + "\r\n"
	}
	head += "X-Forwarded-Proto: " + or(r.Scheme, "https") + "\r\n"
	for _, h := range r.Headers {
		head += h[0] + ": " + h[1] + "\r\n"
	}
	if expects := []string{"POST", "PUT", "PATCH"}; slices.Contains(expects, r.Method) && r.value("Content-Length") == "" {
		head += "Content-Length: 0\r\n"
	}
	if r.value("Connection") == "" {
		head += "Connection: close\r\n"
	}
	c := dial(t, address)
	defer c.Close()
	if _, err := io.WriteString(c, head+"\r\n"); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	in := bufio.NewReader(io.TeeReader(c, &raw))
	res, err := http.ReadResponse(in, &http.Request{Method: r.Method})
	if err != nil {
		t.Fatalf("no response: %v", err)
	}
	if res.StatusCode != 101 {
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
	}
	return res, raw.String()
}

// TestOriginVectorsLive asks a gateway with a policy for each pattern of the matcher's vectors.
func TestOriginVectorsLive(t *testing.T) {
	cases := readVectors[struct {
		Pattern, Origin, Why string
		Match                bool
	}](t, "../matcher/testdata/origins.json")
	routes, text := map[string]int{}, ""
	for _, c := range cases {
		if _, ok := routes[c.Pattern]; !ok {
			i := len(routes)
			routes[c.Pattern] = i
			text += fmt.Sprintf("[cors.p%d]\n%s[route.r%d]\npath = \"/%d\"\ncors = \"p%d\"\nrespond = {}\n",
				i, assignments(t, map[string]any{"origins": []string{c.Pattern}}), i, i, i)
		}
	}
	for name, v := range variants() {
		_, address := serveOn(t, v.engine, text+v.more)
		for _, c := range cases {
			r := vectorRequest{Path: fmt.Sprint("/", routes[c.Pattern]), Headers: [][2]string{{"Origin", c.Origin}}}
			res, _ := r.send(t, address)
			if got := res.Header.Get("Access-Control-Allow-Origin") != ""; got != c.Match {
				t.Errorf("%s: %s allows %q: %t, want %t (%s)", name, c.Pattern, c.Origin, got, c.Match, c.Why)
			}
		}
	}
}
