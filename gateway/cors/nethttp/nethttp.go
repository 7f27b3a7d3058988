// Package nethttp puts a policy of package cors in front of a handler of net/http.
//
//	policy, problems := cors.New(cors.Config{Origins: []string{"https://app.example.com"}})
//	if policy == nil {
//		log.Fatal(problems)
//	}
//	err := http.ListenAndServe(":8080", nethttp.Handler(policy, mux))
//
// It depends only on package cors and the standard library.
package nethttp

import (
	"net/http"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
)

// Handler returns a handler that answers preflights by p, never by next, and shares the responses of next as p says.
// Fields of the CORS protocol that next sets are replaced; what it sets in Vary is kept. Actual requests of denied
// origins reach next, unless p blocks them: CORS only decides who may read a response. With a p that leaves CORS to
// others (cors.Policy.Passthrough) the result is next itself. It is safe for concurrent use.
func Handler(p *cors.Policy, next http.Handler) http.Handler {
	if p.Passthrough() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origins, methods := bytes(r.Header["Origin"]), bytes(r.Header["Access-Control-Request-Method"])
		if cors.IsPreflight([]byte(r.Method), first(origins), len(origins), first(methods)) {
			preflight(p, w, &cors.Preflight{
				Origin: first(origins), OriginLines: len(origins), Method: first(methods), MethodLines: len(methods),
				Headers:        bytes(r.Header["Access-Control-Request-Headers"]),
				PrivateNetwork: strings.Join(r.Header["Access-Control-Request-Private-Network"], ",") == "true",
			})
			return
		}
		s := &sharer{ResponseWriter: w, policy: p, origins: origins}
		if refused(p, r, origins) {
			http.Error(s, "the policy does not allow requests from this origin", http.StatusForbidden)
			return
		}
		next.ServeHTTP(s, r)
		s.share() // next may have written nothing
	})
}

func preflight(p *cors.Policy, w http.ResponseWriter, q *cors.Preflight) {
	fields, reason := p.AppendPreflight(nil, q)
	strip(p, w.Header())
	add(w.Header(), fields)
	if reason != cors.Allowed {
		w.Header().Set("Cors-Refused", reason.String())
		if status := p.RefusedStatus(reason); status != http.StatusForbidden {
			w.WriteHeader(status)
			return
		}
		http.Error(w, "CORS preflight refused: "+reason.String(), http.StatusForbidden)
		return
	}
	w.WriteHeader(p.PreflightStatus())
}

// strip deletes what only p sets: browsers refuse a second Access-Control-Allow-Origin.
func strip(p *cors.Policy, h http.Header) {
	for name := range h {
		if p.Owns([]byte(name)) {
			delete(h, name)
		}
	}
}

// add adds complete field lines.
func add(h http.Header, fields []byte) {
	for line := range strings.SplitSeq(strings.TrimSuffix(string(fields), "\r\n"), "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			h.Add(name, value)
		}
	}
}

func bytes(values []string) (all [][]byte) {
	for _, v := range values {
		all = append(all, []byte(v))
	}
	return all
}

func first(values [][]byte) []byte {
	if len(values) == 0 {
		return nil
	}
	return values[0]
}
