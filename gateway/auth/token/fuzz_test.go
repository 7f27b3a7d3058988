package token

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"encoding/json"

	"github.com/go-jose/go-jose/v4"
)

// slowVerify is Check and Verify for ES256, written again with as little as can be: it only says yes to what is good beyond doubt.
func slowVerify(text string, key *ecdsa.PublicKey) bool {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || len(text) > 16<<10 {
		return false
	}
	var decoded [3][]byte
	for i, p := range parts {
		b, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil {
			return false
		}
		decoded[i] = b
	}
	var head, payload claims
	if json.Unmarshal(decoded[0], &head) != nil || json.Unmarshal(decoded[1], &payload) != nil || len(decoded[2]) != 64 {
		return false
	}
	exp, _ := payload["exp"].(float64)
	if head["alg"] != "ES256" || payload["iss"] != "https://id.example.com" || payload["aud"] != "api" || exp <= float64(now.Unix()) {
		return false
	}
	// What is signed are the bytes that these decode to, encoded in the one way that has no spare bits.
	sum := sha256.Sum256([]byte(b64(decoded[0]) + "." + b64(decoded[1])))
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(decoded[2][:32]), new(big.Int).SetBytes(decoded[2][32:]))
}

// FuzzVerify: whatever comes, nothing is admitted that a twin refuses, and nothing panics.
func FuzzVerify(f *testing.F) {
	key := newES256(f)
	keys := setOf(f, jose.JSONWebKey{Key: &key.PublicKey})
	rules := Rules{Algorithms: []string{"ES256"}, Issuer: "https://id.example.com", Audience: []string{"api"}}
	text := compact(claims{"alg": "ES256"}, good(nil), signES256(key))
	if judge(&rules, text, keys) != "" || !slowVerify(text, &key.PublicKey) {
		f.Fatal("a good token is refused")
	}
	parts := strings.Split(text, ".")
	for i := range 3 {
		f.Add(uint16(i), "", "")
		f.Add(uint16(len(parts[0])+i), "A", "")
		f.Add(uint16(len(text)-1-i), "B", parts[i])
	}
	f.Fuzz(func(t *testing.T, at uint16, put, suffix string) {
		i := int(at) % len(text)
		changed := text[:i] + put + text[min(len(text), i+len(put)):] + suffix
		if judge(&rules, changed, keys) == "" && !slowVerify(changed, &key.PublicKey) {
			t.Errorf("%q is admitted", changed)
		}
		judge(&rules, suffix, keys)
	})
}
