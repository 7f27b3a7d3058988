package explain

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/corsgate/corsgate/gateway/auth"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/route"
)

// summary returns the outcome in one sentence, without a period.
func summary(a *inquiry, e *Explanation, miss route.Miss) string {
	failed := e.verdict().Failure()
	switch {
	case a.Blocked() != "":
		return "the browser does not send the request: " + failed
	case e.Outcome == fetch.Opaque:
		return "the request is sent, and the page cannot see the response: CORS does not apply"
	case a.Mode == fetch.ModeWebSocket && e.Outcome == fetch.Allowed:
		return "the gateway lets the WebSocket through, if the upstream agrees"
	case a.Mode == fetch.ModeWebSocket && e.Outcome == fetch.Upstream:
		return "the upstream decides: no policy guards its WebSockets"
	case a.readyOf != "" && !e.Allowed:
		return fmt.Sprintf("this is the ready_path of listener %s: it tells load balancers whether the gateway is ready, and pages cannot read it", a.readyOf)
	case e.Outcome == fetch.SameOrigin:
		return "the page and the URL have the same origin: CORS does not apply, and the page can read the response"
	case e.Outcome == fetch.Allowed && miss != route.Found:
		return fmt.Sprintf("no route matches this request; the page can read the gateway's own %d", e.Actual.Status)
	case e.Outcome == fetch.Allowed && e.Actual.Status >= 400 && e.Route != nil && len(e.Route.Auth) > 0:
		return fmt.Sprintf("the page can read the response, which is a %d: auth does not admit the request", e.Actual.Status)
	case e.Outcome == fetch.Allowed && e.Actual.Status >= 400:
		return fmt.Sprintf("the page can read the response, which is the gateway's own %d", e.Actual.Status)
	case e.Outcome == fetch.Allowed:
		return "the page can read the response"
	case e.Outcome == fetch.Redirected:
		return a.followed(e)
	case e.Outcome == fetch.Upstream:
		return "the upstream decides: the gateway adds no CORS fields"
	case miss.Misread():
		return miss.Misreading() + ", so the gateway refuses it"
	case e.Route == nil && e.Actual.Status == 421:
		return "no route is for this host"
	case e.Route == nil && miss == route.NoMethod:
		return "no route for this path accepts " + a.Method
	case e.Route == nil && e.Actual.Status != 404:
		return fmt.Sprintf("the gateway answers this URL itself, with %d: %s", e.Actual.Status, e.Actual.Content)
	case e.Route == nil:
		return "no route matches this request"
	case a.Mode == fetch.ModeNoCORS && e.Actual.Status != 403, a.Mode == fetch.ModeWebSocket && e.Actual.Status != 403:
		return failed
	case e.Policy == nil:
		return fmt.Sprintf("the gateway answers route %s itself, and the route has no policy: pages of other origins cannot read it", e.Route.Name)
	case e.Preflight != nil && e.Preflight.Reason != "" && e.Preflight.Reason != cors.Allowed.String():
		return fmt.Sprintf("the gateway refuses the preflight (%s), so the request is not sent", e.Preflight.Reason)
	case !e.verdict().Sent:
		return "the preflight does not allow the request, so it is not sent: " + failed
	case e.Actual.Status == 403:
		return fmt.Sprintf("the gateway refuses the request (%s)", e.Actual.Reason)
	}
	return "the request is answered, but the page cannot read the answer: " + failed
}

// followed says where a redirect leads, and with which origin the browser asks there.
func (a *inquiry) followed(e *Explanation) string {
	to := e.redirect()
	follow := fmt.Sprintf("the page may follow the redirect (%d) to %s", e.Actual.Status, to)
	switch origin := a.RedirectOrigin(to); {
	case origin == "":
		return follow + ", which is not an http or https URL"
	case origin == "null" && a.Origin != "null":
		return follow + `, but it leads from one foreign origin to another, so the browser follows with Origin: null: explain that URL with the origin null, or let pages use it directly`
	default:
		return follow + ": explain that URL with the origin " + origin
	}
}

// verdict returns the browser's verdict for the credentials mode that was asked about.
func (e *Explanation) verdict() *fetch.Verdict {
	if e.Question.Credentials {
		return &e.Credentialed
	}
	return &e.Anonymous
}

// redirect returns where the actual request is redirected to.
func (e *Explanation) redirect() string {
	for _, line := range e.Actual.Response {
		if to, ok := strings.CutPrefix(line, "Location: "); ok {
			return to
		}
	}
	return ""
}

