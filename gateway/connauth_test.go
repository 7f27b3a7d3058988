package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// An authServer is an upstream that logs users in for the rest of a connection, as Windows servers do: with any of schemes,
// the user after "PROOF-". Who is not logged in gets 401 with challenge.
type authServer struct {
	*httptest.Server
	challenge []string
	mu        sync.Mutex
	open      map[net.Conn]bool
	made      atomic.Int32
	requests  atomic.Int32
}

type authUser struct{}

func newAuthServer(t *testing.T, challenge ...string) *authServer {
	s := &authServer{challenge: challenge, open: map[net.Conn]bool{}}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		s.made.Add(1)
		return context.WithValue(ctx, authUser{}, new(string))
	}
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[c] = true; state == http.StateClosed {
			delete(s.open, c)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP answers with the connection's user.
func (s *authServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	user := r.Context().Value(authUser{}).(*string)
	for _, credentials := range r.Header.Values("Authorization") {
		if _, name, ok := strings.Cut(credentials, "PROOF-"); ok {
			*user = name
		}
	}
	switch {
	case r.URL.Path == "/drop":
		panic(http.ErrAbortHandler)
	case *user == "":
		for _, c := range s.challenge {
			w.Header().Add("WWW-Authenticate", c)
		}
		w.WriteHeader(401)
	default:
		w.Header().Set("WWW-Authenticate", "Negotiate mutual")
		io.WriteString(w, *user) // the client notices
	}
}

func (s *authServer) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// client returns a client of one connection of HTTP/1.1, and what it says to a path.
func authClient(t *testing.T, engine, address string) (ask func(path string, credentials ...string) string, end func()) {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	transport := &http.Transport{Protocols: &protocols, MaxConnsPerHost: 1, DisableCompression: true}
	scheme := "http://"
	if isSecure(engine) {
		transport.TLSClientConfig, scheme = authority(t).client(), "https://"
	}
	t.Cleanup(transport.CloseIdleConnections)
	return func(path string, credentials ...string) string {
		t.Helper()
		req, err := http.NewRequest("GET", scheme+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header["Authorization"] = credentials
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(res.StatusCode, " ", string(body))
	}, transport.CloseIdleConnections
}

func authConfig(s *authServer) string {
	return "[upstream.api]\nendpoints = [\"" + s.URL + "\"]\n[route.api]\nupstream = \"api\"\n"
}

func onFourEngines(t *testing.T, test func(t *testing.T, engine string)) {
	for _, engine := range []string{looped, blocking, secure, secureBlocking} {
		t.Run(engine, func(t *testing.T) { test(t, engine) })
	}
}

// TestConnectionAuth: a connection on which somebody has logged in serves nobody else, stays that user's between requests, and
// ends with the user's own.
func TestConnectionAuth(t *testing.T) {
	for _, credentials := range [][]string{{"NTLM PROOF-"}, {"Negotiate PROOF-"}, {"negotiate  PROOF-"}, {"nTlM PROOF-"}, {"Basic x", "NTLM PROOF-"}, {"Basic x, NTLM PROOF-"}} {
		onFourEngines(t, func(t *testing.T, engine string) {
			s := newAuthServer(t, "Negotiate", "NTLM", `Basic realm="x"`)
			_, address := serveOn(t, engine, authConfig(s))
			as := func(user string) (list []string) {
				for _, c := range credentials {
					list = append(list, strings.Replace(c, "PROOF-", "PROOF-"+user, 1))
				}
				return list
			}
			alice, aliceEnds := authClient(t, engine, address)
			bob, _ := authClient(t, engine, address)
			carol, _ := authClient(t, engine, address)
			f := func(got, want string) {
				t.Helper()
				if got != want {
					t.Errorf("%q: %q, want %q", credentials, got, want)
				}
			}
			f(alice("/"), "401 ")
			f(alice("/", as("alice")...), "200 alice")
			f(carol("/"), "401 ")
			f(bob("/", as("bob")...), "200 bob")
			for range 3 {
				f(alice("/"), "200 alice")
				f(bob("/"), "200 bob")
				f(carol("/"), "401 ")
			}
			open := s.connections()
			aliceEnds()
			soon(t, "alice's connection ends with hers", func() bool { return s.connections() < open })
			f(carol("/"), "401 ")
			f(bob("/"), "200 bob")
		})
	}
}

// TestConnectionAuthIsNotRetried: what fails on a connection of its own fails, and the next request has to log in again.
func TestConnectionAuthIsNotRetried(t *testing.T) {
	onFourEngines(t, func(t *testing.T, engine string) {
		s := newAuthServer(t, "NTLM")
		_, address := serveOn(t, engine, authConfig(s))
		ask, _ := authClient(t, engine, address)
		if got := ask("/", "NTLM PROOF-alice"); got != "200 alice" {
			t.Fatal(got)
		}
		before := s.requests.Load()
		if got := ask("/drop"); !strings.HasPrefix(got, "502 ") || s.requests.Load() != before+1 {
			t.Errorf("%q, and %d requests at the upstream, want 502, and 1", got, s.requests.Load()-before)
		}
		if got := ask("/"); got != "401 " {
			t.Errorf("on another connection: %q, want 401", got)
		}
		if got := ask("/", "NTLM PROOF-alice"); got != "200 alice" {
			t.Errorf("logged in again: %q", got)
		}
		s.CloseClientConnections() // between two requests
		soon(t, "the connections end", func() bool { return s.connections() == 0 })
		if got := ask("/"); got != "401 " {
			t.Errorf("after the upstream has closed the connection: %q, want 401", got)
		}
	})
}

// TestConnectionAuthOffer: a connection whose response offers such a scheme is not shared either.
func TestConnectionAuthOffer(t *testing.T) {
	onFourEngines(t, func(t *testing.T, engine string) {
		s := newAuthServer(t, `Basic realm="a, b", ntlm`)
		_, address := serveOn(t, engine, authConfig(s))
		ask, _ := authClient(t, engine, address)
		for range 3 {
			ask("/")
		}
		if got := s.made.Load(); got != 3 {
			t.Errorf("%d connections for 3 requests, want 3", got)
		}
	})
}

// TestConnectionAuthMultiplexed: HTTP/2 and HTTP/3 may carry many users' requests, so they get neither the challenge nor the login.
func TestConnectionAuthMultiplexed(t *testing.T) {
	multiplexed(t, func(t *testing.T, engine string) {
		s := newAuthServer(t, "Negotiate", `Basic realm="a, b", NTLM, Digest realm="c", nonce=d`, "Bearer")
		_, address := serveOn(t, engine, authConfig(s))
		client := multiplexedClient(t, engine)
		ask := func(credentials string) *http.Response {
			t.Helper()
			req, err := http.NewRequest("GET", "https://"+address+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", credentials)
			res, err := client.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			return res
		}
		res := ask("Bearer x")
		if got := fmt.Sprintf("%d %q", res.StatusCode, res.Header.Values("WWW-Authenticate")); got != `401 ["Basic realm=\"a, b\", Digest realm=\"c\", nonce=d" "Bearer"]` {
			t.Errorf("without such credentials: %s", got)
		}
		before := s.requests.Load()
		for _, scheme := range []string{"NTLM", "Negotiate", "negotiate"} {
			res := ask(scheme + " PROOF-alice")
			if got := fmt.Sprintf("%d %q", res.StatusCode, res.Header.Values("WWW-Authenticate")); got != `401 []` {
				t.Errorf("%s: %s, want 401 without a challenge", scheme, got)
			}
		}
		if got := s.requests.Load() - before; got != 0 {
			t.Errorf("%d requests with such credentials reached the upstream, want 0", got)
		}
	})
}
