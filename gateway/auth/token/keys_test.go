package token

import (
	"bytes"
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"

	"encoding/json"

	"github.com/go-jose/go-jose/v4"
)

func TestParseKeys(t *testing.T) {
	key := newES256(t)
	small := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
	text := func(keys ...jose.JSONWebKey) string {
		b, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	f := func(text string, want int) {
		t.Helper()
		s, err := ParseKeys([]byte(text))
		if s.Len() != want || (err != nil) != (want == 0) {
			t.Errorf("%.60s: %d keys, %v, want %d", text, s.Len(), err, want)
		}
	}
	one := jose.JSONWebKey{Key: &key.PublicKey, KeyID: "a"}
	f(text(one), 1)
	f(text(one, jose.JSONWebKey{Key: small}), 1)                                 // too short
	f(text(one, jose.JSONWebKey{Key: []byte("a secret that was published")}), 1) // no secret
	f(text(one, jose.JSONWebKey{Key: &key.PublicKey, Use: "enc"}), 1)
	f(strings.Replace(text(one), `[`, `[{"kty":"new"},`, 1), 1)
	f(text(jose.JSONWebKey{Key: key}), 1) // a private key, of which the public half counts
	f(text(jose.JSONWebKey{Key: small}), 0)
	x, y := b64(bytes.Repeat([]byte{1}, 32)), b64(bytes.Repeat([]byte{2}, 32))
	f(`{"keys":[{"kty":"EC","crv":"P-256","x":"`+x+`","y":"`+y+`"}]}`, 0) // no point of the curve
	f(`{"keys":[]}`, 0)
	f(`{"keys":1}`, 0)
	f(`{}`, 0)
	f(`[]`, 0)
	f(`<html>`, 0)
	f(``, 0)
	f(`{"keys":[`+strings.Repeat(`{},`, 300)+`{}]}`, 0)
}

// TestReplace: what is there before and after a change stays, and what is not is retired.
func TestReplace(t *testing.T) {
	a, b := newES256(t), newES256(t)
	before := setOf(t, jose.JSONWebKey{Key: &a.PublicKey, KeyID: "a"}, jose.JSONWebKey{Key: &b.PublicKey, KeyID: "b"})
	after := setOf(t, jose.JSONWebKey{Key: &b.PublicKey, KeyID: "b"}, jose.JSONWebKey{Key: &b.PublicKey, KeyID: "a"}).Replace(before)
	if after.list[0] != before.list[1] || after.list[0].Retired() {
		t.Error("a key that stays is another one")
	}
	if after.list[1] == before.list[0] || !before.list[0].Retired() {
		t.Error("a kid with another key is not another key")
	}
	if s := SecretKeys([]byte("x")).Replace(SecretKeys([]byte("y"))); s.list[0].Retired() || s.Len() != 1 {
		t.Error("a new secret is retired")
	}
}
