package admin

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/printable"
)

const explainUsage = `name the request to explain: /explain?origin=ORIGIN&url=URL, and optionally
&method=METHOD, &header=NAME and &response_header=NAME (each may be repeated), &credentials=true,
&mode=MODE, &listener=NAME, &format=text`

// explain answers a question: 200 with the explanation, or 400 if it is not a question.
func (a *Admin) explain(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		text(w, http.StatusBadRequest, "the query is malformed\n"+explainUsage)
		return
	}
	q, format, err := questionOf(query)
	if err != nil {
		text(w, http.StatusBadRequest, err.Error()+"\n"+explainUsage)
		return
	}
	answer, err := a.Explain(q)
	if err != nil {
		text(w, http.StatusBadRequest, err.Error())
		return
	}
	if t, ok := answer.(interface{ WriteText(io.Writer) error }); ok && format == "text" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		t.WriteText(printable.Writer{W: w}) // the client has gone
		return
	}
	data(w, answer)
}

// questionOf reads a query strictly: mistyped parameters are reported.
func questionOf(query url.Values) (q fetch.Question, format string, err error) {
	for name, values := range query {
		known := []string{"origin", "method", "header", "credentials", "url", "mode", "format", "response_header", "listener"}
		if !slices.Contains(known, name) {
			return q, "", fmt.Errorf("unknown parameter %q: write one of %s", name, strings.Join(known, ", "))
		}
		if name != "header" && name != "response_header" && len(values) > 1 {
			return q, "", fmt.Errorf("parameter %s is given twice: write it once", name)
		}
	}
	for _, name := range []string{"origin", "url"} {
		if query.Get(name) == "" {
			return q, "", fmt.Errorf("parameter %s is missing", name)
		}
	}
	switch c := query.Get("credentials"); c {
	case "", "false", "true":
	default:
		return q, "", fmt.Errorf("credentials=%q: write true or false", c)
	}
	if format = query.Get("format"); format != "" && format != "json" && format != "text" {
		return q, "", fmt.Errorf("format=%q: write json or text", format)
	}
	return fetch.Question{
		Origin:          query.Get("origin"),
		Method:          query.Get("method"),
		Headers:         query["header"],
		Credentials:     query.Get("credentials") == "true",
		URL:             query.Get("url"),
		Mode:            query.Get("mode"),
		ResponseHeaders: query["response_header"],
		Listener:        query.Get("listener"),
	}, format, nil
}
