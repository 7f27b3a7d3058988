package token

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// This file judges a token. The steps are in order of what they cost, so that most of what is refused never has its signature
// looked at: form, algorithm, key, claims, signature, and last the claims that are asked for beyond those of RFC 7519. A claim
// is worth nothing before the signature is found good, so nothing is admitted before that.

// MaxLength bounds a token, in bytes.
const MaxLength = 16 << 10

// A Step is one of the checks that a token passes, by what fails there. The names are for logs and metrics: they never change.
type Step string

// The steps.
const (
	Length    Step = "length"
	Form      Step = "form"
	Typ       Step = "typ"
	Crit      Step = "crit"
	Alg       Step = "alg"
	Kid       Step = "kid"
	Iss       Step = "iss"
	Aud       Step = "aud"
	Exp       Step = "exp"
	Nbf       Step = "nbf"
	Signature Step = "signature"
	Claim     Step = "claim" // one that is required beyond these
	NoKeys    Step = "no-keys"
)

// Steps are all of them.
var Steps = []Step{Length, Form, Typ, Crit, Alg, Kid, Iss, Aud, Exp, Nbf, Signature, Claim, NoKeys}

// A Failure is why a token is refused.
type Failure struct {
	Step Step
	// Claim is the name of the claim that is required, of the step of that name.
	Claim string
	// Text says it to a developer, in visible ASCII without quotes, and without a part of the token.
	Text string
}

// Rules are what a token is judged by.
type Rules struct {
	Algorithms []string
	Issuer     string // "": any
	Audience   []string
	Type       string // "": any
	Leeway     time.Duration
	Require    map[string][]string
}

// A Verified token.
type Verified struct {
	Claims  Claims
	Key     *Key
	Expires time.Time // with the leeway
}

var failures = map[Step]string{
	Length:    "The token is longer than 16 KiB.",
	Form:      "It is not a signed JSON Web Token.",
	Typ:       "The token is of another type (typ).",
	Crit:      "The token has a critical header parameter (crit) that is not understood here.",
	Alg:       "The algorithm of the token (alg) is not accepted here.",
	Kid:       "No key is known by which the token (kid) could be signed.",
	Iss:       "The token is of another issuer (iss).",
	Aud:       "The token is not for this audience (aud).",
	Exp:       "The token has expired, or does not say when it does (exp).",
	Nbf:       "The token is not valid yet (nbf).",
	Signature: "The signature of the token is not valid.",
	NoKeys:    "The keys of the issuer are not known yet.",
}

func failed(s Step) *Failure { return &Failure{Step: s, Text: failures[s]} }

// A header is that of a token: its parameters as they are written. One that is null is there.
type header map[string]json.RawMessage

// string returns a parameter, "" if there is none. It reports false if it is something else than a text.
func (h header) string(name string) (s string, ok bool) {
	raw, there := h[name]
	if !there {
		return "", true
	}
	return s, json.Unmarshal(raw, &s) == nil && string(raw) != "null"
}

// text returns a parameter, "" if there is none, or something else than a text.
func (h header) text(name string) string {
	s, _ := h.string(name)
	return s
}

// A Candidate is a token that has passed all checks but that of its signature.
type Candidate struct {
	text   string
	alg    string
	claims Claims
	keys   []*Key
}

// Check judges all of a token but its signature, and the claims that are required beyond: what costs little.
func (r *Rules) Check(text string, keys *Keys, now time.Time) (*Candidate, *Failure) {
	if len(text) > MaxLength {
		return nil, failed(Length)
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, failed(Form)
	}
	var h header
	head, ok := decode(parts[0])
	if !ok || !utf8.Valid(head) || json.Unmarshal(head, &h) != nil {
		return nil, failed(Form)
	}
	if f := r.checkHeader(h); f != nil {
		return nil, f
	}
	kid, ok := h.string("kid")
	if !ok {
		return nil, failed(Kid)
	}
	c := &Candidate{text: text, alg: h.text("alg")}
	if keys.Len() > 0 {
		known := false
		if c.keys, known = keys.find(kid, c.alg); len(c.keys) == 0 {
			if known && kid != "" {
				return nil, failed(Alg) // the key is of another one
			}
			return nil, failed(Kid)
		}
	}
	payload, ok := decode(parts[1])
	if !ok {
		return nil, failed(Form)
	}
	if c.claims, ok = parseClaims(payload); !ok {
		return nil, failed(Form)
	}
	if f := r.checkClaims(c.claims, now); f != nil {
		return nil, f
	}
	if _, ok := decode(parts[2]); !ok {
		return nil, failed(Form)
	}
	if keys.Len() == 0 {
		return nil, failed(NoKeys)
	}
	return c, nil
}

func (r *Rules) checkHeader(h header) *Failure {
	_, crit := h["crit"]
	_, b64 := h["b64"]
	switch {
	case !slices.Contains(r.Algorithms, h.text("alg")):
		return failed(Alg)
	case crit || b64: // RFC 7515, section 4.1.11; RFC 7797, section 7
		return failed(Crit)
	}
	if r.Type == "" {
		return nil
	}
	typ, ok := h.string("typ")
	bare := func(s string) string { return strings.TrimPrefix(strings.ToLower(s), "application/") }
	if !ok || bare(typ) != bare(r.Type) { // RFC 7515, section 4.1.9
		return failed(Typ)
	}
	return nil
}

// checkClaims checks what RFC 7519 defines. A token without an end is refused.
func (r *Rules) checkClaims(c Claims, now time.Time) *Failure {
	if iss, ok := c["iss"].(string); r.Issuer != "" && (!ok || iss != r.Issuer) {
		return failed(Iss)
	}
	aud, ok := c.audience()
	if !ok || !slices.ContainsFunc(aud, func(s string) bool { return slices.Contains(r.Audience, s) }) {
		return failed(Aud)
	}
	if exp, there, ok := c.date("exp"); !there || !ok || !now.Before(exp.Add(r.Leeway)) {
		return failed(Exp)
	}
	if nbf, there, ok := c.date("nbf"); there && (!ok || now.Add(r.Leeway).Before(nbf)) {
		return failed(Nbf)
	}
	return nil
}

// Verify judges the signature, which is what costs, and then the claims that are required.
func (r *Rules) Verify(c *Candidate) (*Verified, *Failure) {
	jws, err := jose.ParseSignedCompact(c.text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(c.alg)})
	if err != nil {
		return nil, failed(Form)
	}
	for _, k := range c.keys {
		if _, err := jws.Verify(k.key); err != nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(r.Require)) {
			if !c.claims.has(name, r.Require[name]) {
				return nil, &Failure{Step: Claim, Claim: name, Text: "The token does not have the claim " + printable(name) + " that is needed here."}
			}
		}
		exp, _, _ := c.claims.date("exp")
		return &Verified{Claims: c.claims, Key: k, Expires: exp.Add(r.Leeway)}, nil
	}
	return nil, failed(Signature)
}

// strict refuses bits that decoders ignore: there is one text for a token, not several.
var strict = base64.RawURLEncoding.Strict()

// decode reads base64url without padding, and without the line ends that Go lets pass.
func decode(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	b, err := strict.DecodeString(s)
	return b, err == nil
}

// printable returns a name that can stand in a quoted string of a field.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, s)
}
