package jwks

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keySet returns the text of a key set with some new keys.
func keySet(t testing.TB, kids ...string) string {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, kid := range kids {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &k.PublicKey, KeyID: kid})
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A server answers in the place of the network.
type server struct {
	mu     sync.Mutex
	asked  []string // URLs
	fields []http.Header
	answer func(r *http.Request) (status int, fields map[string]string, text string, err error)
	delay  time.Duration
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked, s.fields = append(s.asked, r.URL.String()), append(s.fields, r.Header.Clone())
	answer, delay := s.answer, s.delay
	s.mu.Unlock()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-time.After(delay):
	}
	status, fields, text, err := answer(r)
	if err != nil {
		return nil, err
	}
	res := &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}
	for k, v := range fields {
		res.Header.Set(k, v)
	}
	return res, nil
}

func (s *server) set(answer func(*http.Request) (int, map[string]string, string, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func says(text string) func(*http.Request) (int, map[string]string, string, error) {
	return func(*http.Request) (int, map[string]string, string, error) { return 200, nil, text, nil }
}

// run runs a source until the test ends.
func run(t *testing.T, o Options, s *server) (src *Source) {
	src = New(o)
	src.through = s
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { src.Run(ctx, slog.New(slog.DiscardHandler)) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return src
}

const keysURL = "https://id.example.com/keys"

// TestFirst: who comes before the keys waits for them, and all wait for one fetch.
func TestFirst(t *testing.T) {
	text := keySet(t, "a")
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: says(text), delay: 300 * time.Millisecond}
		src := run(t, Options{URL: keysURL, Interval: time.Minute}, s)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if src.Await(time.Second); src.Keys().Len() != 1 {
					t.Errorf("%d keys after the wait, want 1", src.Keys().Len())
				}
			})
		}
		all.Wait()
		if n := s.count(); n != 1 {
			t.Errorf("asked %d times, want 1", n)
		}
		if age, ok := src.Age(time.Now()); !ok || age > time.Second {
			t.Errorf("the keys are %v old, %t", age, ok)
		}
	})
}

// TestAwaitIsBounded: a server that says nothing keeps nobody for longer.
func TestAwaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: says(""), delay: time.Hour}
		src := run(t, Options{URL: keysURL, Interval: time.Minute}, s)
		begin := time.Now()
		src.Await(5 * time.Second)
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("waited %v, want 5s", took)
		}
	})
}

// TestUnknown: tokens with unknown kids have the keys fetched once in an interval, whoever makes them up.
func TestUnknown(t *testing.T) {
	text := keySet(t, "a")
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: says(text), delay: 100 * time.Millisecond}
		src := run(t, Options{URL: keysURL, Interval: time.Minute}, s)
		src.Await(time.Second)
		time.Sleep(10 * time.Second)
		var renewed atomic.Int64
		for range 2 {
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if src.Renew(time.Second, time.Now()) {
						renewed.Add(1)
					}
				})
			}
			all.Wait()
			synctest.Wait()
		}
		if n := s.count(); n != 2 || renewed.Load() != 50 {
			t.Errorf("asked %d times, for %d tokens, want 2 times, and once for 50", n, renewed.Load())
		}
		time.Sleep(time.Minute + time.Second)
		before := s.count()
		if !src.Renew(time.Second, time.Now()) || s.count() != before+1 {
			t.Errorf("a minute later: asked %d times more, want once", s.count()-before)
		}
	})
}

