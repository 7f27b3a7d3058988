package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/wire"
)

const secret = "a secret of thirty-two bytes ---"

// token returns a token that the secret has signed.
func tokenOf(claims map[string]any) string {
	all := map[string]any{"aud": "api", "sub": "bob", "exp": begin.Unix() + 60}
	for k, v := range claims {
		all[k] = v
	}
	payload, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	input := enc([]byte(`{"alg":"HS256"}`)) + "." + enc(payload)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(input))
	return input + "." + enc(mac.Sum(nil))
}

func lineOf(name, key, more string) string {
	return fmt.Sprintf("%s %x %s\n", name, sha256.Sum256([]byte(key)), more)
}

// compileText compiles a configuration, whose files are in a directory of their own, and returns the gates of its routes.
func compileText(t testing.TB, text string, prev *Set) (*Set, map[string]*Gate) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"secret": secret, "keys": lineOf("acme", "key-of-acme", "plan=pro") + lineOf("globex", "key-of-globex", "")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Parse(filepath.Join(dir, "corsgate.toml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, problems := Compile(cfg, prev, metrics.New())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	gates := map[string]*Gate{}
	for i := range cfg.Routes {
		gates[cfg.Routes[i].Name] = NewGate(s, &cfg.Routes[i])
	}
	return s, gates
}

const tables = `
[upstream.sso]
endpoints = ["http://127.0.0.1:1"]
[auth.users]
secret_file = "secret"
algorithms  = ["HS256"]
audience    = ["api"]
set         = { X-User = "$claim.sub", X-Both = "$claim.sub of $claim.org", X-Deep = "$claim.a.b", X-Cost = "$$5" }
[auth.partners]
keys_file = "keys"
from      = "header:X-Api-Key"
set       = { X-Partner = "$name", X-Plan = "$key.plan" }
[auth.mesh]
certificate = { san = ["spiffe://example.com/*", "*.svc.example.com"] }
set         = { X-Service = "$name" }
[auth.sso]
forward  = "sso"
key      = ["cookie:session"]
copy     = ["Remote-User"]
remember = "30s"
remember_denied = "10s"
[limit.it]
rate = "1/s"
key  = "claim:org"
plan = "key:plan"
rates = { pro = "2/s" }
[route.users]
path = "/users"
auth = ["users"]
respond = {}
[route.partners]
path = "/partners"
auth = ["partners"]
respond = {}
[route.mesh]
path = "/mesh"
auth = ["mesh"]
respond = {}
[route.sso]
path = "/sso"
auth = ["sso"]
respond = {}
[route.all]
path = "/all"
auth = ["users", "partners", "mesh"]
auth_optional = true
respond = {}
`

func subject(r *wire.Request) *Subject {
	return &Subject{Request: r, Client: netip.MustParseAddr("192.0.2.1"), Host: []byte("api.example.com"), Now: begin}
}

// TestTokenIsRemembered: a token is verified once, and found again until it expires.
func TestTokenIsRemembered(t *testing.T) {
	_, gates := compileText(t, tables, nil)
	g := gates["users"]
	text := tokenOf(map[string]any{"org": "one", "a": map[string]any{"b": 1.5}})
	q := subject(parse(t, "/", "Authorization: Bearer "+text))
	if a := g.Recall(q); !a.Waits {
		t.Fatalf("before it is verified: %+v", a)
	}
	a := g.Settle(q, nil)
	const want = "X-Both: bob of one\r\nX-Cost: $5\r\nX-Deep: 1.5\r\nX-User: bob\r\n"
	if !a.Admitted || a.Identity == nil || string(a.Identity.Fields) != want {
		t.Fatalf("%+v, %q, want %q", a, a.Identity.Fields, want)
	}
	if again := g.Recall(q); !again.Admitted || again.Identity != a.Identity {
		t.Errorf("after it: %+v", again)
	}
	if got := string(a.Identity.Value("claim:org")); got != "one" {
		t.Errorf("claim:org = %q", got)
	}
	q.Now = begin.Add(91 * time.Second) // with the leeway
	if late := g.Recall(q); !late.Waits {
		t.Errorf("after it has expired: %+v", late)
	}
	if late := g.Settle(q, nil); late.Admitted || late.Refusal.Status != 401 || late.Refusal.Code != "auth-exp" {
		t.Errorf("after it has expired: %+v", late)
	}
	// A claim that is not there makes no field.
	q = subject(parse(t, "/", "Authorization: Bearer "+tokenOf(map[string]any{"sub": "a\nb"})))
	if a := g.Settle(q, nil); !a.Admitted || string(a.Identity.Fields) != "X-Cost: $5\r\n" {
		t.Errorf("a name with a line end: %+v", a)
	}
}

// TestTakenOver: what did not change keeps what it remembers, over a reload, and what changed does not.
func TestTakenOver(t *testing.T) {
	s, gates := compileText(t, tables, nil)
	q := subject(parse(t, "/", "Authorization: Bearer "+tokenOf(nil)))
	if !gates["users"].Settle(q, nil).Admitted {
		t.Fatal("a good token is refused")
	}
	dir := filepath.Dir(s.tables["users"].file)
	again := func(text string) *Set {
		t.Helper()
		cfg, err := config.Parse(filepath.Join(dir, "corsgate.toml"), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		next, problems := Compile(cfg, s, metrics.New())
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return next
	}
	if again(tables + "[route.more]\npath = \"/more\"\nrespond = {}\n").tables["users"] != s.tables["users"] {
		t.Error("a table that did not change is another one")
	}
	if again(strings.Replace(tables, `["api"]`, `["api", "x"]`, 1)).tables["users"] == s.tables["users"] {
		t.Error("a table that changed is the same")
	}
	if again(strings.Replace(tables, `"claim:org"`, `"claim:team"`, 1)).tables["users"] == s.tables["users"] {
		t.Error("a table of which limits ask something else is the same")
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(secret+"!"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again(tables).tables["users"] == s.tables["users"] {
		t.Error("a table with another secret is the same")
	}
}

// TestSeveral: the first that admits has found who it is; who brings nothing is nobody where auth is optional.
func TestSeveral(t *testing.T) {
	_, gates := compileText(t, tables, nil)
	g := gates["all"]
	good, bad := "Authorization: Bearer "+tokenOf(nil), "Authorization: Bearer x"
	f := func(table string, status int, q *Subject) {
		t.Helper()
		a := g.Settle(q, nil)
		switch {
		case table == "":
			if a.Admitted || a.Refusal.Status != status {
				t.Errorf("%+v, want %d", a, status)
			}
		case table == "nobody":
			if !a.Admitted || a.Identity != nil {
				t.Errorf("%+v, want nobody", a)
			}
		case !a.Admitted || a.Table.Name != table:
			t.Errorf("%+v, want %s", a, table)
		}
	}
	f("nobody", 0, subject(parse(t, "/")))
	f("users", 0, subject(parse(t, "/", good, "X-Api-Key: x")))
	f("partners", 0, subject(parse(t, "/", bad, "X-Api-Key: key-of-acme")))
	f("", 401, subject(parse(t, "/", bad)))
	f("", 401, subject(parse(t, "/", "X-Api-Key: x")))
	f("", 400, subject(parse(t, "/", good, good)))
	q := subject(parse(t, "/"))
	q.Certified, q.Names = true, "DNS:a.svc.example.com"
	f("mesh", 0, q)
	q.Names = "DNS:svc.example.com"
	f("", 403, q)
}

// says is an authoriser that answers this.
type says struct{ response string }

func (s says) Ask(t *Table) *Decision {
	if s.response == "" {
		return nil
	}
	var res wire.Response
	if n, fault := res.Parse([]byte(s.response), wire.Limits{HeadBytes: 1 << 16, Fields: 100}); n == 0 || fault != nil {
		panic("BUG: it is no response")
	}
	d := t.Judge(&res)
	_, content, _ := strings.Cut(s.response, "\r\n\r\n")
	d.Content = []byte(content)
	return d
}

func sortedReasons() []string { return slices.Sorted(slices.Values(reasons)) }

// TestReasons: they are labels and codes, which never change.
func TestReasons(t *testing.T) {
	const want = "alg allowed aud busy certificate claim crit denied exp form iss key kid length login missing nbf no-keys remembered repeated signature typ unavailable verified"
	if got := strings.Join(sortedReasons(), " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for r, code := range codes {
		if code != "auth-"+string(r) {
			t.Errorf("the code of %s is %s", r, code)
		}
	}
}
