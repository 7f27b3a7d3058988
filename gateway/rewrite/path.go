package rewrite

import (
	"bytes"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
)

// A Path changes the path of requests on their way to the upstream. It works on the bytes that
// were routed and decodes nothing: the segments that it leaves out are those that the first segments
// of the route's path were compared with, and what remains is sent as it was read.
type Path struct {
	strip int    // segments
	add   string // no '/' at its end
	// Forwarded is the field line that tells the upstream about the removed prefix, or "".
	Forwarded string
}

// compilePath returns nil if the route changes no path.
func compilePath(c *config.Route) *Path {
	w := &Path{add: strings.TrimRight(c.AddPrefix, "/")}
	for s := range strings.SplitSeq(c.StripPrefix, "/") {
		if s != "" {
			w.strip++
		}
	}
	if w.strip > 0 {
		w.Forwarded = "X-Forwarded-Prefix: " + strings.TrimRight(c.StripPrefix, "/") + "\r\n"
	}
	if w.strip == 0 && w.add == "" {
		return nil
	}
	return w
}

// rest returns what follows the segments that are left out: nothing, or a path.
func (w *Path) rest(path []byte) []byte {
	for range w.strip {
		end := bytes.IndexByte(path[1:], '/')
		if end < 0 {
			return nil
		}
		path = path[1+end:]
	}
	return path
}

// Refuses reports whether the path would become one that the gateway itself refuses: "//host" is an
// authority to some.
func (w *Path) Refuses(path []byte) bool {
	return w.add == "" && bytes.HasPrefix(w.rest(path), []byte("//"))
}

// Append appends the path as the upstream gets it. Precondition: w does not refuse it.
func (w *Path) Append(dst, path []byte) []byte {
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