// TestLastGoodKeys: what cannot be fetched or understood changes nothing, and is tried again soon.
func TestLastGoodKeys(t *testing.T) {
	text, next := keySet(t, "a"), keySet(t, "b", "c")
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: says(text)}
		src := run(t, Options{URL: keysURL, Interval: time.Minute}, s)
		synctest.Wait()
		first := src.Keys()
		for _, bad := range []func(*http.Request) (int, map[string]string, string, error){
			says("<html>"), says(`{"keys":[]}`), says(strings.Repeat(" ", 2<<20)),
			func(*http.Request) (int, map[string]string, string, error) { return 500, nil, next, nil },
			func(*http.Request) (int, map[string]string, string, error) { return 304, nil, "", nil },
			func(*http.Request) (int, map[string]string, string, error) { return 0, nil, "", errors.New("down") },
		} {
			s.set(bad)
			time.Sleep(2 * time.Minute)
			if src.Keys() != first {
				t.Fatal("the keys are others")
			}
		}
		if src.Counts.Failed.Load() < 5 {
			t.Errorf("%d failures", src.Counts.Failed.Load())
		}
		s.set(says(next))
		time.Sleep(time.Minute)
		if n := src.Keys().Len(); n != 2 {
			t.Errorf("%d keys when the server is back, want 2", n)
		}
	})
}

// TestConditional: a server is asked whether anything has changed.
func TestConditional(t *testing.T) {
	text := keySet(t, "a")
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(r *http.Request) (int, map[string]string, string, error) {
			if r.Header.Get("If-None-Match") == `"v1"` {
				return 304, nil, "", nil
			}
			return 200, map[string]string{"ETag": `"v1"`, "Last-Modified": "x"}, text, nil
		}}
		src := run(t, Options{URL: keysURL, Interval: time.Minute}, s)
		time.Sleep(3*time.Minute + time.Second)
		if f, u := src.Counts.Fetched.Load(), src.Counts.Unchanged.Load(); f != 1 || u < 2 {
			t.Errorf("%d fetched, %d unchanged, want 1 and the others", f, u)
		}
		if age, _ := src.Age(time.Now()); age > time.Minute {
			t.Errorf("the keys are %v old, although they were confirmed", age)
		}
	})
}

// TestDiscovery: the metadata of OpenID come first, then those of OAuth; both have to name the issuer.
func TestDiscovery(t *testing.T) {
	text := keySet(t, "a")
	f := func(issuer string, metadata map[string]string, keys int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s := &server{answer: func(r *http.Request) (int, map[string]string, string, error) {
				if r.URL.Path == "/keys" {
					return 200, nil, text, nil
				}
				if m, ok := metadata[r.URL.Path]; ok {
					return 200, nil, m, nil
				}
				return 404, nil, "", nil
			}}
			src := run(t, Options{URL: issuer, Discover: true, Interval: time.Minute}, s)
			synctest.Wait()
			if n := src.Keys().Len(); n != keys {
				t.Errorf("%s with %v: %d keys, want %d; asked %q", issuer, metadata, n, keys, s.asked)
			}
		})
	}
	good := func(issuer string) string {
		return `{"issuer":"` + issuer + `","jwks_uri":"https://id.example.com/keys"}`
	}
	const a, b = "https://id.example.com", "https://id.example.com/tenant"
	f(a, map[string]string{"/.well-known/openid-configuration": good(a)}, 1)
	f(a, map[string]string{"/.well-known/oauth-authorization-server": good(a)}, 1)
	f(b, map[string]string{"/tenant/.well-known/openid-configuration": good(b)}, 1)
	f(b, map[string]string{"/.well-known/oauth-authorization-server/tenant": good(b)}, 1)
	f(a, map[string]string{"/.well-known/openid-configuration": good(b)}, 0)
	f(a, map[string]string{"/.well-known/openid-configuration": good(a + "/")}, 0)
	f(a, map[string]string{"/.well-known/openid-configuration": "<html>", "/.well-known/oauth-authorization-server": good(a)}, 1)
	f(a, map[string]string{"/.well-known/openid-configuration": strings.Replace(good(a), "https://id.example.com/keys", "http://id.example.com/keys", 1)}, 0)
	f(a, map[string]string{"/.well-known/openid-configuration": strings.Replace(good(a), "https://id.example.com/keys", "file:///keys", 1)}, 0)
	f(a, nil, 0)
}
