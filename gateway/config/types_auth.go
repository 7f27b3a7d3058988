package config

import "time"

// This file has the tables that say who asks.

// Auth is [auth.NAME], a way to tell who sends a request. Preflights never need it: browsers send them without credentials. It
// is one of five kinds, by the keys that it has: JSON Web Tokens with public keys (issuer, jwks or jwks_file) or with a secret
// (secret_file), API keys (keys_file), another server that is asked (forward), or client certificates (certificate).
type Auth struct {
	// Name is the table's name.
	Name string
	// Issuer is the required value of the claim iss. Without [Auth.JWKS], [Auth.JWKSFile] and [Auth.SecretFile] its metadata (OpenID
	// Connect Discovery, RFC 8414) say where its keys are. Default "": tokens of any issuer, if the keys are its own.
	Issuer string
	// JWKS is the https URL of a JSON Web Key Set (RFC 7517), verified by the system's authorities. Keys are fetched in the
	// background, with conditional requests, and kept in $STATE_DIRECTORY (or /var/lib/corsgate) for the next start; when they
	// cannot be fetched, the last ones stay in use. For loopback addresses http is accepted too. Default "".
	JWKS string
	// JWKSFile is a file with a JSON Web Key Set; it is watched. As written: see [Config.Named]. Default "".
	JWKSFile string
	// SecretFile is a file with the secret of HS256, HS384 or HS512, at least as long as the hash (32, 48 or 64 bytes); a final
	// newline is not part of it. It is watched. As written: see [Config.Named]. Default "".
	SecretFile string
	// Interval is the time between two fetches of the keys, and the least time between two fetches because of a token with an
	// unknown kid; > 0. Default "1m".
	Interval time.Duration
	// Audience are the values of the claim aud that are accepted: it must contain one of them. Required for tokens.
	Audience []string
	// Algorithms are the signature algorithms that are accepted, whatever a token says: ES256, ES384, ES512, RS256, RS384, RS512,
	// PS256, PS384, PS512, EdDSA; HS256, HS384, HS512 with [Auth.SecretFile]. Required for tokens.
	Algorithms []string
	// Type is the required value of the header parameter typ of tokens, such as "at+jwt" (RFC 9068). Default "": anything.
	Type string
	// From is where the token or key is: "bearer" (Authorization: Bearer), "header:NAME", "cookie:NAME", "query:NAME" (removed
	// before the request is forwarded) or "websocket-protocol", for tokens: a page writes new WebSocket(url, ["bearer", TOKEN,
	// "chat"]), and the upstream is offered "chat". Two tokens or keys in a request are refused. Default "bearer".
	From string
	// Require are claims that a token must have, each with a value or a list of accepted values. A value of scope is one of its
	// words; where a claim is a list, one element suffices. A token without them is answered 403. Default none.
	Require map[string][]string
	// Leeway is how far the clocks of issuers may differ, for exp and nbf, up to 10 minutes. Default "30s".
	Leeway time.Duration
	// Cache is the number of verified tokens that are remembered until they expire or their key is withdrawn; 0: none. They
	// take at most 1 KiB each on average, and a token of more than 8 KiB is not remembered. Default 65536.
	Cache int
	// ResourceMetadata is the URL of the protected resource's metadata (RFC 9728), named in WWW-Authenticate. Default "": none.
	ResourceMetadata string
	// Set are request fields for the upstream. In values, $claim.NAME is replaced by a claim of the token (a name with dots
	// leads into objects), $name by the name of the key or certificate, $key.NAME by a value of the key's line, and $$ by a dollar
	// sign. A field is left out if a part of it is missing, or is not a text, number or boolean. A client's own fields of these
	// names never pass, in any spelling that an upstream could take for them. Default none.
	Set map[string]string
	// KeysFile is a file of API keys, "NAME SHA256-HEX [key=value …]" a line, as `corsgate key NAME` prints them; "#" begins a
	// comment. A name may have several keys. It is watched. As written: see [Config.Named]. Default "".
	KeysFile string
	// Forward names an upstream that is asked about each request by GET, without content: a status of 2xx admits it, and any
	// other response is the answer. It is told X-Forwarded-Method, -Proto, -Host, -Uri and -For. Default "".
	Forward string
	// Path is the path of these requests, with [Auth.Forward]. Default "/".
	Path string
	// Send are the request fields that are sent along. Default Cookie and Authorization.
	Send []string
	// Copy are fields of its answer that are set on the request. A client's own never pass. Default none.
	Copy []string
	// Key are the parts of a request whose values identify a remembered decision: "cookie:NAME", "header:NAME", "query:NAME" and
	// "client_ip". The server is asked each time about a request that has none of them. Default none.
	Key []string
	// Per is "key" (default: a decision is about the values of [Auth.Key]) or "request" (about these, method, host, path and
	// query).
	Per string
	// Remember is how long a decision to admit is remembered; Cache-Control of the answer can shorten it. Requests with the
	// same key that come at once are then asked about once. Default "0s": not at all.
	Remember time.Duration
	// RememberDenied is the same for refusals (401 and 403). Default "0s": not at all.
	RememberDenied time.Duration
	// Timeout bounds the wait for the answer; > 0. Default "2s".
	Timeout time.Duration
	// OnFailure says how to treat requests when there is no answer: "deny" (default: 503) or "allow" (they are forwarded
	// without an identity).
	OnFailure string
	// Login says how to treat redirects in answers: "auto" (default: they pass to navigations, and to clients that send no
	// Sec-Fetch-Mode; a script gets a 401 without Location, because it could not follow them) or "pass".
	Login string
	// Certificate identifies the client by its certificate. Default: not set.
	Certificate *AuthCertificate
	// Log says how the access log names who was found by a token or by another server: "hash" (default: the first 16 hex digits
	// of the SHA-256 of issuer and subject, the same each time), "plain" or "off". Names of keys and certificates are not hashed.
	Log string
}

// AuthCertificate is certificate = { … } of an auth.
type AuthCertificate struct {
	// SAN are patterns for the subject alternative names of a client's certificate, one of which has to match: a DNS name
	// ("*.svc.example.com" matches one or more labels), a URI ("spiffe://example.com/*" matches what follows) or an e-mail
	// address. A listener must ask for certificates. Required.
	SAN []string
}

// Kind returns what kind of auth it is: "jwt", "keys", "forward", "certificate", or "" if it is none.
func (a *Auth) Kind() string {
	switch {
	case a.KeysFile != "":
		return "keys"
	case a.Forward != "":
		return "forward"
	case a.Certificate != nil:
		return "certificate"
	case a.Issuer != "" || a.JWKS != "" || a.JWKSFile != "" || a.SecretFile != "":
		return "jwt"
	}
	return ""
}

// Auth returns the auth with a name, or nil.
func (c *Config) Auth(name string) *Auth {
	for i := range c.Auths {
		if c.Auths[i].Name == name {
			return &c.Auths[i]
		}
	}
	return nil
}
