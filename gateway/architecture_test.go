package gateway_test

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestHouse holds what doc.go says about who imports whom.
func TestHouse(t *testing.T) {
	const module = "github.com/corsgate/corsgate/"
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	// What of the house each package may import. What is not named is at the top and may import all
	// of it, or is a mistake in this table.
	allowed := map[string][]string{
		"matcher":                   {},
		"cache":                     {},
		"gateway/wire":              {},
		"gateway/config":            {},
		"gateway/config/configtest": {}, // for tests only
		"gateway/route":             {},
		"gateway/cors":              {"matcher"},
		"gateway/cors/nethttp":      {"gateway/cors"},
		"gateway/internal/vectors":  {"gateway/cors"}, // for tests only
		"gateway/upstream":          {"gateway/wire", "gateway/upstream/balance", "gateway/upstream/conn", "gateway/upstream/discover"},
		"gateway/internal/dnstest":  {}, // for tests only
		"gateway/tlsconf":           {},
		"gateway/socket":            {},
		"gateway/edge":              {"gateway/wire", "gateway/h2", "gateway/pipe", "gateway/tlsconf"},
		"gateway/pipe":              {"gateway/wire", "gateway/h2", "gateway/tlsconf"},
		"gateway/h3":                {"gateway/wire", "gateway/edge", "gateway/h2", "gateway/pipe", "gateway/socket", "gateway/tlsconf"},
		"gateway/h2":                {"gateway/wire"},
		// Below upstream: what DNS says is a matter of its own, and so is its library.
		"gateway/upstream/discover":  {},
		"gateway/upstream/conn":      {"gateway/wire"},
		"gateway/upstream/transport": {"gateway/upstream", "gateway/upstream/conn", "gateway/wire"},
		"gateway/upstream/balance":   {}, // clever structures that know nothing of connections
		"gateway/limit":              {}, // a room of its own: a clever structure that knows nothing of requests
		// Below limit: what gateways share is a matter of its own, and so is its library.
		"gateway/limit/shared":       {"gateway/limit"},
		"gateway/internal/redistest": {"gateway/tooltest"}, // for tests only
		"gateway/trace":              {},                   // a room of its own: it knows traces and their collector, and nothing of exchanges
		"gateway/printable":          {},
		"gateway/frequent":           {},
		"gateway/files":              {"gateway/config"},
		"gateway/metrics":            {"gateway/cors", "gateway/edge", "gateway/limit/shared", "gateway/wire"},
		"gateway/rewrite":            {"gateway/config", "gateway/upstream", "gateway/wire"},
		"gateway/policy":             {"gateway/config", "gateway/cors", "gateway/files", "gateway/metrics", "matcher"},
		"gateway/auth":               {"gateway/auth/jwks", "gateway/auth/token", "gateway/config", "gateway/files", "gateway/metrics", "gateway/wire"},
		"gateway/auth/jwks":          {"gateway/auth/token"},
		"gateway/auth/token":         {}, // it judges tokens, and knows nothing of requests
		"gateway/certs":              {"gateway/acme", "gateway/config", "gateway/files", "gateway/metrics", "gateway/tlsconf"},
		"gateway/snapshot":           {"cache", "gateway/access", "gateway/auth", "gateway/backend", "gateway/certs", "gateway/config", "gateway/cors", "gateway/descriptors", "gateway/edge", "gateway/files", "gateway/lint", "gateway/metrics", "gateway/policy", "gateway/ratelimit", "gateway/rewrite", "gateway/route", "gateway/trace", "gateway/upstream", "gateway/wire"},
		"gateway/ratelimit":          {"gateway/auth", "gateway/certs", "gateway/config", "gateway/cors", "gateway/limit", "gateway/limit/shared", "gateway/logging", "gateway/metrics", "gateway/wire"},
		"gateway/backend":            {"gateway/certs", "gateway/config", "gateway/logging", "gateway/metrics", "gateway/upstream", "gateway/upstream/balance", "gateway/upstream/discover", "gateway/upstream/transport", "gateway/wire"},
		"gateway/descriptors":        {"gateway/config"},
		"gateway/lint":               {"gateway/config", "gateway/descriptors", "gateway/rewrite", "gateway/route", "gateway/wire", "matcher"},
		"gateway/logging":            {},
		"gateway/report":             {"gateway/config", "gateway/cors", "gateway/fetch", "gateway/frequent", "gateway/policy", "gateway/snapshot", "gateway/wire", "matcher"},
		"gateway/overload":           {"gateway/metrics", "gateway/snapshot"},
		"gateway/proxy":              {"gateway/access", "gateway/auth", "gateway/backend", "gateway/config", "gateway/cors", "gateway/edge", "gateway/fetch", "gateway/frequent", "gateway/limit", "gateway/logging", "gateway/loop", "gateway/metrics", "gateway/overload", "gateway/policy", "gateway/ratelimit", "gateway/report", "gateway/rewrite", "gateway/route", "gateway/snapshot", "gateway/trace", "gateway/upstream", "gateway/upstream/transport", "gateway/tlsconf", "gateway/wire", "matcher"},
		"gateway/listen":             {"gateway/config", "gateway/edge", "gateway/h3", "gateway/loop", "gateway/metrics", "gateway/socket", "gateway/tlsconf"},
		"gateway/explain":            {"gateway/auth", "gateway/config", "gateway/cors", "gateway/edge", "gateway/fetch", "gateway/metrics", "gateway/policy", "gateway/proxy", "gateway/route", "gateway/snapshot", "gateway/tlsconf", "gateway/wire", "matcher"},
		"gateway/loop":               {"gateway/edge", "gateway/h2", "gateway/pipe", "gateway/socket", "gateway/upstream", "gateway/upstream/conn", "gateway/tlsconf", "gateway/wire"},
		"gateway/fetch":              {"gateway/cors", "gateway/wire", "matcher"},
		"gateway/admin":              {"gateway/printable", "gateway/fetch"},
		"gateway/access":             {"gateway/printable"},
		"gateway/acme":               {},                                                                  // a room of its own: certmagic and what it needs, and nothing of requests
		"gateway/pkitest":            {},                                                                  // for tests only: no room of the house imports it
		"gateway/acmetest":           {"gateway/internal/dnstest", "gateway/pkitest", "gateway/tooltest"}, // likewise
		"gateway/tooltest":           {},                                                                  // likewise
		"gateway/fleet":              {"gateway/printable"},                                               // a room of its own: it knows etcd, and nothing of configurations
		"gateway/fleet/etcdtest":     {"gateway/tooltest"},                                                // for tests only
	}
	top := []string{"gateway"}
	order := drawnOrder(t)
	for i, level := range order {
		for _, room := range level {
			for _, below := range allowed["gateway/"+room] {
				for _, right := range order[i:] {
					if slices.Contains(right, strings.TrimPrefix(below, "gateway/")) {
						t.Errorf("gateway/%s may import %s, which is not left of it", room, below)
					}
				}
			}
		}
	}
	// Who may import libraries.
	libraries := map[string][]string{
		"github.com/valyala/fasthttp":      {"gateway/edge"},
		"github.com/quic-go/":              {"gateway/h3"},
		"github.com/fsnotify/fsnotify":     {"gateway/files"},
		"github.com/rs/zerolog":            {"gateway/access"},
		"github.com/pires/go-proxyproto":   {"gateway/edge", "gateway/upstream/conn"},
		"github.com/coreos/go-systemd/":    {"gateway/socket", "cmd/corsgate"},
		"golang.org/x/crypto/":             {"gateway/tlsconf", "gateway/pkitest"},
		"github.com/caddyserver/certmagic": {"gateway/acme"},
		"github.com/mholt/acmez/":          {"gateway/acme"},
		"github.com/go-jose/go-jose/":      {"gateway/auth/token"},
		"golang.org/x/sync/":               {"gateway/auth"},
		"go.uber.org/zap":                  {"gateway/acme", "gateway/fleet", "gateway/fleet/etcdtest"},
		"google.golang.org/grpc":           {"gateway/fleet"},
		"go.etcd.io/etcd/":                 {"gateway/fleet", "gateway/fleet/etcdtest"},
		"github.com/letsencrypt/pebble/":   {}, // only gateway/internal/doubles, which is a module of its own
		"github.com/redis/go-redis/":       {"gateway/limit/shared"},
		"github.com/alicebob/miniredis/":   {}, // only the same
		"go.etcd.io/etcd/server/":          {}, // only the same
		"github.com/miekg/dns":             {"gateway/upstream/discover", "gateway/internal/dnstest"},
	}
	none := []string{"matcher", "gateway/wire", "gateway/h2", "gateway/limit", "gateway/trace", "gateway/printable", "gateway/frequent", "gateway/logging", "gateway/cors/nethttp"} // standard library only
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name := strings.TrimPrefix(words[0], module)
		if !strings.HasPrefix(name, "gateway") && name != "matcher" && name != "cache" {
			continue
		}
		may, known := allowed[name]
		if !known && !slices.Contains(top, name) {
			t.Errorf("%s is in no line of this test's table: add it, and to doc.go", name)
		}
		for _, path := range words[1:] {
			child, ours := strings.CutPrefix(path, module)
			switch {
			case ours && known && !slices.Contains(may, child):
				t.Errorf("%s imports %s", name, child)
			case !ours && strings.Contains(path, ".") && slices.Contains(none, name):
				t.Errorf("%s imports %s: it is to need the standard library only", name, path)
			}
			for library, users := range libraries {
				if strings.HasPrefix(path, library) && !slices.Contains(users, name) {
					t.Errorf("%s imports %s: only %v may", name, path, users)
				}
			}
		}
	}
}

