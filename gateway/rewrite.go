package gateway

import (
	"bytes"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/wire"
)

// A rewrite changes the path of requests on their way to the upstream. It works on the octets that
// were routed and decodes nothing: the segments that it leaves out are those that the first segments
// of the route's path were compared with, and what remains is sent as it was read.
type rewrite struct {
	strip     int    // segments
	add       string // no '/' at its end
	forwarded string // the field line that tells the upstream what was left out, or ""
}

// compileRewrite returns nil if the route changes no path.
func compileRewrite(c *config.Route) *rewrite {
	w := &rewrite{add: strings.TrimRight(c.AddPrefix, "/")}
	for s := range strings.SplitSeq(c.StripPrefix, "/") {
		if s != "" {
			w.strip++
		}
	}
	if w.strip > 0 {
		w.forwarded = "X-Forwarded-Prefix: " + strings.TrimRight(c.StripPrefix, "/") + "\r\n"
	}
	if w.strip == 0 && w.add == "" {
		return nil
	}
	return w
}

// rest returns what follows the segments that are left out: nothing, or a path.
func (w *rewrite) rest(path []byte) []byte {
	for range w.strip {
		end := bytes.IndexByte(path[1:], '/')
		if end < 0 {
			return nil
		}
		path = path[1+end:]
	}
	return path
}

// refuses reports whether the path would become one that the gateway itself refuses: "//host" is an
// authority to some.
func (w *rewrite) refuses(path []byte) bool {
	return w.add == "" && bytes.HasPrefix(w.rest(path), []byte("//"))
}

// append appends the path as the upstream gets it. Precondition: w does not refuse it.
func (w *rewrite) append(dst, path []byte) []byte {
	if len(path) == 1 && path[0] == '*' {
		return append(dst, '*') // a question to the server as a whole, which has no path
	}
	dst = append(dst, w.add...)
	rest := w.rest(path)
	if len(rest) == 0 && w.add == "" {
		return append(dst, '/')
	}
	return append(dst, rest...)
}

// checkRewrite returns the problem of a prefix to add, if there is one: the gateway would not take a
// path with it from a client, or some would read it otherwise.
func checkRewrite(cfg *config.Config, c *config.Route) config.Problems {
	if c.AddPrefix == "" {
		return nil
	}
	var r wire.Request
	head := "GET " + strings.TrimRight(c.AddPrefix, "/") + "/ HTTP/1.1\r\nHost: h\r\n\r\n"
	n, fault := r.Parse([]byte(head), wire.Limits{HeadBytes: len(head) + 1, Fields: 1})
	if fault == nil && n == len(head) && r.PlainPath {
		return nil
	}
	return config.Problems{cfg.Problem("route."+c.Name+".add_prefix", -1, c.AddPrefix+" does not read the same to everybody",
		"write it without escapes, ';', dot segments and empty segments")}
}

// appendPath appends the path of the request as the upstream gets it.
func (x *exchange) appendPath(dst []byte) []byte {
	if w := x.route.rewrite; w != nil {
		return w.append(dst, x.req.Path)
	}
	return append(dst, x.req.Path...)
}
