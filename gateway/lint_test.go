package gateway_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/corsgate/corsgate/gateway"
)

// TestLint: each want is a line, a key and a part of a warning.
func TestLint(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		problems, warnings := gateway.Check(parse(t, text))
		if len(problems) > 0 {
			t.Errorf("problems: %v\n%s", problems, text)
		}
		for i, w := range warnings {
			got := fmt.Sprintf("%d: %s: ", w.Line, w.Key)
			wanted := append(want, make([]string, len(warnings))...)[i]
			place, part, _ := strings.Cut(wanted, ": ")
			key, part, _ := strings.Cut(part, ": ")
			if got != place+": "+key+": " || !strings.Contains(w.Error(), part) {
				t.Errorf("warning %d is %v, want %s\n%s", i, w, wanted, text)
			}
		}
		if len(warnings) != len(want) {
			t.Errorf("%d warnings, want %d: %v\n%s", len(warnings), len(want), warnings, text)
		}
	}
	const (
		app  = "[cors.app]\norigins = [\"https://app.example.com\"]\n"
		api  = "[upstream.api]\nendpoints = [\"http://127.0.0.1:9001\"]\n"
		uses = "[route.api]\ncors = \"app\"\nupstream = \"api\"\n"
	)
	// Nothing to say.
	f(app + api + "[upstream.next]\nendpoints = [\"http://127.0.0.1:9002\"]\n[upstream.copy]\nendpoints = [\"http://127.0.0.1:9003\"]\n" +
		"[route.api]\ncors = \"app\"\nsplit = [{ upstream = \"api\", weight = 1 }, { upstream = \"next\", weight = 0 }]\nmirror = { upstream = \"copy\" }\n")
	f(app + api + uses)
	f("[route.r]\nrespond = {}\n")
	// Unused tables. A shadow is used, but not that of a shadow.
	f(api+"[limit.l]\nrate = \"1/s\"\n[route.r]\nupstream = \"api\"\n", "3: limit.l: no route")
	f(app+api+"[route.r]\nrespond = {}\n", "1: cors.app: no route", "3: upstream.api: no route")
	f(app + "shadow = \"next\"\n[cors.next]\norigins = [\"*\"]\n[route.r]\ncors = \"app\"\nrespond = {}\n")
	f(app+"shadow = \"next\"\n[cors.next]\norigins = [\"*\"]\nshadow = \"last\"\n[cors.last]\norigins = [\"*\"]\n"+
		"[route.r]\ncors = \"app\"\nrespond = {}\n", "7: cors.last: no route")
	f(app+"shadow = \"next\"\n[cors.next]\norigins = [\"*\"]\n[route.r]\nrespond = {}\n", "1: cors.app: no route", "4: cors.next: no route")
	// Names that never pass, though the policy allows them: once, however many routes there are.
	names := func(list string) string { return app + "request_headers = [" + list + "]\n" + api }
	f(names(`"api_key", "x.y"`) + uses)
	f(names(`"api_key", "x_real_ip"`)+uses+"[route.b]\npath = \"/b\"\ncors = \"app\"\nupstream = \"api\"\n", "3: cors.app.request_headers: x_real_ip never reaches")
	f(names(`"api_key"`)+uses+"request_set_headers = { Api-Key = \"k\" }\n", "3: cors.app.request_headers: api_key never reaches")
	f(names(`"api_key"`) + "[route.r]\ncors = \"app\"\nrespond = {}\n[route.api]\npath = \"/a\"\nupstream = \"api\"\n")
	f(api+"[trust]\nproxies = [\"127.0.0.1\"]\npass_headers = [\"X-Original-URL\", \"X-Other\"]\n[route.r]\nupstream = \"api\"\n", "5: trust.pass_headers: X-Other is not one")
	f(api+"[trust]\npass_headers = [\"X-Original-URL\"]\n[route.r]\nupstream = \"api\"\n", "4: trust.pass_headers: no trusted proxies")
	// Who asks.
	keys := "[auth.keys]\nkeys_file = \"testdata/auth/partners.keys\"\n"
	f(app + api + keys + uses + "auth = [\"keys\"]\n")
	f(app+api+keys+uses, "5: auth.keys: no route asks")
	f(api+keys+"[route.api]\nupstream = \"api\"\nauth = [\"keys\"]\n", "7: route.api.auth: without a policy")
	f(app+"upstream_cors = \"passthrough\"\n"+api+keys+uses+"auth = [\"keys\"]\n", "11: route.api.auth: the policy leaves preflights")
	f(app+api+keys+"from = \"query:key\"\n"+uses+"auth = [\"keys\"]\n", "7: auth.keys.from: keys in URLs")
	f("[cors.app]\norigins = [\"*\"]\n"+api+keys+"from = \"cookie:key\"\n"+uses+"auth = [\"keys\"]\n", "11: route.api.auth: auth.keys looks for a cookie")
	f(app+api+"[auth.mesh]\ncertificate = { san = [\"a.example\"] }\n"+uses+"auth = [\"mesh\"]\n", "6: auth.mesh.certificate: no listener asks")
	f(app + api + "[upstream.sso]\nendpoints = [\"http://127.0.0.1:9091\"]\n[auth.sso]\nforward = \"sso\"\n" + uses + "auth = [\"sso\"]\n")
	sso := app + api + "[upstream.sso]\nendpoints = [\"http://127.0.0.1:9091\"]\n[auth.sso]\nforward = \"sso\"\nremember = \"9s\"\n"
	f(sso + "key = [\"cookie:session\", \"header:authorization\"]\n" + uses + "auth = [\"sso\"]\n")
	f(sso + "key = [\"cookie:session\"]\nsend = [\"Cookie\", \"Accept\"]\n" + uses + "auth = [\"sso\"]\n")
	f(sso+"key = [\"cookie:session\"]\n"+uses+"auth = [\"sso\"]\n", "10: auth.sso.key: upstream sso is sent Authorization")
	f(sso+"key = [\"client_ip\"]\nsend = [\"Cookie\"]\n"+uses+"auth = [\"sso\"]\n", "10: auth.sso.key: upstream sso is sent Cookie")
	f(app+api+"[limit.l]\nrate = \"1/s\"\nkey = \"auth\"\n"+uses+"limit = \"l\"\n", "8: route.api: limit.l counts by")
	// Repeated elements.
	f("[route.r]\nhosts = [\n\"a.com\",\n\"b.com\",\n\"a.com\"]\nmethods = [\"GET\", \"GET\"]\nrespond = {}\n",
		`5: route.r.hosts: "a.com" is already listed, at corsgate.toml:3`, "6: route.r.methods: at corsgate.toml:6")
	// Routes that nothing can reach.
	f("[route.r]\nmethods = [\"TRACE\", \"track\"]\nrespond = {}\n", "2: route.r.methods: refuses TRACE and track")
	f("[route.r]\nmethods = [\"TRACE\", \"GET\"]\nrespond = {}\n")
	for _, path := range []string{"/a/../b", "/a/./", "/%2e%2e/b", "/a%2fb", "/a;x", "/a%5cb", "/a%252fb"} {
		f("[route.r]\nhosts = [\"*.a.com\", \"a.com\"]\npath = \""+path+"\"\nrespond = {}\n", "3: route.r.path: several readings")
	}
	for _, path := range []string{"/", "/a/", "/a//b", "/caf%C3%A9", "/%41", "/a.b/...", "/a%20b"} {
		f("[route.r]\npath = \"" + path + "\"\nrespond = {}\n[route.s]\nhosts = [\"host0\"]\nmethods = [\"METHOD0\"]\nrespond = {}\n")
	}
	// The gateway's own host. A page of one host may use the API of another.
	own := "[cors.app]\norigins = [\"https://api.example.com\",\n\"http://api.example.com\", \"https://api.example.com:8443\"]\n"
	f(own+api+uses+"hosts = [\"api.example.com\"]\n",
		`2: cors.app.origins: "https://api.example.com" is the gateway's own host, at corsgate.toml:9`, "3: cors.app.origins: \"http://api")
	f(own + api + uses)
	f(own + api + uses + "hosts = [\"api.example.com\", \"www.example.com\"]\n")
	f(own + api + uses + "hosts = [\"*.example.com\"]\n")
	// Redirects to https.
	const proxies = "[trust]\nproxies = [\"10.0.0.0/8\"]\n"
	redirects := "[listener.http]\nredirect_https = true\n"
	f(proxies + redirects + app + api + uses)
	f(redirects+app+api+uses, "2: listener.http.redirect_https: only preflights")
	f(redirects + "[listener.behind]\naddress = \":81\"\n" + app + api + uses)
	f(proxies+redirects+strings.ReplaceAll(app, "https:", "http:")+api+uses, "6: cors.app.origins: listener.http redirects to https, at corsgate.toml:4")
	// Bounds that cannot be reached.
	f("[limits]\nconnections = 10\nconnections_per_ip = 11\n[route.r]\nrespond = {}\n",
		"3: limits.connections_per_ip: limits.connections is 10, at corsgate.toml:2")
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if n := uint64(limit.Cur); n < 10_000_000 {
		f(fmt.Sprintf("[limits]\nconnections = %d\n[route.r]\nrespond = {}\n", n/2))
		f(fmt.Sprintf("[limits]\nconnections = %d\n[route.r]\nrespond = {}\n", n), fmt.Sprintf("2: limits.connections: %d cannot be reached: this process may open %d files", n, n))
	}
	f("[route.r]\nrespond = {}\nbody_bytes = \"100GiB\"\ntimeout = \"1m\"\n",
		"3: route.r.body_bytes: 100GiB takes 14m19s even at 1 Gbit/s, and timeout is 1m0s, at corsgate.toml:4")
	f("[route.r]\nrespond = {}\nbody_bytes = \"100GiB\"\ntimeout = \"0s\"\n")
	f("[route.r]\nrespond = {}\nbody_bytes = \"1GiB\"\n")
}

