package auth

import (
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// A sanPattern is a pattern of subject alternative names.
type sanPattern struct {
	kind string // "DNS:", "URI:", "email:"
	text string // without its '*'
	star bool
}

func parseSAN(s string) sanPattern {
	p := sanPattern{text: s, star: strings.Contains(s, "*")}
	switch {
	case strings.Contains(s, "://") || strings.Contains(s, ":"):
		p.kind, p.text = "URI:", strings.TrimSuffix(s, "*")
	case strings.Contains(s, "@"):
		p.kind = "email:"
	default:
		p.kind, p.text = "DNS:", strings.ToLower(strings.TrimPrefix(s, "*"))
	}
	return p
}

// matches reports whether the pattern fits a name such as "DNS:a.example". DNS names are compared in any case. What stands for a
// '*' is not empty; of a URI it has no dot segments, which some would resolve to another name.
func (p *sanPattern) matches(name string) bool {
	rest, ok := strings.CutPrefix(name, p.kind)
	switch {
	case !ok:
		return false
	case p.kind == "DNS:" && p.star:
		return len(rest) > len(p.text) && rest[0] != '*' && wire.EqualFold([]byte(rest[len(rest)-len(p.text):]), p.text)
	case p.kind == "DNS:":
		return wire.EqualFold([]byte(rest), p.text)
	case p.star:
		tail, ok := strings.CutPrefix(rest, p.text)
		return ok && tail != "" && !strings.Contains("/"+tail+"/", "/../") && !strings.Contains("/"+tail+"/", "/./") && !strings.Contains(tail, "%")
	}
	return rest == p.text
}

// named returns the first of the names of a certificate, "DNS:a.example, URI:…", that fits a pattern of the table, or "".
func (t *Table) named(names string) string {
	for rest := names; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, ", ")
		for i := range t.sans {
			if t.sans[i].matches(name) {
				return name[strings.IndexByte(name, ':')+1:]
			}
		}
	}
	return ""
}

// ofCertificate returns the identity of a client with these names, or nil.
func (t *Table) ofCertificate(names string, now time.Time) *Identity {
	if i, ok := t.certified.getString(names, now); ok {
		return i
	}
	name := t.named(names)
	if name == "" {
		return nil
	}
	i := t.newIdentity(name, name[:min(len(name), maxConsumer)], func(variable string) string {
		if variable == "name" {
			return name
		}
		return ""
	})
	t.certified.put(names, i, i.size(), now, now.Add(certifiedFor))
	return i
}

// How many lists of names are kept with who they stand for, and how long, which only spares finding it out again.
const (
	maxCertified = 4096
	certifiedFor = time.Hour
)
