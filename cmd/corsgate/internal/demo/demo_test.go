package demo

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp never ends its clock, and its worker pools notice their end after 10 s.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// start starts a demo on ports that nobody uses.
func start(t *testing.T) *Demo {
	t.Helper()
	d, err := Start(Ports{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		d.Stop(ctx) // a browser may keep a connection; it is closed all the same
	})
	return d
}

// client returns a client with a cookie jar, which keeps no connections.
func client(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
}

func read(t *testing.T, res *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Each call must come out as Call.Status says, for both pages, with the gateway's own reason.
func TestReplay(t *testing.T) {
	d := start(t)
	reasons := map[string]string{"patch": "method-not-allowed", "header": "header-not-allowed"}
	for _, origin := range []string{d.Allowed, d.Denied} {
		c := client(t)
		for _, call := range calls() {
			if call.ID == "profile" && origin == d.Allowed {
				// What the page's own login would have left in the browser.
				res, err := c.Post(d.Gateway+"/account/login", "", nil)
				read(t, res, err)
			}
			res, err := c.Post(origin+"/replay/"+call.ID, "", nil)
			var r Replay
			if err := json.Unmarshal([]byte(read(t, res, err)), &r); err != nil {
				t.Fatalf("%s: %v", call.ID, err)
			}
			wantStatus, wantReason := call.Status, reasons[call.ID]
			if origin == d.Denied {
				wantStatus, wantReason = 0, ""
				if r.Preflight != nil || strings.HasPrefix(call.Path, "/account") {
					wantReason = "origin-not-allowed"
				}
			}
			if r.Shared != (wantStatus != 0) || r.Reason != wantReason {
				t.Errorf("%s from %s: shared %t, reason %q, want %t, %q", call.ID, origin, r.Shared, r.Reason, wantStatus != 0, wantReason)
			}
			if r.Shared && !strings.HasPrefix(r.Actual.Response, "HTTP/1.1 "+itoa(wantStatus)+" ") {
				t.Errorf("%s from %s: %q, want status %d", call.ID, origin, r.Actual.Response, wantStatus)
			}
			if r.Summary == "" || len(r.Steps) == 0 || r.Steps[len(r.Steps)-1].OK != r.Shared {
				t.Errorf("%s from %s: summary %q, steps %v", call.ID, origin, r.Summary, r.Steps)
			}
		}
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// The API's own CORS field is there to be seen, and does not pass the gateway.
func TestLegacy(t *testing.T) {
	d := start(t)
	call, _ := callOf("legacy")
	r, err := d.replay(d.Allowed, "", call)
	if err != nil {
		t.Fatal(err)
	}
	const field = "Access-Control-Allow-Origin: "
	if !strings.Contains(r.Upstream.Response, field+"https://old-frontend.example") {
		t.Errorf("the API answers\n%s", r.Upstream.Response)
	}
	if !strings.Contains(r.Actual.Response, field+d.Allowed) || strings.Contains(r.Actual.Response, "old-frontend") {
		t.Errorf("the gateway answers\n%s", r.Actual.Response)
	}
}

func TestPages(t *testing.T) {
	d := start(t)
	c := client(t)
	for _, origin := range []string{d.Allowed, d.Denied} {
		res, err := c.Get(origin + "/")
		if body := read(t, res, err); body != page {
			t.Errorf("%s/ is not the page", origin)
		}
		res, err = c.Get(origin + "/demo.json")
		var f facts
		if err := json.Unmarshal([]byte(read(t, res, err)), &f); err != nil {
			t.Fatal(err)
		}
		if f.Origin != origin || f.Gateway != d.Gateway || len(f.Calls) != len(calls()) || f.Config != d.Config {
			t.Errorf("%s/demo.json = %+v", origin, f)
		}
	}
	res, err := c.Post(d.Allowed+"/replay/nothing", "", nil)
	if read(t, res, err); res.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown call: %d, want 404", res.StatusCode)
	}
	req, err := http.NewRequest("POST", d.Allowed+"/replay/put", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", d.Denied)
	res, err = c.Do(req)
	if read(t, res, err); res.StatusCode != http.StatusForbidden {
		t.Errorf("a replay for a foreign page: %d, want 403", res.StatusCode)
	}
}

func TestAPI(t *testing.T) {
	d := start(t)
	c := client(t)
	f := func(method, path, body, authorization string, want int) {
		t.Helper()
		req, err := http.NewRequest(method, d.API+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		res, err := c.Do(req)
		if text := read(t, res, err); res.StatusCode != want {
			t.Errorf("%s %s %q: %d %s, want %d", method, path, body, res.StatusCode, text, want)
		}
	}
	f("PUT", "/api/items/3", `{"name":"a"}`, "", 200)
	f("PUT", "/api/items/0", `{"name":"a"}`, "", 400)
	f("PUT", "/api/items/100", `{"name":"a"}`, "", 400)
	f("PUT", "/api/items/3", `{"name":"`+strings.Repeat("a", maxName+1)+`"}`, "", 400)
	f("PUT", "/api/items/3", `{`, "", 400)
	f("PUT", "/api/items/3", strings.Repeat(" ", 5000)+`{"name":"a"}`, "", 400)
	f("DELETE", "/api/items/3", "", "", 401)
	f("DELETE", "/api/items/3", "", "Bearer x", 200)
	f("DELETE", "/api/items/x", "", "Bearer x", 404)
	f("GET", "/account/profile", "", "", 401)
	f("POST", "/account/login", "", "", 200)
	f("GET", "/account/profile", "", "", 200)
}

// A port in use is no reason to give up, and the user is told.
func TestMovedPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	d, err := Start(Ports{API: port}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Moved) != 1 || !strings.Contains(d.Moved[0], "the API listens on "+strings.TrimPrefix(d.API, "http://")) {
		t.Errorf("Moved = %q", d.Moved)
	}
	if err := d.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	for _, origin := range []string{d.Gateway, d.Allowed, d.Denied, d.API} {
		if conn, err := net.Dial("tcp", strings.TrimPrefix(origin, "http://")); err == nil {
			conn.Close()
			t.Errorf("%s listens after Stop", origin)
		}
	}
}

func TestReasonOf(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := reasonOf(text); got != want {
			t.Errorf("reasonOf(%q) = %q, want %q", text, got, want)
		}
	}
	f("CORS preflight refused: method-not-allowed\n", "method-not-allowed")
	f("Pages of this origin may not use this resource (origin-not-allowed).", "origin-not-allowed")
	f("No route is configured for this path.", "")
	f("", "")
}

func TestCallIDs(t *testing.T) {
	var seen []string
	for _, c := range calls() {
		if slices.Contains(seen, c.ID) {
			t.Errorf("two calls are named %q", c.ID)
		}
		seen = append(seen, c.ID)
	}
}
