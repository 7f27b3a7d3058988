// Package probe sends a fixed set of CORS requests to a running server, and reports wrong responses.
//
// It sends some sixty GET and OPTIONS requests, one after the other, to one URL, and to one below it that should not
// exist. It follows no redirect and sends no credentials.
package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/corsgate/corsgate/matcher"
)

// MaxOrigins bounds Options.Origins.
const MaxOrigins = 8

// Options say whom to ask.
type Options struct {
	// URL is absolute, http or https.
	URL string
	// Origins are those that should be allowed. The first is the model of origins that should not: those that look
	// like it.
	Origins []string
	// Timeout bounds each question.
	Timeout time.Duration
	// Asking, if it is not nil, is called before each question.
	Asking func()
}

// A Severity ranks findings.
type Severity string

// The severities, from the worst.
const (
	Critical Severity = "critical" // strangers can read what a signed-in user may see
	High     Severity = "high"     // origins can that should not, or no browser accepts the answers
	Medium   Severity = "medium"   // it fails or leaks under conditions that occur
	Low      Severity = "low"      // some clients are refused, or the answers say what they do not mean
)

// A Finding is one thing that a server gets wrong.
type Finding struct {
	// ID names the kind of finding. It never changes.
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Text describes the problem, Fix what to do about it.
	Text string `json:"text"`
	Fix  string `json:"fix"`
	// Request and Response are the lines that show it.
	Request  []string `json:"request"`
	Response []string `json:"response"`
}

// A Report is the result of a probe. Its JSON is for programs: names stay, lists are never null.
type Report struct {
	URL string `json:"url"`
	// Grade is from A, nothing was found, to F; or "?": nothing was found, but not all could be
	// judged, which Notes say.
	Grade string `json:"grade"`
	// Asked is the number of questions.
	Asked    int       `json:"asked"`
	Findings []Finding `json:"findings"`
	// Notes are facts that are worth knowing but not problems, and requests that were not answered.
	Notes []string `json:"notes"`
}

// Run asks the server. An error says that the options make no sense, or that the server does not answer at all.
func Run(ctx context.Context, o Options) (*Report, error) {
	p, err := newProber(o)
	if err != nil {
		return nil, err
	}
	defer p.client.CloseIdleConnections()
	base := p.ask(ctx, question{})
	if base.err != nil {
		return nil, fmt.Errorf("%s does not answer: %s", p.url, printable(base.err.Error()))
	}
	p.questions(ctx, base)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("interrupted: %w", ctx.Err())
	}
	r := p.report
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(rank(a.Severity), rank(b.Severity)) })
	if r.Grade = grade(r.Findings); r.Grade == "A" && p.unread {
		r.Grade = "?"
	}
	return r, nil
}

func rank(s Severity) int { return slices.Index([]Severity{Critical, High, Medium, Low}, s) }

// grade returns A for no findings; further ones count by the worst.
func grade(sorted []Finding) string {
	if len(sorted) == 0 {
		return "A"
	}
	switch sorted[0].Severity {
	case Critical:
		return "F"
	case High:
		if len(sorted) > 1 && sorted[1].Severity == High {
			return "E"
		}
		return "D"
	case Medium:
		return "C"
	}
	return "B"
}

// A prober asks one server.
type prober struct {
	Options
	url    *url.URL
	client *http.Client
	report *Report
	gets   []*answer // to GET requests for the URL itself
	past   bool      // each question goes past caches
	unread bool      // something could not be judged
}

func newProber(o Options) (*prober, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("URL %q is malformed: write one such as https://api.example.com/items", o.URL)
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, fmt.Errorf("URL %q is not absolute: write one such as https://api.example.com/items", o.URL)
	case u.User != nil:
		return nil, fmt.Errorf("URL %q: leave the user information out: probe sends no credentials", u.Redacted())
	case len(o.Origins) > MaxOrigins:
		return nil, fmt.Errorf("%d origins: name at most %d", len(o.Origins), MaxOrigins)
	case o.Timeout <= 0:
		return nil, fmt.Errorf("a timeout of %v: write one such as 5s", o.Timeout)
	}
	for _, origin := range o.Origins {
		if matcher.ValidOrigin([]byte(origin)) {
			continue
		}
		_, err := matcher.ParsePattern(origin)
		if e := (*matcher.PatternError)(nil); errors.As(err, &e) {
			return nil, fmt.Errorf("origin %q is not as browsers send it: %s: %s", origin, e.Message, e.Hint)
		}
		return nil, fmt.Errorf("origin %q: write one origin of a page, such as https://app.example.com", origin)
	}
	u.Fragment = ""
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true
	transport.MaxResponseHeaderBytes = 256 << 10
	return &prober{
		Options: o, url: u, report: &Report{URL: u.String(), Findings: []Finding{}, Notes: []string{}},
		client: &http.Client{
			Transport:     transport,
			Timeout:       o.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// find notes a finding that a shows. A kind is reported once.
func (p *prober) find(a *answer, id string, s Severity, fix, format string, args ...any) {
	if slices.ContainsFunc(p.report.Findings, func(f Finding) bool { return f.ID == id }) {
		return
	}
	p.findAlso(a, id, s, fix, format, args...)
}

// findAlso is find for a kind that is reported once for each text.
func (p *prober) findAlso(a *answer, id string, s Severity, fix, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if slices.ContainsFunc(p.report.Findings, func(f Finding) bool { return f.ID == id && f.Text == text }) {
		return
	}
	f := Finding{ID: id, Severity: s, Text: text, Fix: fix, Response: []string{a.status}}
	method := "GET "
	if a.preflight != "" {
		method = "OPTIONS "
	}
	f.Request = append([]string{method + a.target}, a.fields()...)
	for _, name := range shownFields {
		for _, v := range a.header.Values(name) {
			f.Response = append(f.Response, name+": "+printable(v))
		}
	}
	p.report.Findings = append(p.report.Findings, f)
}

func (p *prober) note(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(p.report.Notes, s) {
		p.report.Notes = append(p.report.Notes, s)
	}
}

// printable makes a value fit for a terminal.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, s)
	if len(s) > 300 {
		s = s[:300] + "..."
	}
	return s
}
