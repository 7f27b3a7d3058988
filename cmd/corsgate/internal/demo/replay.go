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

	"github.com/corsgate/corsgate/gateway/fetch"
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
	Steps []fetch.Step `json:"steps"`
	// Shared: the page may read the response.
	Shared bool `json:"shared"`
	// Summary tells a person what came of it.
	Summary string `json:"summary"`
	// Reason is the code of the gateway's refusal, or "".
	Reason string `json:"reason"`
	// Upstream is the API's answer without the gateway, for calls that compare the two.
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
	q, err := c.request(d.Gateway, origin)
	if err != nil {
		return nil, fmt.Errorf("replay %s: %w", c.ID, err)
	}
	r := &Replay{Why: append([]string{}, q.Reasons...)}
	if err := d.ask(r, q, cookie, c); err != nil {
		return nil, fmt.Errorf("replay %s: %w", c.ID, err)
	}
	r.Summary = r.summary(c, q)
	return r, nil
}

// request returns a call as a browser understands it.
func (c Call) request(server, origin string) (*fetch.Request, error) {
	q := fetch.Question{Origin: origin, Method: c.Method, Credentials: c.Credentials, URL: server + c.Path}
	for _, h := range c.Headers {
		q.Headers = append(q.Headers, h.Name+": "+h.Value)
	}
	return fetch.NewRequest(q)
}

// cookies returns the cookie if the call sends it.
func (c Call) cookies(cookie string) string {
	if !c.Credentials {
		return ""
	}
	return cookie
}

// ask makes the exchanges of a replay.
func (d *Demo) ask(r *Replay, q *fetch.Request, cookie string, c Call) (err error) {
	var preflight *fetch.Answer
	if q.NeedsPreflight() {
		if r.Preflight, err = exchange(d.Gateway, message(q.Preflight(), "", "")); err != nil {
			return err
		}
		preflight = r.Preflight.answer()
		if v := q.Evaluate(c.Credentials, preflight, nil); !v.Sent {
			r.Steps, r.Reason = v.Steps, reasonOf(r.Preflight.body)
			return nil
		}
	}
	if r.Actual, err = exchange(d.Gateway, message(q.Actual(len(c.Body)), c.cookies(cookie), c.Body)); err != nil {
		return err
	}
	v := q.Evaluate(c.Credentials, preflight, r.Actual.answer())
	if r.Steps, r.Shared = v.Steps, v.Outcome == fetch.Allowed; !r.Shared {
		r.Reason = reasonOf(r.Actual.body)
	}
	if c.ID == "legacy" {
		if q, err = c.request(d.API, q.Origin); err != nil {
			return err
		}
		r.Upstream, err = exchange(d.API, message(q.Actual(len(c.Body)), "", c.Body))
	}
	return err
}

// answer returns the response for package fetch to evaluate.
func (e *Exchange) answer() *fetch.Answer { return &fetch.Answer{Status: e.status, Header: e.header} }

// summary tells in a sentence what came of a call.
func (r *Replay) summary(c Call, q *fetch.Request) string {
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
		if len(q.Unsafe) > 0 {
			allowed += " with " + strings.Join(q.Unsafe, " and ")
		}
		return fmt.Sprintf("The preflight allowed %s, and the answer names this page's origin.", allowed)
	case c.Credentials:
		return "The answer names this page's origin, and says that credentials are welcome."
	}
	return "The answer names this page's origin."
}

// message returns a request that ends its connection. cookie is the value of its Cookie field, or "".
func message(lines []string, cookie, content string) string {
	if cookie != "" {
		lines = append(lines, "Cookie: "+cookie)
	}
	return strings.Join(append(lines, "Connection: close"), "\r\n") + "\r\n\r\n" + content
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
