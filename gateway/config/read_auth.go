package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file reads [auth.NAME]. The rules are:
//
//   - a table is of one kind, and a key that another kind has is a mistake, not ignored;
//   - what a token is checked by has no default: algorithms and audience are written;
//   - a public key is never a secret: HS* goes with secret_file, and nothing else does.

// authKinds are the keys that make a table of one kind, and the further keys that the kind has.
var authKinds = []struct {
	kind string
	by   []string
	also []string
}{
	{"jwt", []string{"issuer", "jwks", "jwks_file", "secret_file"},
		[]string{"interval", "audience", "algorithms", "type", "from", "require", "leeway", "cache", "resource_metadata", "set", "log"}},
	{"keys", []string{"keys_file"}, []string{"from", "set"}},
	{"forward", []string{"forward"},
		[]string{"path", "send", "copy", "key", "per", "remember", "remember_denied", "timeout", "on_failure", "login", "log"}},
	{"certificate", []string{"certificate"}, []string{"set"}},
}

// Algorithms are the signature algorithms of tokens. See RFC 7518, section 3.1, and RFC 8037.
var Algorithms = []string{"ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA", "HS256", "HS384", "HS512"}

const maxLeeway = 10 * time.Minute

func readAuth(t *table) Auth {
	defer t.done()
	a := Auth{
		Name:             t.name,
		Issuer:           t.str("issuer", ""),
		JWKS:             scalar(t, "jwks", "", optional(parseKeysURL)),
		JWKSFile:         t.str("jwks_file", ""),
		SecretFile:       t.str("secret_file", ""),
		Interval:         t.positive("interval", time.Minute),
		Audience:         list[string, string](t, "audience", "a string", notEmpty),
		Algorithms:       list[string, string](t, "algorithms", "a string", parseAlgorithm),
		Type:             scalar(t, "type", "", optional(parseTokenType)),
		From:             scalar(t, "from", "bearer", parseFrom),
		Require:          readRequire(t),
		Leeway:           t.duration("leeway", 30*time.Second),
		Cache:            t.integer("cache", 65536, 0, 1<<24),
		ResourceMetadata: scalar(t, "resource_metadata", "", optional(parseMetadataURL)),
		KeysFile:         t.str("keys_file", ""),
		Forward:          t.str("forward", ""),
		Path:             scalar(t, "path", "/", parseTarget),
		Send:             []string{"Cookie", "Authorization"},
		Copy:             t.fieldNames("copy", identityOwned),
		Key:              list[string, string](t, "key", "a string", parseDecisionKey),
		Per:              t.oneOf("per", "key", "request"),
		Remember:         t.duration("remember", 0),
		RememberDenied:   t.duration("remember_denied", 0),
		Timeout:          t.positive("timeout", 2*time.Second),
		OnFailure:        t.oneOf("on_failure", "deny", "allow"),
		Login:            t.oneOf("login", "auto", "pass"),
		Certificate:      readAuthCertificate(t),
		Log:              t.oneOf("log", "hash", "plain", "off"),
	}
	if t.has("send") {
		a.Send = t.fieldNames("send", requestField)
	} else {
		t.known = append(t.known, "send")
	}
	a.Set = t.identityFields("set", &a)
	if kind := t.authKind(); kind == "jwt" {
		t.checkTokens(&a)
	} else if kind == "forward" && (a.Remember > 0 || a.RememberDenied > 0) && len(a.Key) == 0 && !t.r.bad(t.key("key")) {
		t.problem("remember", fault{"there is no key to remember decisions by: all clients would share the first one's", `write key = ["cookie:session"]`})
	}
	if a.Leeway > maxLeeway {
		t.problem("leeway", faultf("%v is more than %v", a.Leeway, maxLeeway))
	}
	return a
}

// authKind returns the kind of a table, and notes keys of others.
func (t *table) authKind() string {
	kind, first := "", ""
	var also []string
	for _, k := range authKinds {
		for _, key := range k.by {
			switch value, there := t.values[key]; {
			case !there || value == "":
			case first == "":
				kind, first, also = k.kind, key, append(slices.Clone(k.by), k.also...)
			case kind != k.kind:
				t.problem(key, faultf("an auth is of one kind: %s is at %s", first, t.r.at(t.key(first), -1)))
				return ""
			}
		}
	}
	if kind == "" {
		t.r.problem(t.path, -1, fault{"an auth needs one of issuer, jwks, jwks_file and secret_file (tokens), keys_file, forward and certificate",
			`write issuer = "https://id.example.com"`})
		return ""
	}
	for _, k := range authKinds {
		for _, key := range append(slices.Clone(k.by), k.also...) {
			if t.has(key) && !slices.Contains(also, key) && t.values[key] != "" {
				t.problem(key, faultf("this auth has no use for it: it is made by %s, at %s", first, t.r.at(t.key(first), -1)))
			}
		}
	}
	return kind
}

