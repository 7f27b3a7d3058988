package gateway_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// signed returns a token for the secret of testdata/auth.
func signed(t *testing.T, subject string) string {
	t.Helper()
	secret, err := os.ReadFile("testdata/auth/secret")
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	input := enc([]byte(`{"alg":"HS256"}`)) + "." + enc(fmt.Appendf(nil, `{"aud":"api","sub":%q,"exp":%d}`, subject, time.Now().Unix()+60))
	mac := hmac.New(sha256.New, []byte(strings.TrimSuffix(string(secret), "\n")))
	mac.Write([]byte(input))
	return input + "." + enc(mac.Sum(nil))
}

// TestTokenOnTheLoop: a connection whose token was verified on a goroutine is the event loop's again, and all of its further
// requests find the token there.
func TestTokenOnTheLoop(t *testing.T) {
	seen := make(chan string, 100)
	up := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("X-User")
		io.WriteString(w, "ok") // the test will see
	}))
	for _, engine := range []string{looped, blocking} {
		g, address := serveOn(t, engine, "[upstream.api]\nendpoints = [\""+up+"\"]\n"+
			"[auth.users]\nsecret_file = \"testdata/auth/secret\"\nalgorithms = [\"HS256\"]\naudience = [\"api\"]\nset = { X-User = \"$claim.sub\" }\n"+
			"[route.api]\nupstream = \"api\"\nauth = [\"users\"]\n")
		c := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
		text := signed(t, "bob")
		for i := range 20 {
			r, err := http.NewRequest("GET", "http://"+address+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+text)
			res, err := c.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || string(body) != "ok" {
				t.Fatalf("%s, request %d: %s, %q, %v", engine, i, res.Status, body, err)
			}
			if user := <-seen; user != "bob" {
				t.Errorf("%s, request %d: X-User %q", engine, i, user)
			}
		}
		c.CloseIdleConnections()
		var verified, remembered string
		for _, line := range metric(g, "corsgate_auth_total") {
			switch {
			case strings.Contains(line, `"verified"`):
				verified = line
			case strings.Contains(line, `"remembered"`):
				remembered = line
			}
		}
		if !strings.HasSuffix(verified, " 1") || !strings.HasSuffix(remembered, " 19") {
			t.Errorf("%s: %s, %s, want 1 and 19", engine, verified, remembered)
		}
	}
}

// TestAuthVersions: by every version of HTTP, on each engine, preflights pass, a refusal can be read by the page with its challenge, a
// token is found again, and what a client writes of an identity, in its head or behind its content, is not forwarded.
func TestAuthVersions(t *testing.T) {
	trailerClients(t, func(t *testing.T, engine string, dial func() http.RoundTripper) {
		up := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // the trailers come behind it
			var more []string
			for name, values := range r.Trailer { // with those that were announced, and did not come
				if len(values) > 0 {
					more = append(more, name)
				}
			}
			fmt.Fprintf(w, "%s, %q", r.Header.Values("X-User"), more) // the test will see
		}))
		_, address := serveOn(t, engine, "[cors.app]\norigins = [\"https://app.example\"]\nrequest_headers = [\"Authorization\"]\n[upstream.api]\nendpoints = [\""+up+"\"]\n"+
			"[auth.users]\nsecret_file = \"testdata/auth/secret\"\nalgorithms = [\"HS256\"]\naudience = [\"api\"]\nset = { X-User = \"$claim.sub\" }\n"+
			"[route.api]\ncors = \"app\"\nupstream = \"api\"\nauth = [\"users\"]\n")
		client, url, origin := dial(), "https://"+address+"/", "https://app.example"
		bearer := "Bearer " + signed(t, "bob")
		f := func(want int, content string, res fetched) {
			t.Helper()
			if res.StatusCode != want || res.content != content || res.Header.Get("Access-Control-Allow-Origin") != origin {
				t.Errorf("%d, %q, shared with %q, want %d, %q, %q", res.StatusCode, res.content, res.Header.Get("Access-Control-Allow-Origin"), want, content, origin)
			}
			exposed, challenge := res.Header.Get("Access-Control-Expose-Headers"), res.Header.Get("WWW-Authenticate")
			if refused := want >= 400; strings.HasPrefix(challenge, "Bearer") != refused || strings.Contains(exposed, "WWW-Authenticate") != refused {
				t.Errorf("%d: WWW-Authenticate: %s, exposed: %s", want, challenge, exposed)
			}
		}
		f(204, "", do(t, client, "OPTIONS", url, nil, "Origin", origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization"))
		f(401, "This request needs credentials.\n", do(t, client, "GET", url, nil, "Origin", origin))
		f(401, "It is not a signed JSON Web Token.\n", do(t, client, "GET", url, nil, "Origin", origin, "Authorization", "Bearer x"))
		f(400, "The request has credentials twice where it can have them once.\n",
			do(t, client, "GET", url, nil, "Origin", origin, "Authorization", bearer, "Authorization", bearer))
		for range 3 {
			f(200, "[bob], []", do(t, client, "GET", url, nil, "Origin", origin, "Authorization", bearer, "X-User", "root", "x_user", "root", "X-USER", "root"))
		}
		r, err := http.NewRequest("POST", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		trailers := http.Header{"X-User": {"root"}, "X_user": {"root"}, "X-Sum": {"7"}}
		r.Header, r.Trailer, r.ContentLength = http.Header{"Origin": {origin}, "Authorization": {bearer}}, http.Header{"X-User": nil, "X_user": nil, "X-Sum": nil}, -1
		r.Body = io.NopCloser(&trailed{strings.NewReader("content"), r.Trailer, trailers})
		res, err := client.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		got, err := io.ReadAll(res.Body)
		if want := `[bob], ["X-Sum"]`; err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	})
}