// WriteText writes e for a person to read.
func (e *Explanation) WriteText(w io.Writer) error {
	var b strings.Builder
	q := &e.Question
	mode := "without credentials"
	if q.Credentials {
		mode = "with credentials"
	}
	if q.Mode != fetch.ModeCORS {
		mode = "in the mode " + q.Mode
	}
	fmt.Fprintf(&b, "%s %s\nfrom a page of %s, %s\n\n", q.Method, q.URL, q.Origin, mode)
	fmt.Fprintf(&b, "%s: %s\n\n", e.Outcome, e.Summary)
	e.writeRoute(&b)
	if len(e.PreflightReasons) == 0 {
		b.WriteString("preflight     not needed\n")
	} else {
		fmt.Fprintf(&b, "preflight     needed: %s\n", strings.Join(e.PreflightReasons, "\n                      "))
	}
	fmt.Fprintf(&b, "anonymous     %s\ncredentialed  %s\n", e.Anonymous.Outcome, e.Credentialed.Outcome)
	if e.Preflight != nil {
		e.Preflight.write(&b, "preflight")
	}
	title := "request"
	if !e.Anonymous.Sent && !e.Credentialed.Sent && e.Outcome != fetch.Upstream {
		title = "request (not sent by a browser)"
	}
	e.Actual.write(&b, title)
	if reflect.DeepEqual(e.Anonymous, e.Credentialed) {
		writeVerdict(&b, "with or without credentials", &e.Anonymous)
	} else {
		writeVerdict(&b, "without credentials", &e.Anonymous)
		writeVerdict(&b, "with credentials", &e.Credentialed)
	}
	e.writeHeaders(&b)
	if len(e.Changes) > 0 {
		b.WriteString("\nWhat would allow it\n")
		for _, c := range e.Changes {
			fmt.Fprintf(&b, "  %s (%s)\n", c.Edit, c.Place)
			if c.Warning != "" {
				fmt.Fprintf(&b, "    warning: %s\n", c.Warning)
			}
		}
	}
	if len(e.Notes) > 0 {
		b.WriteString("\nNotes\n")
		for _, n := range e.Notes {
			fmt.Fprintf(&b, "  %s\n", n)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// does describes how the requests of a route are handled.
func (r *ExplainedRoute) does() string {
	var does string
	switch r.Action {
	case "redirect":
		return "which redirects"
	case "respond":
		return "which the gateway answers itself"
	case "split":
		var shares []string
		for _, s := range r.Split {
			shares = append(shares, fmt.Sprintf("%s (%d)", s.Upstream, s.Weight))
		}
		does = "split among upstreams " + strings.Join(shares, ", ")
	default:
		does = "to upstream " + r.Upstream
	}
	if r.Target != "" {
		does += " as " + r.Target
	}
	if r.Mirror != "" {
		does += ", mirrored to " + r.Mirror
	}
	return does
}

func (e *Explanation) writeRoute(b *strings.Builder) {
	if e.Route == nil {
		b.WriteString("route         none\n")
		return
	}
	fmt.Fprintf(b, "route         %s (%s), path %q, %s\n", e.Route.Name, e.Route.Place, e.Route.Path, e.Route.does())
	for _, l := range e.Route.Limits {
		fmt.Fprintf(b, "limit         %s (%s), %s and %d at once, by %s%s\n", l.Name, l.Place, l.Rate, l.Burst, l.Key, map[string]string{"redis": ", shared in redis"}[l.Store])
	}
	for _, a := range e.Route.Auth {
		verdict := "refuses"
		if a.Admitted {
			verdict = "admits"
		}
		if a.Reason == string(auth.Unknown) {
			verdict = "may admit"
		}
		fmt.Fprintf(b, "auth          %s (%s) %s: %s (%s)\n", a.Name, a.Place, verdict, a.Text, a.Reason)
	}
	p := e.Policy
	switch {
	case p == nil && (e.Route.Upstream != "" || len(e.Route.Split) > 0):
		b.WriteString("policy        none: the upstream owns CORS\n")
	case p == nil:
		b.WriteString("policy        none: pages of other origins cannot read the answers\n")
	case p.Pattern != "":
		fmt.Fprintf(b, "policy        %s (%s), origin matches %q (%s)\n", p.Name, p.Place, p.Pattern, p.PatternPlace)
	default:
		fmt.Fprintf(b, "policy        %s (%s), origin: %s\n", p.Name, p.Place, p.Origin)
	}
}

// write writes an exchange as on the wire.
func (x *ExplainedExchange) write(b *strings.Builder, title string) {
	fmt.Fprintf(b, "\nThe %s\n", title)
	for _, line := range x.Request {
		fmt.Fprintf(b, "  > %s\n", line)
	}
	switch {
	case x.AnsweredBy == "gateway" && x.Reason != "":
		fmt.Fprintf(b, "is answered by the gateway (%s)\n", x.Reason)
	case x.AnsweredBy == "gateway":
		b.WriteString("is answered by the gateway\n")
	case len(x.Response) == 0:
		b.WriteString("is answered by the upstream, and the gateway sets no CORS fields\n")
	default:
		fmt.Fprintf(b, "is answered by the upstream, and the gateway sets (%s)\n", x.Reason)
	}
	for _, line := range x.Response {
		fmt.Fprintf(b, "  < %s\n", line)
	}
	if x.Content != "" {
		fmt.Fprintf(b, "  < \n  < %s\n", strings.ReplaceAll(x.Content, "\n", "\n  < "))
	}
}

func writeVerdict(b *strings.Builder, title string, v *fetch.Verdict) {
	fmt.Fprintf(b, "\nIn a browser, %s: %s\n", title, v.Outcome)
	for _, s := range v.Steps {
		mark := "failed"
		if s.OK {
			mark = "ok"
		}
		fmt.Fprintf(b, "  %-7s %s: %s\n", mark, s.Where, s.Text)
	}
}
