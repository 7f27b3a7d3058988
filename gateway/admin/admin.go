// Package admin is the operators' side of a gateway: metrics, health, the effective configuration,
// reload and profiles, on a separate listener.
//
// That listener is on loopback or a Unix socket, so its clients are on this machine. But pages from
// elsewhere can send requests through a browser on the machine; they are refused, see guard.
package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"

	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/printable"
	"github.com/prometheus/client_golang/prometheus"
)

// Admin supplies the contents and actions of the operators' pages. Its functions are called by any number of
// goroutines at once. All fields are required.
type Admin struct {
	// Ready reports whether new requests are welcome.
	Ready func() bool
	// Status returns the state of the process.
	Status func() Status
	// Registry contains the metrics.
	Registry *prometheus.Registry
	// Reload reads the configuration again and serves it. Its error is shown as it is: one
	// problem a line.
	Reload func() error
	// Config returns the configuration in force as encoding/json is to show it. It must mask
	// secrets.
	Config func() any
	// Shadow returns the changes that the shadows of policies would make, as a value for encoding/json.
	Shadow func() any
	// Refused returns the origins that policies have refused, as encoding/json is to show it.
	Refused func() any
	// Explain answers a question about CORS with a value for encoding/json. Its error says what is
	// wrong with the question. An answer that has a method WriteText(io.Writer) error can be asked
	// for as text.
	Explain func(fetch.Question) (answer any, err error)
	// Log receives errors of collecting metrics.
	Log *slog.Logger
}

// Handler returns the pages, guarded against requests that a foreign web page makes. The caller's
// http.Server sets the timeouts; a write timeout would cut profiles off.
func (a *Admin) Handler() http.Handler {
	mux := http.NewServeMux()
	page := dashboard()
	mux.Handle("GET /{$}", page)
	mux.Handle("GET /dashboard/", http.StripPrefix("/dashboard", page))
	mux.HandleFunc("GET /status", a.status)
	a.health(mux)
	mux.HandleFunc("GET /config", asJSON(a.Config))
	mux.HandleFunc("GET /shadow", asJSON(a.Shadow))
	mux.HandleFunc("GET /refused", asJSON(a.Refused))
	mux.HandleFunc("GET /explain", a.explain)
	mux.HandleFunc("POST /reload", a.reload)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol) // go tool pprof sends its many addresses so
	return guard(mux)
}

func (a *Admin) ready(w http.ResponseWriter, _ *http.Request) {
	if a.Ready() {
		text(w, http.StatusOK, "ready")
	} else {
		text(w, http.StatusServiceUnavailable, "not ready")
	}
}

// asJSON answers with what value returns.
func asJSON(value func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		b, err := json.MarshalIndent(value(), "", "  ")
		if err != nil {
			panic("BUG: the value cannot be encoded as JSON: " + err.Error())
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(append(printable.JSON(b), '\n')) // the client has gone
	}
}

func (a *Admin) reload(w http.ResponseWriter, _ *http.Request) {
	if err := a.Reload(); err != nil {
		text(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	text(w, http.StatusOK, "reloaded")
}

// data answers with JSON.
func data(w http.ResponseWriter, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic("BUG: the value cannot be encoded as JSON: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(printable.JSON(b.Bytes())) // the client has gone
}

// text answers with lines for a person. The final newline is added.
func text(w http.ResponseWriter, status int, lines string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, printable.Text(lines)) // the client has gone
}