// TestKeysFileAgain: a reload takes over what a file of keys holds now; what makes no sense changes nothing.
func TestKeysFileAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys")
	line := func(key string) string { return fmt.Sprintf("acme %x\n", sha256.Sum256([]byte(key))) }
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Minute) // it is whole
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	write(line("one"))
	cfg := parseFor(t, looped, fmt.Sprintf("[auth.keys]\nkeys_file = %q\nfrom = \"header:X-Api-Key\"\n[route.api]\nrespond = {}\nauth = [\"keys\"]\n", path))
	g, address := serveConfig(t, cfg)
	f := func(key string, want int) {
		t.Helper()
		if res, _ := ask(t, address, "GET", "/", "X-Api-Key: "+key); res.StatusCode != want {
			t.Errorf("%s: %d, want %d", key, res.StatusCode, want)
		}
	}
	f("one", 200)
	f("two", 401)
	write(line("two"))
	if err := g.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	f("one", 401)
	f("two", 200)
	write("acme 12\n")
	if err := g.Reload(cfg); err == nil || !strings.Contains(err.Error(), ":1: the second word") {
		t.Errorf("%v, want what is wrong with line 1", err)
	}
	f("two", 200)
}

// TestWhoIsLogged: the access log says who it was, a subject as a hash unless the configuration wants it plain, and why somebody
// was refused. A token or a key is in no line.
func TestWhoIsLogged(t *testing.T) {
	const table = "secret_file = \"testdata/auth/secret\"\nalgorithms = [\"HS256\"]\naudience = [\"api\"]\n"
	text := "[log]\naccess = \"all\"\n[auth.users]\n" + table + "[auth.plain]\n" + table + "log = \"plain\"\n[auth.off]\n" + table + "log = \"off\"\n" +
		"[auth.keys]\nkeys_file = \"testdata/auth/partners.keys\"\nfrom = \"query:key\"\n"
	for _, name := range []string{"users", "plain", "off", "keys"} {
		text += fmt.Sprintf("[route.%s]\npath = \"/%s\"\nrespond = {}\nauth = [%q]\n", name, name, name)
	}
	bob := signed(t, "bob")
	for _, engine := range []string{looped, blocking} {
		lines := logged(t, engine, text, func(address string) {
			for _, path := range []string{"/users", "/plain", "/off"} {
				ask(t, address, "GET", path, "Authorization: Bearer "+bob)
			}
			ask(t, address, "GET", "/keys?key=key-of-acme")
			ask(t, address, "GET", "/keys?key=key-of-acm")
			ask(t, address, "GET", "/users", "Authorization: Bearer "+bob+"x")
			ask(t, address, "GET", "/users")
		})
		sum := sha256.Sum256([]byte("users\x00bob"))
		want := []string{
			fmt.Sprintf("/users 200 users %x ", sum[:8]), "/plain 200 plain bob ", "/off 200 off  ", "/keys 200 keys acme ", "/keys 401   auth-key",
			"/users 401   auth-missing", "/users 401   auth-signature",
		}
		var got []string
		for _, l := range lines { // of several shards, in any order
			got = append(got, fmt.Sprintf("%s %d %s %s %s", l.Path, l.Status, l.Auth, l.Consumer, l.Error))
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", engine, diff)
		}
	}
}
