// Package convert translates the CORS configuration of other gateways into corsgate's. It
// reports the parts that could not be translated and why, and the vulnerabilities that it
// found.
package convert

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Sources are the names of the configurations that can be read.
func Sources() []string { return []string{"nginx", "express", "envoy", "traefik"} }

// MaxSize bounds a file that is read, in bytes.
const MaxSize = 4 << 20

// Convert reads the text of a configuration that is written for from, and writes a
// configuration of corsgate. file is its name, for messages. Nothing is written if there is an
// error.
func Convert(w io.Writer, from, file string, text []byte) error {
	readers := map[string]func(string) (*document, error){
		"nginx": readNginx, "express": readExpress, "envoy": readEnvoy, "traefik": readTraefik,
	}
	read := readers[from]
	switch {
	case read == nil:
		return fmt.Errorf("--from %q: write one of %s", from, strings.Join(Sources(), ", "))
	case len(text) > MaxSize:
		return fmt.Errorf("%s is larger than %d MiB: pass only the part about CORS", file, MaxSize>>20)
	case strings.IndexByte(string(text), 0) >= 0:
		return fmt.Errorf("%s is not text", file)
	}
	d, err := read(string(text))
	var at *lineError
	switch {
	case errors.As(err, &at):
		return fmt.Errorf("%s:%d: %s", file, at.line, at.message)
	case err != nil:
		return fmt.Errorf("%s: %s", file, oneLine(err.Error()))
	case len(d.policies) == 0:
		return fmt.Errorf("%s: it contains nothing about CORS: is it a configuration of %s?", file, from)
	}
	_, err = io.WriteString(w, d.render(from, file))
	return err
}

// A lineError is a mistake at a line of the text, counted from 1.
type lineError struct {
	line    int
	message string
}

func (e *lineError) Error() string { return e.message }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// A policy is what a configuration says of CORS in one place.
type policy struct {
	name  string // wanted; made unique and valid later
	where string // such as "line 12" or "http.middlewares.api"
	path  string // of its route, if no other is made for it; "" is "/"
	hosts []string

	any            bool // any origin
	echoed         bool // with credentials, if there are any: the Origin is answered, not "*"
	origins        []string
	lost           []lost // origins that were not carried over
	methods        []string
	requestHeaders []string
	exposeHeaders  []string
	credentials    bool
	maxAge         int64 // seconds; noMaxAge: not set
	status         int   // of preflights; 0: not set

	holes    []string
	notes    []string
	unjudged []string // parts that were not understood, and may contain holes
}

const noMaxAge = -1 << 62

func newPolicy(name, where string) *policy {
	return &policy{name: name, where: where, maxAge: noMaxAge}
}

// lost is something that was not carried over.
type lost struct{ text, reason string }

func (p *policy) hole(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(p.holes, s) {
		p.holes = append(p.holes, s)
	}
}

func (p *policy) note(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(p.notes, s) {
		p.notes = append(p.notes, s)
	}
}

// lose notes an origin that was not carried over.
func (p *policy) lose(text, format string, args ...any) {
	if l := (lost{text, fmt.Sprintf(format, args...)}); !slices.Contains(p.lost, l) {
		p.lost = append(p.lost, l)
	}
}

// doubt notes that something was not understood: then the output must not say that there is no hole.
func (p *policy) doubt(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(p.unjudged, s) {
		p.unjudged = append(p.unjudged, s)
	}
}

// origin adds an origin that is compared as a whole.
func (p *policy) origin(text string) {
	switch text {
	case "":
	case "*":
		p.any = true
	default:
		if !slices.Contains(p.origins, text) {
			p.origins = append(p.origins, text)
		}
	}
}

// expression adds what a regular expression allows.
func (p *policy) expression(e expression, shown string) {
	t := e.translate()
	if t.all {
		p.reflect(shown + " allows every origin")
		return
	}
	if t.hole != "" {
		p.hole("%s also allows %s, which anyone can register", shown, t.hole)
	}
	if t.plain != "" && p.credentials && (t.hole == "" || len(t.patterns) > 0) {
		p.hole("%s also allows %s with credentials: a network attacker can impersonate this origin", shown, t.plain)
	}
	if len(t.patterns) == 0 {
		p.lose(shown, "%s", t.reason)
		if t.hole == "" {
			p.doubt("%s", shown)
		}
		return
	}
	for _, text := range t.patterns {
		p.origin(text)
	}
	if t.more != "" {
		p.note("%s became %s, which is narrower: %s is no longer allowed", shown, quotedList(t.patterns), t.more)
	}
}

// literalStars leaves out the name "*" of a list of methods or header names where there are
// credentials: browsers take it for a name then, so it allowed nothing, and corsgate's "*"
// would allow all.
func (p *policy) literalStars() {
	if !p.credentials {
		return
	}
	drop := func(key string, list []string) []string {
		return without(list, func(name string) bool { return name == "*" }, func(string) {
			p.note("%s: * was left out: with credentials browsers treat it as a name, so it allowed nothing; list the names that pages need", key)
		})
	}
	p.methods, p.requestHeaders = drop("methods", p.methods), drop("request_headers", p.requestHeaders)
}

// reflect notes that every origin is allowed, by being echoed. To pages without credentials that is "*".
func (p *policy) reflect(what string) {
	p.any, p.echoed = true, true
	if p.credentials {
		p.hole("%s, with credentials: every site can read what a signed-in user may see", what)
	}
}

// split returns the members of a comma-separated list.
func split(list string) (members []string) {
	for m := range strings.SplitSeq(list, ",") {
		if m = strings.TrimSpace(m); m != "" {
			members = append(members, m)
		}
	}
	return members
}