// TestWarningsNamePlaces: a warning about two entries names the line of the other one.
func TestWarningsNamePlaces(t *testing.T) {
	_, warnings := gateway.Check(parse(t, `
[cors.app]
origins = [
  "https://x.example.com",
  "https://a.test", "https://a.test",
  "https://*.example.com",
]
methods = ["GET", "POST", "PUT"]
max_age = "24h"
dangerously_allow_http_origins = true
[route.r]
cors = "app"
respond = {}
`))
	want := []string{
		`corsgate.toml:5: cors.app.origins: "https://a.test" is already listed, at corsgate.toml:5 (remove it)`,
		`corsgate.toml:4: cors.app.origins: "https://x.example.com" is covered by "https://*.example.com", at corsgate.toml:6 (remove one of them)`,
		"corsgate.toml:8: cors.app.methods: not needed: GET, POST; browsers may always send GET, HEAD and POST (remove them, or leave them for readers)",
		"corsgate.toml:9: cors.app.max_age: 24h0m0s is cut to 2h by Chromium and to 10m by WebKit",
		"corsgate.toml:10: cors.app.dangerously_allow_http_origins: has no effect: it concerns credentials, which this policy does not allow (remove it)",
	}
	var got []string
	for _, w := range warnings {
		got = append(got, w.Error())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
