package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// This file reads sets of keys. The rules are:
//
//   - keys that are not understood, or not for signatures, are left out (RFC 7517, section 5), but a set without any key that is
//     of use is refused: it is more likely to be an error page than meant;
//   - a symmetric key is never taken from a set: it would be no secret;
//   - a key of RSA has at least 2048 bits (RFC 7518, section 3.3), and at most 8192, because the cost of a signature grows with it;
//   - a key that is there before and after a change stays the same *Key, so what was verified with it stays verified.

// Bounds of a set.
const (
	MaxSet  = 1 << 20 // bytes
	maxKeys = 256
)

// A Key verifies signatures. It is safe for concurrent use.
type Key struct {
	ID      string // kid; "": it has none
	alg     string // "": any that goes with its kind
	key     any    // of crypto, or []byte
	retired atomic.Bool
}

// Retired reports whether the key was withdrawn: what it has signed is not accepted any more.
func (k *Key) Retired() bool { return k.retired.Load() }

// Keys are a set of keys. It is not changed.
type Keys struct{ list []*Key }

// Len returns how many keys there are.
func (s *Keys) Len() int {
	if s == nil {
		return 0
	}
	return len(s.list)
}

// ParseKeys reads a JSON Web Key Set. See RFC 7517, section 5.
func ParseKeys(text []byte) (*Keys, error) {
	if len(text) > MaxSet {
		return nil, fmt.Errorf("a key set of more than %d bytes", MaxSet)
	}
	var set struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, errors.New(`it is not a JSON Web Key Set: {"keys": […]}`) // the error could quote what it holds
	}
	if len(*set.Keys) > maxKeys {
		return nil, fmt.Errorf("it has more than %d keys", maxKeys)
	}
	s := &Keys{}
	for _, raw := range *set.Keys {
		if k := parseKey(raw); k != nil {
			s.list = append(s.list, k)
		}
	}
	if len(s.list) == 0 {
		return nil, fmt.Errorf("none of its %d keys is a public key for signatures (EC, RSA from 2048 bits, Ed25519)", len(*set.Keys))
	}
	return s, nil
}

// parseKey returns nil if the key is of no use here.
func parseKey(raw []byte) *Key {
	var j jose.JSONWebKey
	if json.Unmarshal(raw, &j) != nil || j.Use != "" && j.Use != "sig" {
		return nil
	}
	if private, ok := j.Key.(interface{ Public() crypto.PublicKey }); ok {
		j.Key = private.Public()
	}
	k := &Key{ID: j.KeyID, alg: j.Algorithm, key: j.Key}
	switch p := j.Key.(type) {
	case *ecdsa.PublicKey:
	case ed25519.PublicKey:
	case *rsa.PublicKey:
		if n := p.N.BitLen(); n < 2048 || n > 8192 || p.E < 3 || p.E&1 == 0 {
			return nil
		}
	default:
		return nil
	}
	return k
}

// SecretKeys returns the set of one secret, for HS256, HS384 and HS512.
func SecretKeys(secret []byte) *Keys { return &Keys{[]*Key{{key: bytes.Clone(secret)}}} }

// Replace returns what is to be used after old: the keys of s, but of those that old has, too, the ones of old. The others of
// old are retired. Only one caller at a time may replace a set.
func (s *Keys) Replace(old *Keys) *Keys {
	if old == nil {
		return s
	}
	next := &Keys{slices.Clone(s.list)}
	kept := map[*Key]bool{}
	for i, k := range next.list {
		for _, o := range old.list {
			if o.same(k) {
				next.list[i], kept[o] = o, true
			}
		}
	}
	for _, o := range old.list {
		if !kept[o] {
			o.retired.Store(true)
		}
	}
	return next
}

func (k *Key) same(other *Key) bool {
	if k.ID != other.ID || k.alg != other.alg {
		return false
	}
	if secret, ok := k.key.([]byte); ok {
		b, ok := other.key.([]byte)
		return ok && bytes.Equal(secret, b)
	}
	public, ok := k.key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(other.key)
}

// fits reports whether the key is one for an algorithm. See RFC 8725, section 3.1: a key is used with one kind of algorithm.
func (k *Key) fits(alg string) bool {
	if k.alg != "" && k.alg != alg {
		return false
	}
	switch p := k.key.(type) {
	case *ecdsa.PublicKey:
		return alg == curves[p.Curve.Params().Name]
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case ed25519.PublicKey:
		return alg == "EdDSA"
	case []byte:
		return strings.HasPrefix(alg, "HS")
	}
	return false
}

var curves = map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}

// maxTries bounds the keys that are tried for a token that does not say which is its own.
const maxTries = 4

// find returns the keys that may have signed a token. known reports that there is a key of that kid, be it of another algorithm.
func (s *Keys) find(kid, alg string) (list []*Key, known bool) {
	for _, k := range s.list {
		if kid != "" && k.ID != kid {
			if _, secret := k.key.([]byte); !secret { // of which there is one, and it has no name
				continue
			}
		}
		known = true
		if k.fits(alg) && len(list) < maxTries {
			list = append(list, k)
		}
	}
	return list, known
}
