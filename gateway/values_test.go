package gateway

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
)

// TestWatchValues: a file that a value refers to is watched; what will not do changes nothing, and its content is nowhere.
func TestWatchValues(t *testing.T) {
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	replace(t, token, "one\n")
	cfg, err := config.Parse(filepath.Join(dir, "corsgate.toml"), []byte("[upstream.u]\nendpoints = ['http://127.0.0.1:1']\n[route.a]\nupstream = 'u'\nrequest_set_headers = { X-Api-Key = '${file:token}' }\n"))
	if err != nil {
		t.Fatal(err)
	}
	g, log := watching(t, cfg)
	t.Cleanup(func() { g.Shutdown(context.Background()) })
	value := func() string {
		cfg, _ := g.Config()
		return cfg.Routes[0].RequestSetHeaders["X-Api-Key"]
	}
	replace(t, token, "two\n")
	log.await(t, "values reloaded")
	if got := value(); got != "two" {
		t.Errorf("the value is %q, want two", got)
	}
	replace(t, token, "s3cr3t\ns3cr3t\n")
	log.await(t, "values not reloaded", "corsgate.toml:5: route.a.request_set_headers.X-Api-Key: ")
	if _, err := g.LastReload(); err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("why it was not taken over: %v", err)
	}
	if err := os.Remove(token); err != nil {
		t.Fatal(err)
	}
	log.await(t, "values not reloaded", "no such file")
	if got := value(); got != "two" {
		t.Errorf("the value is %q, want two", got)
	}
	replace(t, token, "three")
	log.await(t, "values reloaded")
	if got := value(); got != "three" {
		t.Errorf("the value is %q, want three", got)
	}
}

// TestExplainKeepsSecrets: what explain says of a response has no secret of the configuration.
func TestExplainKeepsSecrets(t *testing.T) {
	t.Setenv("SECRET", "s3cr3t-of-env")
	t.Setenv("ORIGIN", "https://app.example.com")
	cfg, err := config.Parse("corsgate.toml", []byte(`
[cors.a]
origins = ["${env:ORIGIN}"]
[route.a]
cors = "a"
respond = { status = 403, body = "for ${env:SECRET}" }
response_set_headers = { Set-Cookie = "sid=s3cr3t", X-Mixed = "v1 ${env:SECRET} end", X-Plain = "plain" }
[route.b]
path = "/b"
cors = "a"
redirect = { to = "https://user:s3cr3t@b.example/x" }
`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{"/": {`"Set-Cookie: ***"`, `"X-Mixed: v1 ${env:SECRET} end"`, `"X-Plain: plain"`, `for ${env:SECRET}`, `"pattern":"${env:ORIGIN}"`}, "/b": {"https://***@b.example/x"}} {
		e, err := explain.Config(cfg, fetch.Question{Origin: "https://app.example.com", Method: "GET", URL: "https://api.example.com" + path})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(e)
		if err != nil || strings.Contains(string(text), "s3cr3t") {
			t.Errorf("%s: %s, %v", path, text, err)
		}
		for _, w := range want {
			if !strings.Contains(string(text), w) {
				t.Errorf("%s: there is no %s in %s", path, w, text)
			}
		}
	}
}

// TestOtherFilesAreNotShown: another file in the place of a list of origins is in no message, and in no explanation.
func TestOtherFilesAreNotShown(t *testing.T) {
	cfg, path := withOrigins(t, "", "https://a.com\nhttps://b.com\n")
	g, log := watching(t, cfg)
	secret := filepath.Join(t.TempDir(), "api.key")
	replace(t, secret, "-----BEGIN EC PRIVATE KEY-----\ns3cr3tMHcCAQEE\nDATABASE_URL=postgres://u:s3cr3t@h/d\nhttps://u:s3cr3t@h\nhttps://h/s3cr3t\n-----END EC PRIVATE KEY-----\n")
	link := path + ".link"
	if err := os.Symlink(secret, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link, path); err != nil {
		t.Fatal(err)
	}
	log.await(t, refused, path+`:5: pattern "https://h…": path`)
	_, err := g.LastReload()
	if err == nil || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "BEGIN") {
		t.Errorf("it was not taken over: %v", err)
	}
	e, err := g.Explain(fetch.Question{Origin: "https://b.com", Method: "GET", URL: "https://api.example.com/"})
	if err != nil || e.Policy == nil || e.Policy.Pattern != "" || !strings.HasSuffix(e.Policy.PatternPlace, ":2") {
		t.Errorf("explained: %+v, %v", e.Policy, err)
	}
}
