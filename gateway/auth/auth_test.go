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

	"github.com/corsgate/corsgate/gateway/auth/token"
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

// TestRefusedAgain: a bad token that comes again costs neither a goroutine nor a signature, unless it may be good by then.
func TestRefusedAgain(t *testing.T) {
	s, gates := compileText(t, tables, nil)
	g, table := gates["users"], s.tables["users"]
	good := tokenOf(nil)
	for text, want := range map[string]string{
		good[:len(good)-4] + "AAAA":                       "auth-signature",
		tokenOf(map[string]any{"exp": 1}):                 "auth-exp",
		tokenOf(map[string]any{"aud": "x"}):               "auth-aud",
		"a.b.c":                                           "auth-form",
		tokenOf(map[string]any{"nbf": begin.Unix() + 60}): "",
	} {
		q := subject(parse(t, "/", "Authorization: Bearer "+text))
		if !g.Recall(q).Waits {
			t.Errorf("%s: it is known before it was looked at", want)
		}
		first := g.Settle(q, nil)
		again := g.Recall(q)
		if first.Admitted || again.Admitted || again.Waits != (want == "") {
			t.Fatalf("%s: %+v, then %+v", want, first, again)
		}
		if want == "" {
			continue
		}
		if first.Refusal.Code != want || again.Refusal.Code != want || string(first.Refusal.Challenges) != string(again.Refusal.Challenges) {
			t.Errorf("%+v, then %+v, want %s", first.Refusal, again.Refusal, want)
		}
		if q.Now = begin.Add(refusedFor); !g.Recall(q).Waits {
			t.Errorf("%s: it is remembered for longer than %v", want, refusedFor)
		}
		q.Now = begin
		before := table.static
		table.static = token.SecretKeys([]byte("other keys, as a fetch brings them"))
		if !g.Recall(q).Waits {
			t.Errorf("%s: it is remembered although the keys have changed", want)
		}
		table.static = before
	}
	if n := table.tokens.entries.Load(); n != 0 {
		t.Errorf("%d refusals are among the tokens that are good", n)
	}
}

// TestRefusedFlood: however many bad tokens come, they displace none that is good, and take no more room than they may.
func TestRefusedFlood(t *testing.T) {
	s, gates := compileText(t, tables, nil)
	g, table := gates["users"], s.tables["users"]
	good := subject(parse(t, "/", "Authorization: Bearer "+tokenOf(nil)))
	g.Settle(good, nil)
	for i := range 3 * maxRefused {
		g.Settle(subject(parse(t, "/", fmt.Sprintf("Authorization: Bearer %d.%s", i, strings.Repeat("x", 2000)))), nil)
		if n, size := table.refused.entries.Load(), table.refused.size.Load(); n > maxRefused || size > refusedBytes {
			t.Fatalf("%d refusals of %d bytes are remembered, want %d of %d at most", n, size, maxRefused, refusedBytes)
		}
	}
	if !g.Recall(good).Admitted {
		t.Error("a good token was displaced by bad ones")
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

func TestNames(t *testing.T) {
	s, _ := compileText(t, tables, nil)
	for names, want := range map[string]string{
		"URI:spiffe://example.com/a":            "spiffe://example.com/a",
		"DNS:x, URI:spiffe://example.com/a/b":   "spiffe://example.com/a/b",
		"DNS:a.b.SVC.example.com":               "a.b.SVC.example.com",
		"URI:spiffe://example.com/":             "",
		"URI:spiffe://example.com/../evil":      "",
		"URI:spiffe://example.com/%2e%2e":       "",
		"URI:spiffe://example.com.evil/a":       "",
		"DNS:spiffe://example.com/a":            "",
		"DNS:svc.example.com":                   "",
		"DNS:.svc.example.com":                  "",
		"DNS:*.svc.example.com":                 "",
		"DNS:a.svc.example.com.evil":            "",
		"URI:a.svc.example.com":                 "",
		"email:a@x.svc.example.com":             "",
		`DNS:x\2C\20URI:spiffe://example.com/a`: "",
		"":                                      "",
	} {
		if got := s.tables["mesh"].named(names); got != want {
			t.Errorf("%q: %q, want %q", names, got, want)
		}
	}
}

func TestKeyLines(t *testing.T) {
	s, _ := compileText(t, tables, nil)
	table := s.tables["partners"]
	sum := strings.Fields(lineOf("x", "x", ""))[1]
	for text, want := range map[string]string{
		"":                              "",
		"# x\n\n \t\r\n":                "",
		"a " + sum:                      "",
		"\ufeffa " + sum + " b=c # d\r": "",
		"a " + strings.ToUpper(sum):     "",
		"a":                             "f:1: the hash of the key is missing",
		"\na 1234":                      "f:2: the second word",
		"a " + sum + "0":                "f:1: the second word",
		"a " + sum[:63] + "g":           "f:1: the second word",
		"a/b " + sum:                    "f:1: the name",
		"a " + sum + " plan":            "f:1: what follows",
		"a " + sum + " =x":              "f:1: what follows",
		"a " + sum + "\nb " + sum:       "f:2: the key is in line 1 already",
		"\xff\xfea":                     "f is UTF-16",
		"a " + sum + " b=\x01":          "f:1: a value holds",
		strings.Repeat("x", 5000):       "f:1: the line is longer",
	} {
		_, err := table.parseKeys("f", text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), sum[:8]) {
			t.Errorf("%q shows what the file holds", err)
		}
	}
}

// TestAllocations: what is known at once costs nothing that the garbage collector sees.
func TestAllocations(t *testing.T) {
	_, gates := compileText(t, tables, nil)
	for route, q := range recalled(t, gates) {
		if n := testing.AllocsPerRun(100, func() {
			if !gates[route].Recall(q).Admitted {
				t.Error("it is not admitted")
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations, want 0", route, n)
		}
	}
	missing := subject(parse(t, "/"))
	if n := testing.AllocsPerRun(100, func() { gates["users"].Recall(missing) }); n > 0 {
		t.Errorf("without a token: %v allocations, want 0", n)
	}
}

// recalled returns requests, by route, that are admitted at once.
func recalled(t testing.TB, gates map[string]*Gate) map[string]*Subject {
	token := subject(parse(t, "/", "Cookie: a=b", "Authorization: Bearer "+tokenOf(map[string]any{"pad": strings.Repeat("x", 600)})))
	gates["users"].Settle(token, nil)
	certified := subject(parse(t, "/"))
	certified.Certified, certified.Names = true, "DNS:a, URI:spiffe://example.com/a"
	gates["mesh"].Settle(certified, nil)
	session := subject(parse(t, "/", "Cookie: a=b; session=0123456789abcdef0123456789abcdef"))
	gates["sso"].Settle(session, says{"HTTP/1.1 200 OK\r\nRemote-User: bob\r\nContent-Length: 0\r\n\r\n"})
	session.Now = time.Now()
	return map[string]*Subject{"users": token, "partners": subject(parse(t, "/", "X-Api-Key: key-of-acme")), "mesh": certified, "sso": session}
}

func BenchmarkRecall(b *testing.B) {
	_, gates := compileText(b, tables, nil)
	all := recalled(b, gates)
	for _, route := range []string{"users", "partners", "mesh", "sso"} {
		q := all[route]
		b.Run(route, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !gates[route].Recall(q).Admitted {
					b.Fatal("it is not admitted")
				}
			}
		})
	}
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
