package token

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// Describe says more to a developer of why a token is refused: what it has, and what it needs to have. It shows claims and
// header parameters that decide, shortened, and nothing of the signature. It is "" where there is no more to say.
func (r *Rules) Describe(text string, f *Failure, keys *Keys, now time.Time) string {
	parts := strings.Split(text, ".")
	if f.Step == Form || f.Step == Length || len(parts) != 3 {
		return describeForm(text, len(parts))
	}
	var h header
	head, _ := decode(parts[0])
	payload, _ := decode(parts[1])
	if json.Unmarshal(head, &h) != nil {
		return "its header is not JSON"
	}
	c, ok := parseClaims(payload)
	switch f.Step {
	case Alg:
		alg := h.text("alg")
		if slices.Contains(r.Algorithms, alg) {
			return fmt.Sprintf("alg is %s, and the key with the kid %s is not for that", shown(alg), shown(h.text("kid")))
		}
		return fmt.Sprintf("alg is %s; algorithms has %s", shown(alg), shown(r.Algorithms))
	case Typ:
		return fmt.Sprintf("typ is %s; it has to be %s", shown(h.text("typ")), shown(r.Type))
	case Kid:
		return fmt.Sprintf("kid is %s; none of the %d keys has it", shown(h.text("kid")), keys.Len())
	case Signature:
		return "it was signed with another key, or changed since"
	}
	if !ok {
		return ""
	}
	return r.describeClaims(c, f, now)
}

func (r *Rules) describeClaims(c Claims, f *Failure, now time.Time) string {
	switch f.Step {
	case Iss:
		return fmt.Sprintf("iss is %s; issuer is %s", shown(c["iss"]), shown(r.Issuer))
	case Aud:
		return fmt.Sprintf("aud is %s; audience has %s", shown(c["aud"]), shown(r.Audience))
	case Exp:
		exp, there, ok := c.date("exp")
		switch {
		case !there:
			return "there is no exp"
		case !ok:
			return "exp is not a number of seconds since 1970"
		}
		return fmt.Sprintf("exp was %s, %v ago; leeway is %v", exp.UTC().Format(time.RFC3339), now.Sub(exp).Round(time.Second), r.Leeway)
	case Nbf:
		nbf, _, ok := c.date("nbf")
		if !ok {
			return "nbf is not a number of seconds since 1970"
		}
		return fmt.Sprintf("nbf is %s, in %v; leeway is %v: compare the clocks", nbf.UTC().Format(time.RFC3339), nbf.Sub(now).Round(time.Second), r.Leeway)
	case Claim:
		return fmt.Sprintf("%s is %s; require has %s", printable(f.Claim), shown(c.Get(f.Claim)), shown(r.Require[f.Claim]))
	}
	return ""
}

// describeForm guesses what a text is that is not a token.
func describeForm(text string, parts int) string {
	switch {
	case len(text) > MaxLength:
		return fmt.Sprintf("it has %d bytes", len(text))
	case strings.HasPrefix(strings.ToLower(text), "bearer "):
		return `it begins with "Bearer" a second time`
	case strings.HasPrefix(text, `"`):
		return "it is in quotes"
	case parts == 5:
		return "it has five parts, so it is encrypted (JWE), and only whom it is for can read it"
	case parts != 3:
		return fmt.Sprintf("it has %d of 3 parts between dots: an opaque token is no JSON Web Token; a server that knows it can be asked, by forward", parts)
	}
	return "one of its parts is not base64url without padding, or does not hold a JSON object without duplicate names"
}

// shown returns a value as a person reads it, in visible ASCII and shortened.
func shown(v any) string {
	const most = 80
	if v == nil {
		return "missing"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "not to be shown"
	}
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, string(text))
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}