// checkTokens notes what the keys of a table of tokens do not say together.
func (t *table) checkTokens(a *Auth) {
	if !filled(t.values["algorithms"]) {
		t.problem("algorithms", fault{"the algorithms that are accepted have to be listed: a token's own word on it is worth nothing (RFC 8725, section 3.1)",
			`write algorithms = ["ES256", "RS256"]`})
	}
	if !filled(t.values["audience"]) {
		t.problem("audience", fault{"whom tokens are for has to be listed: else one that another service was given opens this one (RFC 8725, section 3.9)",
			`write audience = ["https://api.example.com"]`})
	}
	var sources []string
	for _, key := range []string{"jwks", "jwks_file", "secret_file"} {
		if s, ok := t.values[key].(string); ok && s != "" {
			sources = append(sources, key)
		}
	}
	if len(sources) > 1 {
		t.problem(sources[1], faultf("keys come from one place: %s is at %s", sources[0], t.r.at(t.key(sources[0]), -1)))
	}
	if len(sources) == 0 && a.Issuer != "" {
		if _, f := parseKeysURL(a.Issuer); f.message != "" {
			f.hint = `write an https URL, or say where the keys are: jwks = "https://…"`
			t.problem("issuer", f)
		}
	}
	for i, alg := range a.Algorithms {
		switch secret := strings.HasPrefix(alg, "HS"); {
		case secret && a.SecretFile == "":
			t.r.problem(t.key("algorithms"), i, fault{fmt.Sprintf("%s is made with a secret, and public keys are none: anybody could sign with them (RFC 8725, section 2.1)", alg),
				`write secret_file = "…", or another algorithm`})
		case !secret && a.SecretFile != "":
			t.r.problem(t.key("algorithms"), i, faultf("%s has a public key, and secret_file holds a secret: write HS256, HS384 or HS512", alg))
		}
	}
}

func readAuthCertificate(auth *table) *AuthCertificate {
	t := auth.sub("certificate")
	if t.values == nil {
		return nil
	}
	defer t.done()
	c := &AuthCertificate{SAN: list[string, string](t, "san", "a string", parseSAN)}
	if !filled(t.values["san"]) {
		t.problem("san", fault{"a certificate is told by its names", `write certificate = { san = ["spiffe://example.com/*"] }`})
	}
	return c
}

// readRequire returns the claims that are required.
func readRequire(auth *table) map[string][]string {
	t := auth.sub("require")
	var claims map[string][]string
	for _, name := range t.r.byPosition(t.path, t.values) {
		var values []string
		switch v := t.values[name].(type) {
		case string:
			values = []string{v}
		case bool:
			values = []string{fmt.Sprint(v)}
		case int64:
			values = []string{fmt.Sprint(v)}
		case []any:
			for _, e := range v {
				if s, ok := e.(string); ok && s != "" {
					values = append(values, s)
				}
			}
			if len(values) < len(v) {
				values = nil
			}
		}
		if len(values) == 0 || slices.Contains(values, "") {
			t.problem(name, fault{message: `must be the value of the claim, or a list of values such as ["admin", "ops"]`})
			continue
		}
		if claims == nil {
			claims = map[string][]string{}
		}
		claims[name] = values
	}
	return claims
}

// identityOwned is the fault of a request field that says who somebody is.
func identityOwned(name string) fault {
	switch lower := strings.ToLower(name); {
	case slices.Contains(hopByHop, lower):
		return nextHop
	case strings.HasPrefix(lower, "sec-websocket-"):
		return handshake
	default:
		return requestOwned[lower]
	}
}

// requestField is the fault of a request field that another server is to be told.
func requestField(name string) fault {
	if lower := strings.ToLower(name); slices.Contains(hopByHop, lower) && lower != "proxy-authorization" {
		return nextHop
	} else if f := requestOwned[lower]; f == framing || lower == "expect" || lower == "host" {
		return requestOwned[lower]
	}
	return fault{}
}

// identityFields returns the table of fields that say who somebody is, with values as [IdentityParts] reads them.
func (t *table) identityFields(key string, a *Auth) map[string]string {
	return t.fieldsBy(key, identityOwned, func(_, value string) fault {
		if _, f := identityParts(value); f.message != "" {
			return f
		}
		return variablesOf(a, value)
	})
}

// variablesOf is the fault of a value with a variable that an auth of this kind does not have.
func variablesOf(a *Auth, value string) fault {
	parts, _ := identityParts(value)
	for _, p := range parts {
		claim := strings.HasPrefix(p.Variable, "claim.")
		if kind := a.Kind(); claim && kind != "jwt" && kind != "" {
			return fault{"there is no token whose claim it could be", `write "$name"`}
		} else if kind == "jwt" && p.Variable != "" && !claim {
			return fault{"$" + p.Variable + " is not of a token", `write "$claim.sub"`}
		} else if kind == "certificate" && strings.HasPrefix(p.Variable, "key.") {
			return fault{"$" + p.Variable + " is of a line in a keys_file", `write "$name"`}
		}
	}
	return fault{}
}
