package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// now is the time of these tests.
var now = time.Unix(1_800_000_000, 0)

type claims = map[string]any

// good returns the claims of a good token, changed; nil takes one out.
func good(changes claims) claims {
	c := claims{"iss": "https://id.example.com", "aud": "api", "sub": "bob", "exp": now.Unix() + 60}
	for name, v := range changes {
		if c[name] = v; v == nil {
			delete(c, name)
		}
	}
	return c
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// compact makes a token of a header and a payload, which sign signs.
func compact(head, payload any, sign func(input []byte) []byte) string {
	part := func(v any) string {
		if s, ok := v.(string); ok {
			return b64([]byte(s))
		}
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return b64(b)
	}
	input := part(head) + "." + part(payload)
	return input + "." + b64(sign([]byte(input)))
}

func signES256(k *ecdsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, k, sum[:])
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
}

func newES256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// setOf returns a key set.
func setOf(t testing.TB, keys ...jose.JSONWebKey) *Keys {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// judge returns the step that fails, or "".
func judge(r *Rules, text string, keys *Keys) Step {
	c, f := r.Check(text, keys, now)
	if f == nil {
		_, f = r.Verify(c)
	}
	if f != nil {
		return f.Step
	}
	return ""
}

// TestRFC8725 goes through the practices of RFC 8725, section 3, as far as they are for who verifies, and the checks of RFC 7519.
func TestRFC8725(t *testing.T) {
	key, other := newES256(t), newES256(t)
	keys := setOf(t, jose.JSONWebKey{Key: &key.PublicKey, KeyID: "one", Algorithm: "ES256", Use: "sig"})
	rules := Rules{Algorithms: []string{"ES256"}, Issuer: "https://id.example.com", Audience: []string{"api", "admin"}, Leeway: 30 * time.Second}
	head := claims{"alg": "ES256", "kid": "one", "typ": "JWT"}
	with := func(changes claims) claims {
		c := claims{}
		for k, v := range head {
			c[k] = v
		}
		for k, v := range changes {
			if c[k] = v; v == nil {
				delete(c, k)
			}
		}
		return c
	}
	sign, none := signES256(key), func([]byte) []byte { return nil }
	public, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	mac := func(input []byte) []byte {
		m := hmac.New(sha256.New, public)
		m.Write(input)
		return m.Sum(nil)
	}
	text := compact(head, good(nil), sign)
	parts := strings.Split(text, ".")
	for _, v := range []struct {
		what, token string
		want        Step
	}{
		{"a good one", text, ""},
		{"3.1: none", compact(with(claims{"alg": "none"}), good(nil), none), Alg},
		{"3.1: none, signed", compact(with(claims{"alg": "none"}), good(nil), sign), Alg},
		{"3.1: nOnE", compact(with(claims{"alg": "nOnE"}), good(nil), none), Alg},
		{"3.1: no alg", compact(with(claims{"alg": nil}), good(nil), sign), Alg},
		{"3.1: HMAC with the public key", compact(with(claims{"alg": "HS256"}), good(nil), mac), Alg},
		{"3.1: two algorithms", compact(`{"alg":"none","alg":"ES256","kid":"one"}`, good(nil), sign), Form},
		{"3.1: in another case", compact(`{"ALG":"none","alg":"ES256","kid":"one"}`, good(nil), sign), ""},
		{"3.3: another key", compact(head, good(nil), signES256(other)), Signature},
		{"3.3: another kid", compact(with(claims{"kid": "two"}), good(nil), sign), Kid},
		{"3.3: a kid that is no text", compact(with(claims{"kid": 1}), good(nil), sign), Kid},
		{"3.3: no kid, and one key", compact(with(claims{"kid": nil}), good(nil), sign), ""},
		{"3.3: no kid, and another key", compact(with(claims{"kid": nil}), good(nil), signES256(other)), Signature},
		{"3.3: no signature", parts[0] + "." + parts[1] + ".", Signature},
		{"3.3: a key in the header", compact(with(claims{"kid": nil, "jwk": jose.JSONWebKey{Key: &other.PublicKey}}), good(nil), signES256(other)), Signature},
		{"3.4: a signature of zeros", parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)), Signature},
		{"3.7: a claim that is not UTF-8", compact(head, "{\"iss\":\"https://id.example.com\",\"aud\":\"api\",\"sub\":\"b\xff\",\"exp\":1800000060}", sign), Form},
		{"3.7: a header that is not UTF-8", compact("{\"alg\":\"ES256\",\"kid\":\"one\",\"x\":\"\xff\"}", good(nil), sign), Form},
		{"3.8: another issuer", compact(head, good(claims{"iss": "https://id.example.org"}), sign), Iss},
		{"3.8: no issuer", compact(head, good(claims{"iss": nil}), sign), Iss},
		{"3.8: a list of issuers", compact(head, good(claims{"iss": []string{"https://id.example.com"}}), sign), Iss},
		{"3.9: another audience", compact(head, good(claims{"aud": "other"}), sign), Aud},
		{"3.9: no audience", compact(head, good(claims{"aud": nil}), sign), Aud},
		{"3.9: an empty list", compact(head, good(claims{"aud": []string{}}), sign), Aud},
		{"3.9: a list with ours", compact(head, good(claims{"aud": []string{"x", "admin"}}), sign), ""},
		{"3.9: a list with a number", compact(head, good(claims{"aud": []any{1, "api"}}), sign), Aud},
		{"3.9: a part of ours", compact(head, good(claims{"aud": "ap"}), sign), Aud},
		{"crit", compact(with(claims{"crit": []string{"x"}, "x": 1}), good(nil), sign), Crit},
		{"b64", compact(with(claims{"b64": false, "crit": []string{"b64"}}), good(nil), sign), Crit},
		{"crit that is null", compact(`{"alg":"ES256","kid":"one","crit":null}`, good(nil), sign), Crit},
		{"b64 that is null", compact(`{"alg":"ES256","kid":"one","b64":null}`, good(nil), sign), Crit},
		{"a kid that is null", compact(`{"alg":"ES256","kid":null}`, good(nil), sign), Kid},
		{"a null for a header", compact(`null`, good(nil), sign), Alg},
		{"a list for a header", compact(`["ES256"]`, good(nil), sign), Form},
		{"an algorithm that is a list", compact(`{"alg":["ES256"],"kid":"one"}`, good(nil), sign), Alg},
		{"exp", compact(head, good(claims{"exp": now.Unix() - 31}), sign), Exp},
		{"exp at its end", compact(head, good(claims{"exp": now.Unix() - 30}), sign), Exp},
		{"exp within the leeway", compact(head, good(claims{"exp": now.Unix() - 29}), sign), ""},
		{"no exp", compact(head, good(claims{"exp": nil}), sign), Exp},
		{"exp as a text", compact(head, good(claims{"exp": fmt.Sprint(now.Unix() + 60)}), sign), Exp},
		{"exp out of all bounds", compact(head, `{"iss":"https://id.example.com","aud":"api","exp":1e300}`, sign), Exp},
		{"exp with a part of a second", compact(head, good(claims{"exp": float64(now.Unix()) + .5}), sign), ""},
		{"nbf", compact(head, good(claims{"nbf": now.Unix() + 31}), sign), Nbf},
		{"nbf within the leeway", compact(head, good(claims{"nbf": now.Unix() + 30}), sign), ""},
		{"nbf as a text", compact(head, good(claims{"nbf": "0"}), sign), Nbf},
		{"two exp", compact(head, `{"iss":"https://id.example.com","aud":"api","exp":1,"exp":1900000000}`, sign), Form},
		{"a list", compact(head, `[1]`, sign), Form},
		{"an object and more", compact(head, `{"aud":"api"}{}`, sign), Form},
		{"null", compact(head, `null`, sign), Form},
		{"two parts", parts[0] + "." + parts[1], Form},
		{"four parts", text + "." + parts[2], Form},
		{"five, as an encrypted one has", text + "." + parts[2] + "." + parts[2], Form},
		{"padding", text + "=", Form},
		{"a line end", parts[0] + "." + parts[1] + ".\n" + parts[2], Form},
		{"a JSON serialization", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, Form},
		{"changed claims", parts[0] + "." + b64([]byte(`{"iss":"https://id.example.com","aud":"api","sub":"root","exp":1800000060}`)) + "." + parts[2], Signature},
		{"nothing", "", Form},
		{"dots", "..", Form},
		{"more than 16 KiB", compact(head, good(claims{"pad": strings.Repeat("x", 16<<10)}), sign), Length},
		{"deep", compact(head, strings.Repeat("[", 6000), sign), Form},
	} {
		if got := judge(&rules, v.token, keys); got != v.want {
			t.Errorf("%s: fails at %q, want %q", v.what, got, v.want)
		}
	}
}

