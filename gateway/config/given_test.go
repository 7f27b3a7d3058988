package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

// parseIn parses a text that is the file corsgate.toml of a directory.
func parseIn(dir, text string) (*config.Config, error) {
	return config.Parse(filepath.Join(dir, "corsgate.toml"), []byte(text))
}

func TestReferences(t *testing.T) {
	dir := t.TempDir()
	credentials := t.TempDir()
	for path, text := range map[string]string{filepath.Join(dir, "token"): "s3cr3t-of-file\n", filepath.Join(dir, "crlf"): "a\r\n", filepath.Join(dir, "two"): "a\n\n",
		filepath.Join(dir, "dollar"): "$client_ip $$ ${env:TOKEN}", filepath.Join(dir, "empty"): "", filepath.Join(credentials, "api.key"): "s3cr3t-of-systemd"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", credentials)
	t.Setenv("TOKEN", "s3cr3t-of-env")
	t.Setenv("DOLLAR", "$host")
	t.Setenv("EMPTY", "")
	f := func(written, want, inHeader string) {
		t.Helper()
		cfg, err := parseIn(dir, "[route.a]\nrespond = { body = "+written+" }\n[route.b]\nupstream = 'u'\nrequest_set_headers = { X-A = "+written+" }\n[upstream.u]\nendpoints = ['http://a']\n")
		if inHeader == "" {
			if err != nil && !strings.Contains(err.Error(), ".X-A: ") {
				t.Errorf("%s: %v", written, err)
				return
			}
		} else if err != nil {
			t.Errorf("%s: %v", written, err)
			return
		}
		if got := cfg.Routes[0].Respond.Body; got != want {
			t.Errorf("%s stands for %q, want %q", written, got, want)
		}
		if got := cfg.Routes[1].RequestSetHeaders["X-A"]; got != inHeader {
			t.Errorf("in a field %s stands for %q, want %q", written, got, inHeader)
		}
	}
	f(`"${env:TOKEN}"`, "s3cr3t-of-env", "s3cr3t-of-env")
	f(`'v1.${env:TOKEN}.${env:TOKEN}'`, "v1.s3cr3t-of-env.s3cr3t-of-env", "v1.s3cr3t-of-env.s3cr3t-of-env")
	f(`"\u0024{env:TOKEN}"`, "s3cr3t-of-env", "s3cr3t-of-env")
	f(`"${file:token}"`, "s3cr3t-of-file", "s3cr3t-of-file")
	f(`"${file:`+dir+`/token}"`, "s3cr3t-of-file", "s3cr3t-of-file")
	f(`"${file:crlf}"`, "a", "a")
	f(`"${file:two}"`, "a\n", "")
	f(`"${file:empty}${env:EMPTY}"`, "", "")
	f(`"${credential:api.key}"`, "s3cr3t-of-systemd", "s3cr3t-of-systemd")
	// What is put in is not looked at again.
	f(`"${env:DOLLAR} $host"`, "$host $host", "$$host $host")
	f(`"${file:dollar}"`, "$client_ip $$ ${env:TOKEN}", "$$client_ip $$$$ $${env:TOKEN}")
	// A "${" that is meant.
	f(`"$${env:TOKEN}"`, "${env:TOKEN}", "$${env:TOKEN}")
	f(`"$${a}${env:TOKEN}"`, "${a}s3cr3t-of-env", "$${a}s3cr3t-of-env")
	f(`"$$5 $ { $}"`, "$$5 $ { $}", "")
}

// A reference may stand in any string: of a scalar, an array, an array of tables, or an inline table.
func TestReferencesEverywhere(t *testing.T) {
	t.Setenv("V", "1234ms")
	t.Setenv("SIZE", "16KiB")
	t.Setenv("ORIGIN", "https://a.example")
	t.Setenv("NAME", "u")
	t.Setenv("ADDRESS", "127.0.0.1:8081")
	cfg, err := parseIn(t.TempDir(), `
[listener.a]
address = "${env:ADDRESS}"
[limits]
header_bytes = "${env:SIZE}"
[cors.a]
origins = ["https://b.example", "${env:ORIGIN}"]
[upstream.u]
endpoints = ["http://${env:ADDRESS}", "http://a"]
connect_timeout = "${env:V}"
[route.a]
cors = "a"
split = [{ upstream = "${env:NAME}", weight = 1 }, { upstream = "v", weight = 1 }]
mirror = { upstream = "${env:NAME}" }
[upstream.v]
endpoints = ["http://b"]
[route.b]
path = "/b"
redirect = { to = "${env:ORIGIN}/x" }
`)
	if err != nil {
		t.Fatal(err)
	}
	u := cfg.Upstreams[0]
	if cfg.Listeners[0].Address != "127.0.0.1:8081" || cfg.Limits.HeaderBytes != 16<<10 || cfg.CORS[0].Origins[1] != "https://a.example" || u.ConnectTimeout != 1234e6 ||
		cfg.Routes[0].Split[0].Upstream != "u" || cfg.Routes[0].Mirror.Upstream != "u" || cfg.Routes[1].Redirect.To != "https://a.example/x" {
		t.Errorf("%+v", cfg)
	}
	if e := u.Endpoints[0]; e.Address != "127.0.0.1:8081" || e.URL != "http://${env:ADDRESS}" || u.Endpoints[1].URL != "http://a" {
		t.Errorf("the endpoint is %+v", e)
	}
	for path, want := range map[string]string{"cors.a.origins[1]": "${env:ORIGIN}", "upstream.u.connect_timeout": "${env:V}", "route.a.split[0].upstream": "${env:NAME}"} {
		if got, ok := cfg.Shown(path, "s3cr3t"); !ok || got != want {
			t.Errorf("%s is shown as %q, want %s", path, got, want)
		}
	}
}

// What there is not is a mistake with its line, and the only one that is made of it.
func TestReferencesToNothing(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"latin1": "s3cr3t\xff", "large": strings.Repeat("s3cr3t", 20000)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("LATIN1", "s3cr3t\xff")
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	f := func(reference, want string) {
		t.Helper()
		_, err := parseIn(dir, "[route.a]\nrespond = {}\ntimeout = \""+reference+"\"\nresponse_set_headers = { A = \"1\", B = '"+reference+"' }\nmethods = [\n'GET',\n'"+reference+"']\n")
		if err == nil {
			t.Errorf("%s is taken", reference)
			return
		}
		lines := strings.Split(strings.ReplaceAll(err.Error(), dir+"/", ""), "\n")
		for i, place := range []string{"corsgate.toml:3: route.a.timeout: ", "corsgate.toml:4: route.a.response_set_headers.B: ", "corsgate.toml:7: route.a.methods: "} {
			if len(lines) != 3 || !strings.HasPrefix(lines[i], place+want) || strings.Contains(lines[i], "s3cr3t") {
				t.Errorf("%s: %s, want %s%s", reference, err, place, want)
				return
			}
		}
	}
	f("${env:NO_SUCH}", "${env:NO_SUCH}: the environment has no such variable")
	f("${env:LATIN1}", "${env:LATIN1}: its value is not UTF-8")
	f("${file:none/at/all}", "${file:none/at/all}: cannot read none/at/all: no such file")
	f("${file:.}", "${file:.}: ")
	f("${file:latin1}", "${file:latin1}: latin1 is not UTF-8")
	f("${file:large}", "${file:large}: large is larger than 64KiB")
	f("${file:/dev/zero}", "${file:/dev/zero}: /dev/zero is not a regular file")
	f("${credential:x}", "${credential:x}: this process has no credentials")
	for _, nothing := range []string{"${}", "${:}", "${env:}", "${env}", "${env:A B}", "${env:1}", "${file:}", "${credential:../x}", "${credential:..}", "${ENV:A}", "${HOME}", "${env:${env:A}}"} {
		f(nothing, nothing[:strings.IndexByte(nothing, '}')+1]+" is not a reference")
	}
	f("${env:NO_SUCH", `"${" begins a reference that is not closed by "}"`)
}

// A revision hears nothing of a gateway's environment and credentials, nor of files that are not for it.
func TestReferencesOfAFleet(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TOKEN", "s3cr3t-of-env")
	t.Setenv("DIR", "shared")
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for name, text := range map[string]string{"shared/token": "s3cr3t-of-file", "secret": "s3cr3t-of-gateway"} {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := func(fleet, value, want, wrong string) {
		t.Helper()
		cfg, err := config.ParseFleet(config.Source{Name: filepath.Join(dir, "own.toml"), Text: []byte("[fleet]\n" + fleet)},
			config.Source{Name: "revision 1", Text: []byte("[route.a]\nrespond = { body = '" + value + "' }\n")})
		if wrong != "" {
			if err == nil || !strings.HasPrefix(err.Error(), "revision 1:2: route.a.respond.body: ") || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%s: %v, want %s", value, err, wrong)
			}
			return
		}
		if err != nil || cfg.Routes[0].Respond.Body != want {
			t.Errorf("%s: %+v, %v, want %s", value, cfg, err, want)
		}
	}
	f("files = 'shared'", "${file:token}", "s3cr3t-of-file", "")
	f("files = '${env:DIR}'", "${file:token}", "s3cr3t-of-file", "") // its own file may
	f("files = 'shared'", "$${env:TOKEN}", "${env:TOKEN}", "")
	f("files = 'shared'", "${env:TOKEN}", "", "the shared configuration cannot refer to a gateway's environment")
	f("files = 'shared'", "${credential:secret}", "", "the shared configuration cannot refer to a gateway's environment")
	f("files = 'shared'", "${file:../secret}", "", "is not below "+dir+"/shared")
	f("files = 'shared'", "${file:"+dir+"/secret}", "", "is not below "+dir+"/shared")
	f("", "${file:token}", "", "which this gateway does not set")
}

// No message shows what a reference stands for, whatever is wrong with it, in which key, and in which part of the message.
func TestMessagesAboutReferences(t *testing.T) {
	values := []string{"s3cr3t-Of-Env", "S3CR3T", "http://s3cr3t:9000", "https://s3cr3t.example/", "s3cr3t:s3cr3t@s3cr3t:1", "xyz", "s3cr3t\"q", "s3cr3t\nline", "7s3cr3t", "*.s3cr3t"}
	keys := []string{
		"[listener.a]\naddress = %\n", "[listener.a]\nengine = %\n", "[admin]\naddress = %\n", "[log]\nlevel = %\n", "[log]\naccess = %\n", "[trust]\nproxies = [%]\n",
		"[limits]\nheader_bytes = %\n", "[timeouts]\nheader = %\n", "[cors.a]\norigins = ['*']\ndenied = %\n", "[cors.a]\norigins = ['*']\nmax_age = %\n", "[cors.a]\norigins = ['*']\nshadow = %\n",
		"[upstream.u]\nendpoints = [%]\n", "[upstream.u]\nendpoints = ['http://a']\nresolver = %\n", "[upstream.u]\nendpoints = ['http://a']\nhash_key = %\n", "[upstream.u]\nendpoints = ['https://a']\ntls_server_name = %\n",
		"[upstream.u]\nendpoints = ['http://a']\nretry_budget = %\n", "[upstream.u]\nendpoints = ['http://a']\nhost = %\n", "[upstream.u.health]\npath = %\n", "[limit.l]\nrate = %\n", "[limit.l]\nrate='1/s'\nkey = %\n",
		"[redis]\naddress = %\n", "[redis]\nprefix = %\n", "[trace]\nendpoint = %\n", "[fleet]\netcd = [%]\n", "[fleet]\nprefix = %\n", "[fleet]\nname = %\n", "[tls.acme]\ndirectory = %\n", "[tls.acme]\nemail = %\n", "[tls.acme]\ndomains = [%]\n",
		"[route.b]\nhosts = [%]\n", "[route.b]\npath = %\n", "[route.b]\nmethods = [%]\n", "[route.b]\ncors = %\n", "[route.b]\nupstream = %\n", "[route.b]\nlimit = %\n", "[route.b]\nsplit = [{ upstream = %, weight = 1 }]\n",
		"[route.b]\nredirect = { to = % }\n", "[route.b]\nrespond = { content_type = % }\n", "[route.b]\nstrip_prefix = %\n", "[route.b]\nupgrades = [%]\n", "[route.b]\npriority = %\n", "[route.b]\nrequest_set_headers = { A = % }\n",
		"[route.b]\nresponse_set_headers = { Vary = % }\n", "[route.b]\nrequest_remove_headers = [%]\n",
	}
	checked := 0
	for _, value := range values {
		t.Setenv("SECRET", value)
		for _, key := range keys {
			_, err := config.Parse("f.toml", []byte(strings.ReplaceAll(key, "%", `"${env:SECRET}"`)+"[route.a]\nrespond = {}\n"))
			if err == nil {
				continue
			}
			checked++
			text := strings.ToLower(strings.ReplaceAll(err.Error(), "${env:SECRET}", ""))
			for i := 0; i+3 <= len(value); i++ {
				part := strings.ToLower(value[i : i+3])
				if n := 6; strings.Contains("s3cr3t xyz", part) && strings.Contains(text, part) && n > 0 {
					t.Errorf("%q as %q: %v", value, key, err)
					break
				}
			}
		}
	}
	if checked < 200 {
		t.Errorf("only %d messages were looked at", checked)
	}
}

// Nor does one show who asks in a URL that stands in the file itself.
func TestMessagesHaveNoUserinfo(t *testing.T) {
	for _, text := range []string{
		"[fleet]\netcd = ['https://user:s3cr3t@etcd:2379']\n", "[fleet]\netcd = ['user:s3cr3t@etcd:2379']\n", "[fleet]\netcd = ['https://s3cr3t@etcd:2379']\n", "[redis]\naddress = 'redis://user:s3cr3t@cache:6379/1'\n", "[redis]\naddress = 'user:s3cr3t@cache:6379'\n",
		"[redis]\naddress = ':s3cr3t@cache:6379'\n",
		"[trace]\nendpoint = 'https://user:s3cr3t@collector'\n", "[upstream.u]\nendpoints = ['http://user:s3cr3t@a']\n", "[upstream.u]\nendpoints = ['http://s3cr3t@a/b?c']\n", "[upstream.u]\nendpoints = ['user:s3cr3t@a']\n",
		"[tls.acme]\ndirectory = 'https://user:s3cr3t@acme'\n", "[route.b]\nredirect = { to = 'https://user:s3cr3t@a b' }\n", "[route.b]\nhosts = ['https://user:s3cr3t@a']\n", "[route.b]\nhosts = ['user:s3cr3t@a']\n",
		"[listener.a]\naddress = 'http://user:s3cr3t@a'\n", "[upstream.u]\nendpoints = ['http://user:s3\"cr3t@a']\n",
	} {
		_, err := config.Parse("f.toml", []byte(text))
		if err == nil || strings.Contains(err.Error(), "cr3t") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestShown(t *testing.T) {
	cfg := mustParse(t, minimal)
	for _, c := range []struct{ path, value, want string }{
		{"route.a.request_set_headers.Authorization", "Bearer s3cr3t", "***"},
		{"route.a.request_set_headers.proxy-authorization", "Basic s3cr3t", "***"},
		{"route.a.response_set_headers.Set-Cookie", "a=s3cr3t", "***"},
		{"route.a.request_set_headers.cookie", "a=s3cr3t", "***"},
		{"route.a.request_set_headers.X-Api-Key", "s3cr3t", "***"},
		{"route.a.request_set_headers.X_API_KEY", "s3cr3t", "***"},
		{"route.a.request_set_headers.ApiKey", "s3cr3t", "***"},
		{`route.a.request_set_headers."X.Vault-Token"`, "s3cr3t", "***"},
		{"route.a.request_set_headers.X-Client-Secret", "s3cr3t", "***"},
		{"route.a.request_set_headers.X-Keyboard", "qwerty", "qwerty"},
		{"route.a.request_set_headers.X-Url", "https://user:s3cr3t@host/x", "https://***@host/x"},
		{"route.a.redirect.to", "https://user:s3cr3t@host/$path", "https://***@host/$path"},
		{"route.a.redirect.to", "https://host/a@b", "https://***@b"},
		{"tls.acme.email", "mailto:ops@example.com", "mailto:ops@example.com"},
		{"limit.a.key", "header:X-Api-Key", "header:X-Api-Key"},
		{"cors.app.request_headers[0]", "Authorization", "Authorization"},
	} {
		got, hidden := cfg.Shown(c.path, c.value)
		if got != c.want && (hidden || c.value != c.want) {
			t.Errorf("%s = %q is shown as %q, want %q", c.path, c.value, got, c.want)
		}
	}
}

// Texts are parsed again with what their references stand for by then.
func TestAgain(t *testing.T) {
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	write := func(text string) {
		if err := os.WriteFile(token, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	cfg, err := parseIn(dir, "[route.a]\nrespond = { body = '${file:token}' }\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := cfg.ValueFiles()[token]; !ok || len(cfg.ValueFiles()) != 1 {
		t.Errorf("it is read from %v", cfg.ValueFiles())
	}
	write("two")
	again, err := cfg.Again()
	if err != nil || again.Routes[0].Respond.Body != "two" || cfg.Routes[0].Respond.Body != "one" {
		t.Errorf("again: %+v, %v", again, err)
	}
}
