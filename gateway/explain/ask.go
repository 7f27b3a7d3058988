package explain

import (
	"strings"

	"github.com/corsgate/corsgate/gateway/proxy"
	"github.com/corsgate/corsgate/gateway/snapshot"
)

// This file passes the requests of an inquiry to the serving code. A request over https is
// posed as one that a trusted proxy passes on: it has an X-Forwarded-Proto, which is not shown.

// ask returns how a request is handled that is given by its lines.
func ask(s *snapshot.Snapshot, a *inquiry, lines []string) *proxy.Rehearsal {
	head := strings.Join(lines, "\r\n") + "\r\n"
	if a.HTTPS {
		head += "X-Forwarded-Proto: https\r\n"
	}
	return proxy.Rehearse(s, []byte(head+"\r\n"), listenerFor(s, a), a.HTTPS, a.metrics)
}

// explained returns a request and what became of it for people and programs.
func explained(lines []string, r *proxy.Rehearsal) *ExplainedExchange {
	e := &ExplainedExchange{Request: lines, AnsweredBy: "upstream", Status: r.Status}
	if r.Answered {
		e.AnsweredBy = "gateway"
	}
	var content string
	e.Response, content = r.Header()
	if r.Fault != nil || e.Status >= 300 && e.Status != 304 {
		e.Content = strings.TrimSuffix(content, "\n")
	}
	if r.Guarded() && r.Owned() {
		e.Reason = r.Reason.String()
	}
	return e
}
