package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// An issuer has one key at a time, and publishes it.
type issuer struct {
	*httptest.Server
	asked atomic.Int64

	mu   sync.Mutex
	kid  string
	key  *ecdsa.PrivateKey
	hold chan struct{} // answers wait until it is closed; nil: they do not
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{}
	i.rotate(t, "first")
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		i.mu.Lock()
		set, hold := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &i.key.PublicKey, KeyID: i.kid}}}, i.hold
		i.mu.Unlock()
		if hold != nil {
			<-hold
		}
		if err := json.NewEncoder(w).Encode(set); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(i.Close)
	return i
}

// rotate exchanges the key.
func (i *issuer) rotate(t *testing.T, kid string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.kid, i.key = kid, key
}

// holds has the answers from now on wait for the returned function.
func (i *issuer) holds() (release func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	hold := make(chan struct{})
	i.hold = hold
	return sync.OnceFunc(func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.hold = nil
		close(hold)
	})
}

// sign returns a request with a token of the key that there is now.
func (i *issuer) sign(t *testing.T, sub string) *Subject {
	i.mu.Lock()
	defer i.mu.Unlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: i.kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{"iss": "https://id.example.com", "aud": "api", "sub": sub, "exp": begin.Unix() + 60})
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return subject(parse(t, "/", "Authorization: Bearer "+text))
}

// gate returns the gate of a route whose tokens are the issuer's.
func (i *issuer) gate(t *testing.T) *Gate {
	s, gates := compileText(t, `
[auth.users]
issuer     = "https://id.example.com"
jwks       = "`+i.URL+`"
audience   = ["api"]
algorithms = ["ES256"]
interval   = "1h"
[route.users]
auth = ["users"]
respond = {}
`, nil)
	sources := &Sources{Log: slog.New(slog.DiscardHandler)}
	sources.Swap(s)
	t.Cleanup(sources.Stop)
	return gates["users"]
}

// TestRotation: users whose tokens have a new key wait for it, all for one fetch, and none is refused. What the old key has signed
// is not accepted any more, and tokens that are made up have no further effect.
func TestRotation(t *testing.T) {
	i := newIssuer(t)
	g := i.gate(t)
	old := i.sign(t, "old")
	if a := g.Settle(old, nil); !a.Admitted || !g.Recall(old).Admitted {
		t.Fatalf("before: %+v", a)
	}
	i.rotate(t, "second")
	release := i.holds()
	defer release()
	var all sync.WaitGroup
	var begun atomic.Int64
	for range 32 {
		q := i.sign(t, "new")
		all.Go(func() {
			begun.Add(1)
			if a := g.Settle(q, nil); !a.Admitted {
				t.Errorf("a token of the new key: %+v", a.Refusal)
			}
		})
	}
	for i.asked.Load() < 2 || begun.Load() < 32 { // the test's own time bounds it
		time.Sleep(time.Millisecond)
	}
	release()
	all.Wait()
	if n := i.asked.Load(); n != 2 {
		t.Errorf("the keys were asked for %d times, want at the start and once more", n)
	}
	if a := g.Recall(old); !a.Waits {
		t.Errorf("a remembered token of the old key: %+v", a)
	}
	if a := g.Settle(old, nil); a.Admitted || a.Refusal.Code != "auth-kid" {
		t.Errorf("a token of the old key: %+v", a)
	}
	if n := i.asked.Load(); n != 2 {
		t.Errorf("the keys were asked for %d times in an interval, want once for all unknown tokens", n-1)
	}
}

// TestRotationMeanwhile: a fetch that is under way may bring what was published before the rotation. It is not the one that a token
// of the new key has asked for.
func TestRotationMeanwhile(t *testing.T) {
	i := newIssuer(t)
	release := i.holds()
	defer release()
	g := i.gate(t)
	for i.asked.Load() == 0 { // the test's own time bounds it
		time.Sleep(time.Millisecond)
	}
	i.rotate(t, "second")
	q := i.sign(t, "new")
	answer := make(chan Answer)
	go func() { answer <- g.Settle(q, nil) }()
	release()
	if a := <-answer; !a.Admitted {
		t.Errorf("a token of the new key: %+v", a.Refusal)
	}
}
