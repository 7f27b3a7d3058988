package operators

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/corsgate/corsgate/gateway/config"
)

// Every key of the example is shown, under its own name. The values are equal but for their
// notation: durations, and what is derived.
func TestEffectiveKeys(t *testing.T) {
	cfg, err := config.Parse("example.toml", config.Example())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(Effective(cfg, 7))
	if err != nil {
		t.Fatal(err)
	}
	var got, want map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if err := toml.Unmarshal(config.Example(), &want); err != nil {
		t.Fatal(err)
	}
	compareKeys(t, "", want, got)
	f := func(want any, path ...string) {
		t.Helper()
		var v any = got
		for _, key := range path {
			table, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("%q: %q is in no table", path, key)
			}
			v = table[key]
		}
		if v != want {
			t.Errorf("%q = %v, want %v", path, v, want)
		}
	}
	f(7.0, "generation")
	f("example.toml", "file")
	f("5s", "timeouts", "header")
	f("16KiB", "limits", "header_bytes")
	f("info", "log", "level")
	f("", "cors", "app", "max_age")
	f("", "route", "api", "body_bytes")
	f(32768.0, "cache", "preflights")
	f("127.0.0.1:9900", "admin", "address")
	f(true, "cors", "app", "websocket_origin_check")
}

// compareKeys reports keys of want that got lacks.
func compareKeys(t *testing.T, path string, want, got map[string]any) {
	t.Helper()
	for key, value := range want {
		shown, ok := got[key]
		if !ok {
			t.Errorf("%s.%s is not shown", path, key)
			continue
		}
		if table, ok := value.(map[string]any); ok {
			if inner, ok := shown.(map[string]any); ok {
				compareKeys(t, path+"."+key, table, inner)
			} else {
				t.Errorf("%s.%s is no table", path, key)
			}
		}
	}
}

func TestKeyOf(t *testing.T) {
	f := func(field, want string) {
		t.Helper()
		if got := config.Key(field); got != want {
			t.Errorf("config.Key(%q) = %q, want %q", field, got, want)
		}
	}
	f("Path", "path")
	f("BodyBytes", "body_bytes")
	f("ConnectionsPerIP", "connections_per_ip")
	f("HTTP3", "http3")
	f("TLS", "tls")
	f("TLSCA", "tls_ca")
	f("TLSServerName", "tls_server_name")
	f("RedirectHTTPS", "redirect_https")
	f("DangerouslyAllowHTTPOrigins", "dangerously_allow_http_origins")
	f("WebSocketOriginCheck", "websocket_origin_check")
}

// Secrets are masked, and what came from elsewhere is shown as it is written.
func TestEffectiveKeepsSecrets(t *testing.T) {
	t.Setenv("SECRET", "s3cr3t-of-env")
	t.Setenv("TIME", "1234ms")
	t.Setenv("UP", "http://s3cr3t.internal:9001")
	cfg, err := config.Parse("f.toml", []byte(`
[upstream.u]
endpoints = ["${env:UP}", "http://a"]
connect_timeout = "${env:TIME}"
[route.a]
split = [{ upstream = "u", weight = 1 }, { upstream = "v", weight = 1 }]
request_set_headers = { Authorization = "Bearer s3cr3t", X-Api-Key = "s3cr3t", X-Session-Token = "s3cr3t", X-Mixed = "v1.${env:SECRET}.end", X-Plain = "plain" }
response_set_headers = { Set-Cookie = "a=s3cr3t" }
[upstream.v]
endpoints = ["http://b"]
[route.b]
path = "/b"
redirect = { to = "https://user:s3cr3t@example.com/" }
[route.c]
path = "/c"
respond = { body = "${env:SECRET}" }
`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(Effective(cfg, 1))
	if err != nil || strings.Contains(string(text), "s3cr3t") || strings.Contains(string(text), "1.234s") {
		t.Errorf("%s, %v", text, err)
	}
	for _, want := range []string{`"Authorization":"***"`, `"X-Api-Key":"***"`, `"X-Session-Token":"***"`, `"X-Mixed":"v1.${env:SECRET}.end"`, `"X-Plain":"plain"`, `"Set-Cookie":"***"`,
		`["${env:UP}","http://a"]`, `"connect_timeout":"${env:TIME}"`, `"https://***@example.com/"`, `"body":"${env:SECRET}"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("there is no %s in %s", want, text)
		}
	}
}
