package browser_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
)

// This file asks explain what the browser will do.

// agree checks that explain predicts what has come of c. It returns the outcome of the last hop.
func (s *stage) agree(t *testing.T, c *testCase, got result, preflights int) string {
	t.Helper()
	hops := s.explain(t, c)
	last, preflight, sent := hops[len(hops)-1], false, false
	for _, e := range hops {
		preflight = preflight || e.Preflight != nil
		sent = sent || verdict(e).Sent
	}
	if last.Outcome != fetch.Upstream && predicted(c, hops) != c.happened(got) {
		t.Errorf("%s (%s from %s): %s in the browser, but explain says %s: %s", c.name, c.ask, c.origin(), got.Verdict, last.Outcome, last.Summary)
	}
	if preflights > 0 && !preflight {
		t.Errorf("%s: there was a preflight, but explain says there is none", c.name)
	}
	if preflight && hops[0].Policy != nil && preflights == 0 && !strings.Contains(c.URL, "?again") && hops[0].Outcome != fetch.Upstream {
		t.Errorf("%s: there was no preflight, but explain says there is one, because %s", c.name, strings.Join(hops[0].PreflightReasons, " and "))
	}
	if !sent && got.reached != "" && last.Outcome != fetch.Upstream {
		t.Errorf("%s: %s has reached the API, but explain says it is not sent", c.name, got.reached)
	}
	return string(last.Outcome)
}

// explain asks about c, and then about what it is redirected to.
func (s *stage) explain(t *testing.T, c *testCase) (hops []explain.Explanation) {
	t.Helper()
	q := fetch.Question{Origin: c.origin(), Method: c.Verb, Headers: c.Headers, Credentials: c.Credentials, URL: c.URL, Mode: c.Mode}
	if c.By == "form" {
		q.Mode = "navigate"
	}
	if c.dropped {
		if e, err := s.gate.Explain(q); err == nil || !strings.Contains(err.Error(), "browsers do not let pages set it") {
			t.Errorf("%s: Explain(%+v) = %+v, %v, want an error", c.name, q, e, err)
		}
		q.Headers = nil
	}
	then := slices.Clone(c.then)
	for {
		e, err := s.gate.Explain(q)
		if err != nil {
			t.Fatalf("%s: Explain(%+v): %v", c.name, q, err)
		}
		hops = append(hops, e)
		to := ""
		switch {
		case e.Outcome == fetch.Redirected:
			to = location(e)
		case e.Outcome.Allowed() && len(then) > 0:
			to, then = then[0], then[1:]
		default:
			return hops
		}
		// See Fetch, "HTTP-redirect fetch", step 10.
		if from := origin(t, q.URL); origin(t, to) != from && q.Origin != from {
			q.Origin = "null"
		}
		q.URL = to
	}
}

// predicted returns whether, by explain, the page gets what it asks for; of a redirect that it does not want followed,
// whether there is one.
func predicted(c *testCase, hops []explain.Explanation) bool {
	if c.Redirect != "" {
		return hops[0].Outcome == fetch.Redirected
	}
	return hops[len(hops)-1].Outcome.Allowed()
}

// happened returns whether the page has got that.
func (c *testCase) happened(got result) bool {
	switch {
	case c.Redirect == "error":
		return got.Verdict == unreadable
	case c.Redirect == "manual":
		return got.Verdict == "opaqueredirect"
	case c.By == "form":
		return got.reached != ""
	case c.By == "socket":
		return got.Verdict == "hello"
	case c.Mode == "no-cors":
		return got.Verdict == "opaque" && got.reached != ""
	}
	return got.Verdict != unreadable
}

// verdict returns the browser's verdict for the credentials mode that was asked about.
func verdict(e explain.Explanation) fetch.Verdict {
	if e.Question.Credentials {
		return e.Credentialed
	}
	return e.Anonymous
}

// location returns where the gateway redirects to.
func location(e explain.Explanation) string {
	for _, line := range e.Actual.Response {
		if to, ok := strings.CutPrefix(line, "Location: "); ok {
			return to
		}
	}
	return ""
}

func origin(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Scheme + "://" + u.Host
}
