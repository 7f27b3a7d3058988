package token

import (
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func BenchmarkCheck(b *testing.B) {
	key := newES256(b)
	keys := setOf(b, jose.JSONWebKey{Key: &key.PublicKey})
	rules := Rules{Algorithms: []string{"ES256"}, Audience: []string{"api"}}
	text := compact(claims{"alg": "ES256"}, good(nil), signES256(key))
	b.Run("refused", func(b *testing.B) {
		for b.Loop() {
			rules.Check(text, keys, now.Add(time.Hour))
		}
	})
	b.Run("verified", func(b *testing.B) {
		for b.Loop() {
			c, _ := rules.Check(text, keys, now)
			rules.Verify(c)
		}
	})
}
