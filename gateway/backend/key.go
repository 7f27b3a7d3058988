package backend

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/corsgate/corsgate/gateway/wire"
)

// A Key says what requests of one client have in common, as the configuration writes it:
// "client_ip", "path", "header:NAME" or "cookie:NAME".
type Key struct {
	kind string // what stands before the colon
	name string
}

// NewKey returns nil for "".
func NewKey(s string) *Key {
	if s == "" {
		return nil
	}
	kind, name, _ := strings.Cut(s, ":")
	return &Key{kind, name}
}

// Hash returns a number that is the same for all requests with the same key, in every process and
// every version, and evenly spread otherwise. It reports false for a request without the key.
func (k *Key) Hash(r *wire.Request, client netip.Addr) (uint64, bool) {
	var v []byte
	switch k.kind {
	case "client_ip":
		a := client.As16()
		return xxhash.Sum64(a[:]), true
	case "path":
		v = r.Path
	case "header":
		v = r.Only(k.name)
	case "cookie":
		v = cookieOf(r, k.name)
	}
	return xxhash.Sum64(v), len(v) > 0
}

// cookieOf returns the value of the first cookie of a name, whose case matters. See RFC 6265,
// section 4.2.1.
func cookieOf(r *wire.Request, name string) []byte {
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.ID != wire.Other || !wire.EqualFold(f.Name, "Cookie") {
			continue
		}
		for rest := f.Value; len(rest) > 0; {
			pair := rest
			if end := bytes.IndexByte(rest, ';'); end >= 0 {
				pair, rest = rest[:end], rest[end+1:]
			} else {
				rest = nil
			}
			pair = bytes.Trim(pair, " \t")
			if len(pair) > len(name) && pair[len(name)] == '=' && string(pair[:len(name)]) == name {
				return pair[len(name)+1:]
			}
		}
	}
	return nil
}
