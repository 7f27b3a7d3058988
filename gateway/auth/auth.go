// Package auth is a table [auth.NAME] at work: who asks, by a token, a key, a certificate, or the word of another server. It
// knows requests, and nothing of exchanges. It is internal to corsgate.
package auth

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/auth/jwks"
	"github.com/corsgate/corsgate/gateway/auth/token"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/files"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// The rules are:
//
//   - what can be found out without waiting is (Recall), on an event loop, too; what takes a signature, a key server or another
//     server is for a goroutine (Settle);
//   - what is remembered of a request is found by its credentials, compared whole, and no refusal displaces an admission; of what
//     another server says nothing is remembered but as the configuration says;
//   - what a table sets is never the client's to set, on each route that names the table, whoever is found.

// A Table is a table [auth.NAME]. It is safe for concurrent use, and never written to after Compile but for what it remembers
// and counts.
type Table struct {
	Name   string
	Config config.Auth
	counts metrics.Auth

	place  place
	fields []field
	values []string // what limits ask of identities
	file   string   // that is watched; "": none
	sum    files.Digest

	// Of tokens.
	rules   token.Rules
	static  *token.Keys  // nil: they come from source
	source  *jwks.Source // nil: they are static
	tokens  *memory[grant]
	refused *memory[refusedToken]
	pool    *pool

	keys keyLines // of API keys

	// Of certificates.
	sans      []sanPattern
	certified *memory[*Identity] // by their names

	forward *Forward
	asks    *config.Upstream // the one that is asked
}

// A Set has the tables of a configuration by name.
type Set struct {
	tables map[string]*Table
	pool   *pool
}

// Compile makes the tables of a configuration, or takes them over from prev, which may be nil, with what they remember. It
// starts nothing; see Sources.
func Compile(cfg *config.Config, prev *Set, m *metrics.Metrics) (s *Set, problems config.Problems) {
	if prev == nil {
		prev = &Set{pool: newPool(max(1, runtime.GOMAXPROCS(0)/2))}
	}
	s = &Set{tables: map[string]*Table{}, pool: prev.pool}
	values := valuesOf(cfg)
	for i := range cfg.Auths {
		c := &cfg.Auths[i]
		if c.Kind() == "" {
			continue // the parser has said so
		}
		t, key, err := compile(cfg, c, values)
		if err != nil {
			problems = append(problems, cfg.Problem("auth."+c.Name+"."+key, -1, err.Error(), ""))
			continue
		}
		old := prev.tables[c.Name]
		if old != nil && old.same(t) {
			s.tables[c.Name] = old
			continue
		}
		s.begin(t, cfg, prev, m)
		s.tables[c.Name] = t
	}
	return s, problems
}

// compile reads what a table says. The error is about a key of it.
func compile(cfg *config.Config, c *config.Auth, values []string) (t *Table, key string, err error) {
	t = &Table{Name: c.Name, Config: *c, place: parsePlace(c.From), fields: fieldsOf(c), values: values}
	var text []byte
	switch c.Kind() {
	case "keys":
		key = "keys_file"
		if t.file, text, err = readFile(cfg, "auth."+c.Name+"."+key, c.KeysFile); err == nil {
			t.keys, err = t.parseKeys(c.KeysFile, string(text))
		}
	case "certificate":
		for _, s := range c.Certificate.SAN {
			t.sans = append(t.sans, parseSAN(s))
		}
	case "forward":
		t.asks = cfg.Upstream(c.Forward)
	default:
		t.rules = token.Rules{Algorithms: c.Algorithms, Issuer: c.Issuer, Audience: c.Audience, Type: c.Type, Leeway: c.Leeway, Require: c.Require}
		key, text, err = t.readKeys(cfg)
	}
	if err != nil {
		return nil, key, err
	}
	if t.file != "" {
		t.sum = sha256.Sum256(text)
	}
	return t, "", nil
}

// readKeys reads the keys of tokens, unless they come from elsewhere.
func (t *Table) readKeys(cfg *config.Config) (key string, text []byte, err error) {
	c := &t.Config
	switch {
	case c.JWKSFile != "":
		key = "jwks_file"
		if t.file, text, err = readFile(cfg, "auth."+c.Name+"."+key, c.JWKSFile); err == nil {
			if t.static, err = token.ParseKeys(text); err != nil {
				err = fmt.Errorf("%s: %w", t.file, err)
			}
		}
	case c.SecretFile != "":
		key = "secret_file"
		if t.file, text, err = readFile(cfg, "auth."+c.Name+"."+key, c.SecretFile); err != nil {
			break
		}
		secret := text
		if line, ok := strings.CutSuffix(string(text), "\n"); ok {
			secret = []byte(strings.TrimSuffix(line, "\r"))
		}
		for _, alg := range c.Algorithms {
			if need := hashBytes[alg]; err == nil && len(secret) < need {
				err = fmt.Errorf("%s has %d bytes, and the secret of %s has %d or more, like its hash (RFC 7518, section 3.2): make one with \"openssl rand -hex %d\"",
					t.file, len(secret), alg, need, need)
			}
		}
		t.static = token.SecretKeys(secret)
	}
	return key, text, err
}

var hashBytes = map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}

// same reports whether t and what u is to become are the same.
func (t *Table) same(u *Table) bool {
	return t.sum == u.sum && t.file == u.file && slices.Equal(t.values, u.values) && reflect.DeepEqual(t.Config, u.Config) && reflect.DeepEqual(t.asks, u.asks)
}

// begin makes what a table remembers and counts.
func (s *Set) begin(t *Table, cfg *config.Config, prev *Set, m *metrics.Metrics) {
	c := &t.Config
	t.counts, t.pool = m.Auth(t.Name, reasons), s.pool
	switch c.Kind() {
	case "forward":
		t.forward = newForward(t)
	case "certificate":
		t.certified = newMemory[*Identity](maxCertified, maxCertified*tokenBytes)
	case "jwt":
		t.tokens = newMemory[grant](c.Cache, max(c.Cache*tokenBytes, leastBytes)).ofSigned()
		t.refused = newMemory[refusedToken](maxRefused, refusedBytes)
		if t.static == nil {
			o := jwks.Options{URL: c.JWKS, Interval: c.Interval}
			if o.URL == "" {
				o.URL, o.Discover = c.Issuer, true
			}
			if dir := cfg.KeepDirectory(); dir != "" {
				o.Keep = jwks.KeepIn(dir, o.URL)
			}
			t.source = s.source(o, prev)
		}
	}
}

// source returns where keys come from: one source for all tables with the same options, which prev may have.
func (s *Set) source(o jwks.Options, prev *Set) *jwks.Source {
	for _, set := range []*Set{s, prev} {
		for _, t := range set.tables {
			if t.source != nil && t.source.Options == o {
				return t.source
			}
		}
	}
	return jwks.New(o)
}

// Files returns the files of keys by path, with their digests.
func (s *Set) Files() map[string]files.Digest {
	all := map[string]files.Digest{}
	for _, t := range s.tables {
		if t.file != "" {
			all[t.file] = t.sum
		}
	}
	return all
}

// read reads a file of keys.
func read(named config.NamedFile) ([]byte, error) {
	text, err := files.Read(named)
	if err == nil && len(text) > maxFile {
		return nil, fmt.Errorf("%s is larger than %v", named.Path, config.ByteSize(maxFile))
	}
	return text, err
}

// maxFile bounds a file of keys, in bytes: some hundred thousand lines.
const maxFile = 64 << 20
