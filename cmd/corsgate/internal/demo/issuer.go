package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// issuer is the name of whom the tokens of the demo are from.
const issuer = "https://id.example"

// tokens are a good token and one that has expired, with the keys to verify them. They last for as long as the process.
var tokens = sync.OnceValue(func() (t struct {
	good, expired string
	keys          jose.JSONWebKeySet
}) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("BUG: no key can be made: " + err.Error()) // crypto/rand never fails
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "demo"}}, nil)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	sign := func(expires time.Time) string {
		claims, _ := json.Marshal(map[string]any{"iss": issuer, "aud": "demo", "sub": user, "exp": expires.Unix()})
		s, err := signer.Sign(claims)
		if err != nil {
			panic("BUG: " + err.Error())
		}
		text, _ := s.CompactSerialize() // it has one signature
		return text
	}
	now := time.Now()
	t.good, t.expired = sign(now.Add(30*24*time.Hour)), sign(now.Add(-time.Hour))
	t.keys.Keys = []jose.JSONWebKey{{Key: key.Public(), KeyID: "demo", Use: "sig", Algorithm: "ES256"}}
	return t
})

func keySet(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, tokens().keys) }

// orders answers whom the gateway has found. The API looks at no token.
func orders(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, map[string]string{"orders_of": r.Header.Get("X-User")})
}
