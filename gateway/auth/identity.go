package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
)

// An Identity is who was found. It is not changed.
type Identity struct {
	// Fields are lines for the upstream.
	Fields []byte
	// Key tells this identity from all others, those that other tables find, too.
	Key []byte
	// Consumer is what the access log calls it; "": nothing.
	Consumer string

	values []value // what limits ask for
}

type value struct {
	name string
	text []byte
}

// Value returns what a limit counts by or chooses a plan by: "claim:NAME" or "key:NAME"; nil where there is none.
func (i *Identity) Value(name string) []byte {
	if i == nil {
		return nil
	}
	for k := range i.values {
		if i.values[k].name == name {
			return i.values[k].text
		}
	}
	return nil
}

// size is about how much memory an identity takes.
func (i *Identity) size() int {
	n := 160 + len(i.Fields) + len(i.Key) + len(i.Consumer)
	for _, v := range i.values {
		n += 32 + len(v.text)
	}
	return n
}

// newIdentity returns the identity that a table finds: of a subject, with what variables stand for.
func (t *Table) newIdentity(subject, consumer string, lookup func(variable string) string) *Identity {
	i := &Identity{Key: []byte(t.Name + "\x00" + subject), Consumer: consumer}
	for _, f := range t.fields {
		line, whole := f.name+": ", true
		for _, p := range f.parts {
			line += p.Text
			if p.Variable == "" {
				continue
			}
			text := lookup(p.Variable)
			line, whole = line+text, whole && text != ""
		}
		if whole {
			i.Fields = append(i.Fields, line+"\r\n"...)
		}
	}
	for _, name := range t.values {
		if text := lookup(strings.Replace(name, ":", ".", 1)); text != "" {
			i.values = append(i.values, value{name, []byte(text)})
		}
	}
	return i
}

// A field is one of [config.Auth.Set].
type field struct {
	name  string
	parts []config.Part
}

func fieldsOf(c *config.Auth) (list []field) {
	for _, name := range slices.Sorted(maps.Keys(c.Set)) {
		list = append(list, field{name, config.IdentityParts(c.Set[name])})
	}
	return list
}

// valuesOf returns what the limits of a configuration ask of identities.
func valuesOf(cfg *config.Config) (names []string) {
	for i := range cfg.RateLimits {
		for _, s := range []string{cfg.RateLimits[i].Key, cfg.RateLimits[i].Plan} {
			if strings.HasPrefix(s, "claim:") || strings.HasPrefix(s, "key:") {
				names = append(names, s)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// maxConsumer bounds a name in the access log, in bytes.
const maxConsumer = 128

// consumerOf returns what the access log calls a subject.
func consumerOf(c *config.Auth, subject string) string {
	switch {
	case c.Log == "off" || subject == "":
		return ""
	case c.Log == "plain":
		return subject[:min(len(subject), maxConsumer)]
	}
	of := c.Issuer
	if of == "" {
		of = c.Name
	}
	sum := sha256.Sum256([]byte(of + "\x00" + subject))
	return hex.EncodeToString(sum[:8])
}
