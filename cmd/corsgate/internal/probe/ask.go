package probe

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A question is one request. The zero question is a GET without Origin.
type question struct {
	origins   []string // values of Origin
	preflight string   // Access-Control-Request-Method; "": it is a GET
	headers   []string // lines of Access-Control-Request-Headers
	private   bool     // Access-Control-Request-Private-Network
	missing   bool     // for a path that should not exist
	fresh     bool     // for a URL that no cache knows
	condition string   // a conditional request's field line
	again     string   // the URL to be asked for once more; "": the usual one
}

// An answer is what came of a question.
type answer struct {
	question
	target string
	status string // "200 OK"
	code   int
	header http.Header
	err    error
}

// ask asks one question. What cannot be asked is noted.
func (p *prober) ask(ctx context.Context, q question) *answer {
	p.report.Asked++
	if p.Asking != nil {
		p.Asking()
	}
	u, method := *p.url, http.MethodGet
	if q.missing {
		u = *u.JoinPath("corsgate-probe-missing-resource")
	}
	if q.fresh || p.past && q.again == "" {
		query := u.Query()
		query.Set("corsgate-probe", strconv.FormatInt(time.Now().UnixNano(), 36))
		u.RawQuery = query.Encode()
	}
	if again, err := url.Parse(q.again); err == nil && q.again != "" {
		u = *again
	}
	if q.preflight != "" {
		method = http.MethodOptions
	}
	a := &answer{question: q, target: u.String()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		a.err = err
		return a
	}
	for _, line := range a.fields() {
		name, value, _ := strings.Cut(line, ": ")
		req.Header[name] = append(req.Header[name], value)
	}
	req.Header.Set("User-Agent", "corsgate-probe")
	res, err := p.client.Do(req)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		a.err = err
		p.unread = true
		return a
	}
	defer res.Body.Close()
	io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // only the head matters
	a.status, a.code, a.header = res.Status, res.StatusCode, res.Header
	if a.code == http.StatusTooManyRequests || a.code >= 500 && !q.missing {
		p.unread = true
		p.note("a question was answered %s, so its subject was not judged", printable(a.status))
	}
	if method == http.MethodGet && !q.missing && q.condition == "" {
		p.gets = append(p.gets, a)
	}
	return a
}

// fields returns the field lines of the question.
func (q *question) fields() (lines []string) {
	for _, o := range q.origins {
		lines = append(lines, "Origin: "+o)
	}
	if q.condition != "" {
		lines = append(lines, q.condition)
	}
	if q.preflight == "" {
		return lines
	}
	lines = append(lines, "Access-Control-Request-Method: "+q.preflight)
	for _, h := range q.headers {
		lines = append(lines, "Access-Control-Request-Headers: "+h)
	}
	if q.private {
		lines = append(lines, "Access-Control-Request-Private-Network: true")
	}
	return lines
}

// shownFields are those of a response that findings are about.
var shownFields = []string{
	"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers",
	"Access-Control-Expose-Headers", "Access-Control-Max-Age", "Access-Control-Allow-Private-Network", "Vary", "Cache-Control", "Age", "Location",
}
