package config_test

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/corsgate/corsgate/gateway/config"
)

// fromComments are keys that the contract only has in comments.
const fromComments = `
[upstream.api2]
endpoints = ["http://127.0.0.1:9001"]
tls_cert = ""
tls_key = ""
tls_server_name = ""
[route.to]
path = "/to"
redirect = { to = "https://example.com$path", status = 308 }
[route.ok]
path = "/ok"
respond = { status = 200, body = "ok", content_type = "text/plain" }
`

// contract returns the text of the contract and all keys that are assigned in it.
func contract(t *testing.T) (text string, keys []toml.Key) {
	t.Helper()
	b, err := os.ReadFile("testdata/contract.toml")
	if err != nil {
		t.Fatal(err)
	}
	text = string(b) + fromComments
	var values map[string]any
	meta, err := toml.Decode(text, &values)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range meta.Keys() {
		if meta.Type(key...) != "Hash" {
			keys = append(keys, key)
		}
	}
	if len(keys) < 100 {
		t.Fatalf("the contract has only %d keys", len(keys))
	}
	return text, keys
}

// fleetProblems returns what ParseFleet has to say about a text whose sections are divided as in a fleet.
func fleetProblems(t *testing.T, text string) config.Problems {
	t.Helper()
	var own, shared strings.Builder
	into := &own
	for line := range strings.Lines(text) {
		if header, ok := strings.CutPrefix(line, "["); ok {
			into = &own
			if section, _, _ := strings.Cut(header, "."); config.Shared(section) {
				into = &shared
			}
		}
		into.WriteString(line)
	}
	_, err := config.ParseFleet(config.Source{Name: "f.toml", Text: []byte(own.String())}, config.Source{Name: "revision 1", Text: []byte(shared.String())})
	var p config.Problems
	if err != nil && (!errors.As(err, &p) || len(p) == 0) {
		t.Fatalf("ParseFleet returned %T %v, want Problems", err, err)
	}
	return p
}

// Every key of the contract is honoured.
func TestContractIsKnown(t *testing.T) {
	text, _ := contract(t)
	for _, p := range fleetProblems(t, text) {
		t.Errorf("the contract has a problem: %v", p)
	}
}

// Every key of the contract is in the example.
func TestExampleShowsEveryKey(t *testing.T) {
	_, keys := contract(t)
	example := "\n" + string(config.Example())
	for _, key := range keys {
		name := key[len(key)-1]
		if !strings.Contains(example, "\n"+name+" ") && !strings.Contains(example, " "+name+" = ") {
			t.Errorf("the example does not show %s", key)
		}
	}
}

// A key that is misspelt is never ignored, and the right one is suggested.
func TestMisspeltContract(t *testing.T) {
	text, keys := contract(t)
	for _, key := range keys {
		parents := key[:len(key)-1]
		if slices.Contains(parents, "redirect") || slices.Contains(parents, "respond") {
			continue
		}
		name := key[len(key)-1]
		misspelt := swap(name)
		header := regexp.MustCompile(`(?m)^\[` + regexp.QuoteMeta(parents.String()) + `\].*$`)
		broken := header.ReplaceAllString(text, "$0\n"+misspelt+" = 1")
		if broken == text {
			t.Fatalf("no [%s]", parents)
		}
		found := false
		for _, p := range fleetProblems(t, broken) {
			if p.Key == parents.String()+"."+misspelt {
				found = p.Message == "unknown key" && p.Hint == "did you mean "+name+"?"
			}
		}
		if !found {
			t.Errorf("%s.%s has no problem that suggests %s", parents, misspelt, name)
		}
	}
}

// swap exchanges the last two letters, or doubles the last if they are the same.
func swap(s string) string {
	n := len(s)
	if s[n-1] == s[n-2] {
		return s + s[n-1:]
	}
	return s[:n-2] + s[n-1:] + s[n-2:n-1]
}

// The values that mean "off" are accepted.
func TestOffIsAccepted(t *testing.T) {
	mustParse(t, `
[listener.http]
tls = false
proxy_protocol = false
http3 = false
[log]
access = "off"
[limits]
in_flight = 0
[cors.app]
origins = ["https://myapp.com"]
csrf = "off"
shadow = ""
origins_file = ""
[upstream.api]
endpoints = ["http://127.0.0.1:9001"]
weights = []
balance = "p2c"
hash_key = ""
retries = 0
tls_ca = ""
tls_cert = ""
tls_key = ""
tls_server_name = ""
send_proxy_protocol = false
[limit.public]
rate = "100/s"
store = "local"
[route.api]
upstream = "api"
limit = ""
strip_prefix = ""
add_prefix = ""
priority = "normal"
request_set_headers = {}
request_remove_headers = []
response_set_headers = {}
response_remove_headers = []
`)
}
