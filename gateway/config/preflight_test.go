package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/corsgate/corsgate/gateway/config"
)

func TestPreflightHeaders(t *testing.T) {
	t.Setenv("TOKEN", "$ecret")
	const policy = "[cors.app]\norigins = ['https://a.com']\n"
	const rest = "\n[route.a]\nrespond = {}\n"
	f := func(written string, want map[string]string) {
		t.Helper()
		cfg, err := config.Parse("f.toml", []byte(policy+written+rest))
		if err != nil {
			t.Errorf("%s: %v", written, err)
			return
		}
		got := map[string]string{}
		for name, value := range cfg.CORS[0].PreflightHeaders {
			parts := config.Parts(value)
			if got[name] = parts[0].Text; len(parts) > 1 {
				t.Errorf("%s: %q has variables", written, value)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", written, diff)
		}
	}
	f("preflight_headers = {}", map[string]string{})
	f("preflight_headers = { Cache-Control = 'no-store', Vary = 'Accept, Origin' }", map[string]string{"Cache-Control": "no-store", "Vary": "Accept, Origin"})
	f("[cors.app.preflight_headers]\nX-Price = '$$5'\nX-Token = '${env:TOKEN}'", map[string]string{"X-Price": "$5", "X-Token": "$ecret"})

	bad := func(written string, want ...string) {
		t.Helper()
		_, err := config.Parse("f.toml", []byte(policy+written+rest))
		if err == nil {
			t.Errorf("%s is accepted", written)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v\nwant %q", written, err, w)
			}
		}
	}
	bad("preflight_headers = { X-A = 'a',\nX-B = 'v $client_ip',\nX-C = '$host' }", "variables are not supported here", `write "$$"`)
	bad("[cors.app.preflight_headers]\nX-A = 'a'\nX-B = 'v $client_ip'", "f.toml:5: cors.app.preflight_headers.X-B: variables are not supported here")
	bad("preflight_headers = { X-B = '5 $' }", `f.toml:3: cors.app.preflight_headers.X-B: "$" begins`)
	bad("preflight_headers = { 'X B' = 'a' }", "f.toml:3:", "X B")
	bad("preflight_headers = { X-B = 1 }", "f.toml:3:", "must be a string")
	bad("preflight_headers = { X-B = \"a\\r\\nb\" }", "f.toml:3:", "a field value must be printable ASCII")
	bad("preflight_headers = { X-B = 'a', x-b = 'b' }", "f.toml:3:", "case does not matter")
	bad("preflight_headers = { Vary = 'a b' }", "f.toml:3:", "list of field names")
	bad("preflight_headers = ['a']", "f.toml:3:", "must be a table")
	bad("refused_preflight = '204'", "f.toml:3:", "must be an integer")
	bad("expose_on_preflight = 1", "f.toml:3:", "must be true or false")
}
