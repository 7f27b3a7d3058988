package browser_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// secret is what the tokens of the route users are signed with.
const secret = "the secret of the browser's tests"

func secretFile(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// bearer returns the header with a token for an audience.
func bearer(audience string) string {
	enc := base64.RawURLEncoding.EncodeToString
	input := enc([]byte(`{"alg":"HS256"}`)) + "." + enc([]byte(`{"aud":"`+audience+`","sub":"bob","exp":9999999999}`))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(input))
	return "Authorization: Bearer " + input + "." + enc(mac.Sum(nil))
}

// authorise answers as oauth2-proxy and Authelia do: the user of a session, or a redirect to the login, with a cookie that ties the
// login to this browser.
func authorise(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie("session"); err == nil && c.Value == "1" {
		w.Header().Set("X-Auth-Request-User", "bob")
		w.Header().Set("X-Auth-Request-Email", "bob@example.com")
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Set-Cookie", "_oauth2_proxy_csrf=1; Path=/; Secure; HttpOnly; SameSite=Lax")
	http.Redirect(w, r, "https://login.corsgate.test/?rd="+r.Header.Get("X-Forwarded-Uri"), http.StatusFound)
}

// asked are about who it is: a preflight is never asked, and the page reads the refusal with what it asks for.
func asked() []*testCase {
	const users, sso = api443 + "/users/1", api443 + "/sso/1"
	return []*testCase{
		{name: "no token", page: app, ask: "GET " + users, verdict: "401 Bearer", readable: "x-request-id"},
		{name: "no token, a preflight", page: app, ask: "PUT " + users, verdict: "401 Bearer", readable: "x-request-id", preflights: 1},
		{name: "a bad token", page: app, ask: "GET " + users, Headers: []string{bearer("other")}, readable: "x-request-id", preflights: 1,
			verdict: `401 Bearer error="invalid_token", error_description="The token is not for this audience (aud)."`,
			differs: "explain is asked about headers by name"},
		{name: "a good token", page: app, ask: "PUT " + users, Headers: []string{bearer("api")}, verdict: "200", preflights: 1, reached: "PUT",
			differs: "explain is asked about headers by name"},
		{name: "a foreign page learns nothing", page: foreign, ask: "GET " + users, verdict: unreadable},
		{name: "a foreign page with a token", page: foreign, ask: "GET " + users, Headers: []string{bearer("api")}, verdict: unreadable, preflights: 1},

		{name: "no session", page: app, ask: "GET " + sso, Credentials: true, verdict: `401 Cookie realm="sso"`, readable: "x-request-id"},
		{name: "no session, a preflight", page: app, ask: "PUT " + sso, Credentials: true, verdict: `401 Cookie realm="sso"`, readable: "x-request-id", preflights: 1},
		{name: "a navigation goes to the login", page: app, By: "form", ask: "GET " + sso, verdict: "sent",
			differs: "only the authoriser knows that there is no session"},
		{name: "the login", page: app, ask: "GET " + api443 + "/sso/enter", Credentials: true, verdict: "200", reached: "GET"},
		{name: "a session", page: app, ask: "PUT " + sso, Credentials: true, verdict: "200", preflights: 1, reached: "PUT+cookie"},
		{name: "a session, remembered", page: app, ask: "GET " + sso, Credentials: true, verdict: "200", reached: "GET+cookie"},
		{name: "a session that does not come along", page: app, ask: "GET " + sso, verdict: `401 Cookie realm="sso"`, readable: "x-request-id"},
	}
}