// drawnOrder returns the order of the packages that a request and a reload pass, as doc.go draws it: each may import only
// those of the levels before its own.
func drawnOrder(t *testing.T) (order [][]string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^\t(files [^\n]* \| gateway)$`).FindStringSubmatch(file.Doc.Text())
	if line == nil {
		t.Fatal("doc.go does not have the order of the packages")
	}
	for level := range strings.SplitSeq(line[1], " | ") {
		order = append(order, strings.FieldsFunc(level, func(r rune) bool { return r == ' ' || r == ',' }))
	}
	return order
}

// TestModules holds that the product does not require what only its benchmarks and its tests' servers need, and that the
// etcd that tests run is of the version of the client.
func TestModules(t *testing.T) {
	required := func(path string) map[string]string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		versions := make(map[string]string)
		for _, m := range regexp.MustCompile(`(?m)^\t(\S+) (v\S+)`).FindAllStringSubmatch(string(text), -1) {
			versions[m[1]] = m[2]
		}
		return versions
	}
	product, doubles := required("../go.mod"), required("internal/doubles/go.mod")
	for module := range product {
		for _, other := range []string{"go.etcd.io/etcd/server/", "github.com/letsencrypt/pebble/", "github.com/alicebob/miniredis/", "gonum.org/"} {
			if strings.HasPrefix(module, other) {
				t.Errorf("go.mod requires %s, which belongs to benchmarks/go.mod or gateway/internal/doubles/go.mod", module)
			}
		}
	}
	const client, server = "go.etcd.io/etcd/client/v3", "go.etcd.io/etcd/server/v3"
	if product[client] == "" || product[client] != doubles[server] {
		t.Errorf("go.mod requires %s %s, gateway/internal/doubles/go.mod %s %s: want the same version", client, product[client], server, doubles[server])
	}
}