// TestAlgorithms: each key is for its own algorithms, whatever the rules accept.
func TestAlgorithms(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, secret := newES256(t), []byte("a secret of thirty-two bytes ---")
	signers := map[string]any{"ES256": p256, "ES384": p384, "EdDSA": private, "RS256": rsaKey, "PS512": rsaKey, "HS256": secret}
	sets := map[string]*Keys{
		"ES256": setOf(t, jose.JSONWebKey{Key: &p256.PublicKey}), "ES384": setOf(t, jose.JSONWebKey{Key: &p384.PublicKey}),
		"EdDSA": setOf(t, jose.JSONWebKey{Key: public}), "RS256": setOf(t, jose.JSONWebKey{Key: &rsaKey.PublicKey, Algorithm: "RS256"}),
		"PS512": setOf(t, jose.JSONWebKey{Key: &rsaKey.PublicKey, Algorithm: "PS512"}), "HS256": SecretKeys(secret),
	}
	for alg, key := range signers {
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, nil)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := json.Marshal(good(nil))
		if err != nil {
			t.Fatal(err)
		}
		jws, err := s.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		text, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		rules := Rules{Algorithms: []string{"ES256", "ES384", "EdDSA", "RS256", "PS512", "HS256"}, Audience: []string{"api"}}
		for of, set := range sets {
			if got := judge(&rules, text, set); (got == "") != (of == alg) {
				t.Errorf("%s with the key of %s: fails at %q", alg, of, got)
			}
		}
	}
}

// TestOneText: a token has one text. Bits that decoders ignore would give it several, each of which is verified and remembered.
func TestOneText(t *testing.T) {
	good := base64.RawURLEncoding.EncodeToString([]byte{1, 2, 3, 4})
	if _, ok := decode(good); !ok {
		t.Fatalf("%s is refused", good)
	}
	for _, other := range []string{good[:len(good)-1] + "B", good + "==", good + "\n", good + "=", strings.ReplaceAll(good, "_", "/") + " "} {
		if _, ok := decode(other); ok {
			t.Errorf("%q is another text of the same bytes, and is accepted", other)
		}
	}
}
