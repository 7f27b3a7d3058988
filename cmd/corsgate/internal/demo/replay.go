package demo

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// maxReplay bounds a response that is replayed, in bytes.
const maxReplay = 64 << 10

// A Replay is one call made again by the demo's own server, which sees what a browser hides from
// a page: the responses as they were sent.
type Replay struct {
	// Why says why a preflight is needed; none: it is not.
	Why []string `json:"why"`
	// Preflight is the preflight, if one is needed.
	Preflight *Exchange `json:"preflight"`
	// Actual is the call itself; nil: a browser does not come to make it.
	Actual *Exchange `json:"actual"`
	// Steps are the standard's, up to the one that refuses.
	Steps []Step `json:"steps"`
	// Shared: the page may read the response.
	Shared bool `json:"shared"`
	// Summary tells a person what came of it.
	Summary string `json:"summary"`
	// Reason is the code that the gateway gives for a refusal of its own, or "".
	Reason string `json:"reason"`
	// Upstream is what the API says where nobody stands between, for calls that are about that.
	Upstream *Exchange `json:"upstream"`
}

// An Exchange is a request and its response as they stood on the wire.
type Exchange struct {
	Request  string `json:"request"`
	Response string `json:"response"`

	status int
	header http.Header
	body   string
}

// replay makes a call as a browser would on behalf of a page from origin. cookie is the value of
// the Cookie field to send where the call has credentials, or "".
func (d *Demo) replay(origin, cookie string, c Call) (*Replay, error) {
	r := &Replay{Why: preflightReasons(c)}
	if err := d.ask(r, origin, cookie, c); err != nil {
		return nil, fmt.Errorf("replay %s: %w", c.ID, err)
	}
	r.Summary = r.summary(c)
	return r, nil
}

// ask makes the exchanges of a replay.
func (d *Demo) ask(r *Replay, origin, cookie string, c Call) (err error) {
	if len(r.Why) > 0 {
		if r.Preflight, err = exchange(d.Gateway, preflightRequest(d.Gateway, origin, c)); err != nil {
			return err
		}
		r.Steps = preflightCheck(origin, c, r.Preflight.status, r.Preflight.header)
		if !passed(r.Steps) {
			r.Reason = reasonOf(r.Preflight.body)
			return nil
		}
	}
	if r.Actual, err = exchange(d.Gateway, actualRequest(d.Gateway, origin, cookie, c)); err != nil {
		return err
	}
	r.Steps = append(r.Steps, corsCheck(origin, c, r.Actual.header)...)
	if r.Shared = passed(r.Steps); !r.Shared {
		r.Reason = reasonOf(r.Actual.body)
	}
	if c.ID == "legacy" {
		r.Upstream, err = exchange(d.API, actualRequest(d.API, origin, "", c))
	}
	return err
}

// summary tells in a sentence what came of a call.
func (r *Replay) summary(c Call) string {
	last := r.Steps[len(r.Steps)-1].Text
	switch {
	case r.Actual == nil && r.Reason != "":
		return fmt.Sprintf("The gateway refused the preflight (%s), so the browser never sent the request.", r.Reason)
	case r.Actual == nil:
		return fmt.Sprintf("The preflight failed: %s. So the browser never sent the request.", last)
	case !r.Shared && r.Reason != "":
		return fmt.Sprintf("The gateway kept the request from the API (%s).", r.Reason)
	case !r.Shared:
		return fmt.Sprintf("The answer is there, a %d, but the page may not read it: %s.", r.Actual.status, last)
	case r.Preflight != nil:
		allowed := c.Method
		if names := unsafeNames(c); len(names) > 0 {
			allowed += " with " + strings.Join(names, " and ")
		}
		return fmt.Sprintf("The preflight allowed %s, and the answer names this page's origin.", allowed)
	case c.Credentials:
		return "The answer names this page's origin, and says that credentials are welcome."
	}
	return "The answer names this page's origin."
}

// preflightRequest returns the CORS-preflight request of a call. See Fetch, "CORS-preflight fetch".
func preflightRequest(server, origin string, c Call) string {
	var b strings.Builder
	fmt.Fprintf(&b, "OPTIONS %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\n", c.Path, strings.TrimPrefix(server, "http://"), origin)
	fmt.Fprintf(&b, "Access-Control-Request-Method: %s\r\n", c.Method)
	if names := unsafeNames(c); len(names) > 0 {
		fmt.Fprintf(&b, "Access-Control-Request-Headers: %s\r\n", strings.Join(names, ","))
	}
	b.WriteString("Connection: close\r\n\r\n")
	return b.String()
}

func actualRequest(server, origin, cookie string, c Call) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\n", c.Method, c.Path, strings.TrimPrefix(server, "http://"), origin)
	for _, h := range c.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	if c.Credentials && cookie != "" {
		fmt.Fprintf(&b, "Cookie: %s\r\n", cookie)
	}
	if c.Body != "" || c.Method == "POST" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(c.Body))
	}
	return b.String() + "Connection: close\r\n\r\n" + c.Body
}

// exchange sends a request that ends its connection, and returns what comes back.
func exchange(server, request string) (*Exchange, error) {
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(server, "http://"), 2*time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(conn, maxReplay))
	if err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	head, _, _ := strings.Cut(string(raw), "\r\n\r\n")
	e := &Exchange{status: res.StatusCode, header: res.Header, body: string(body)}
	e.Request = lines(request)
	e.Response = lines(head + "\r\n\r\n" + e.body)
	return e, nil
}

// lines returns a message as a person reads it.
func lines(message string) string {
	return strings.TrimSpace(strings.ReplaceAll(message, "\r\n", "\n"))
}

// reasonOf returns the reason code in the text with which the gateway refuses: its last word.
func reasonOf(text string) string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return ""
	}
	code := strings.Trim(words[len(words)-1], "().")
	if !strings.Contains(code, "-") {
		return ""
	}
	return code
}
