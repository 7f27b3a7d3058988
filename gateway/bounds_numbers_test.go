package gateway

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"strings"
	"testing"
)

// TestBoundsAreTrue: the numbers in the table of bounds are those of the code.
func TestBoundsAreTrue(t *testing.T) {
	text, err := os.ReadFile("../deploy/bounds.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			rows[strings.TrimSpace(cells[1])] = line
		}
	}
	f := func(row, says, file, name, value string) {
		t.Helper()
		if !strings.Contains(rows[row], says) {
			t.Errorf("%q does not say %q: %q", row, says, rows[row])
		}
		if got := constantOf(t, file, name); got != value {
			t.Errorf("%q says %q, and %s in %s is %s, want %s", row, says, name, file, got, value)
		}
	}
	f("descriptors", "and 32 that no", "descriptors/descriptors.go", "spare", "32")
	f("descriptors", "up to 0.3 s", "upstream/conn/descriptors.go", "descriptorPatience", "300000000")
	f("TLS handshakes under way", "4096, and half", "edge/handshakes.go", "maxTLSHandshakes", "4096")
	f("TLS handshakes under way", "for 2 s ends", "edge/handshakes.go", "handshakePatience", "2000000000")
	f("TLS handshakes under way", "or for 0.5 s", "edge/handshakes.go", "hurriedPatience", "500000000")
	f("QUIC handshakes under way", "1024, and half", "h3/server.go", "maxHandshakes", "1024")
	f("QUIC handshakes under way", "from 64 on", "h3/server.go", "validateFrom", "64")
	f("QUIC handshakes under way", "an eighth", "h3/server.go", "addressShare", "8")
	f("memory for requests that are not all there, or not all with their upstreams", "a quarter", "edge/memory.go", "heldMost", "4")
	f("memory for requests that are not all there, or not all with their upstreams", "a fifth", "edge/memory.go", "heldLess", "5")
	f("memory for requests that are not all there, or not all with their upstreams", "100 ms", "edge/memory.go", "youngest", "100000000")
	f("memory for requests that are not all there, or not all with their upstreams", "three fifths", "overload/overload.go", "relieveTo", "0.6")
	f("requests at once", "at least 4", "snapshot/route.go", "roomApart", "4")
	f("a turn of an event loop", "32 requests", "loop/loop_linux.go", "requestsATurn", "32")
	f("a turn of an event loop", "64 KiB read", "loop/loop_linux.go", "readBuffer", "65536")
	f("streams of one HTTP/2 connection", "| 100 |", "h2/session.go", "MaxStreams", "100")
	f("work without a request on one HTTP/2 connection: resets, pings, settings, empty frames", "budget of 1000", "h2/calm.go", "calmFull", "1000")
	f("work without a request on one HTTP/2 connection: resets, pings, settings, empty frames", "by 33 a second", "h2/calm.go", "calmRate", "33")
	f("requests of one HTTP/3 connection that were reset", "1000 beyond", "h3/stream.go", "maxResets", "1000")
	f("requests at once of one HTTP/3 connection", "| 100 |", "h3/server.go", "maxStreams", "100")
	const control = "frames on the control stream of an HTTP/3 connection, and streams that carry no request"
	f(control, "and 4 for each request", "h3/control.go", "framesPerRequest", "4")
	f(control, "1 KiB and", "h3/control.go", "maxControl", "1024")
	f(control, "64 settings", "h3/control.go", "maxSettings", "64")
	f(control, "8 such streams", "h3/server.go", "maxUniStreams", "8")
	f("cells of a rate limit", "a sixteenth", "limit/limit.go", "perOwner", "114688")
	f("bad tokens that are remembered", "4096 entries", "auth/jwt.go", "maxRefused", "4096")
	f("bad tokens that are remembered", "4 MiB", "auth/jwt.go", "refusedBytes", "4194304")
	f("bad tokens that are remembered", "for an hour", "auth/jwt.go", "refusedFor", "3600000000000")
	f("signatures that are verified at once", "4096 wait", "auth/pool.go", "maxVerifyQueue", "4096")
	f("signatures that are verified at once", "for 1 s", "auth/pool.go", "maxVerifyWait", "1000000000")
	f("requests that wait for keys", "1024 for each", "auth/jwks/source.go", "maxWaiting", "1024")
	f("requests that wait for keys", "for 5 s", "auth/jwt.go", "keysWait", "5000000000")
	f("decisions of another server that are remembered", "65536 entries", "auth/forward.go", "maxDecisions", "65536")
	f("decisions of another server that are remembered", "16 MiB", "auth/forward.go", "deniedBytes", "16777216")
	f("names in the lists of refused origins, shadows and allowed preflights", "256 entries", "frequent/frequent.go", "Max", "256")
	f("records of the access log that are not written", "1024 records", "access/access.go", "shardRecords", "1024")
	f("records of the access log that are not written", "128 KiB", "access/access.go", "shardText", "131072")
	f("lines of the log that are not written", "1024 lines", "../cmd/corsgate/internal/logs/backlog.go", "linesKept", "1024")
	f("spans that are not exported", "2048 spans", "trace/export.go", "queued", "2048")
	f("spans that are not exported", "one second", "trace/export.go", "farewell", "1000000000")
	f("copies for a mirror", "64 under way", "backend/mirror.go", "maxMirrored", "64")
	f("copies for a mirror", "10 s each", "backend/mirror.go", "mirrorTime", "10000000000")
	f("watches in etcd", "64 nodes", "fleet/seen.go", "maxSights", "64")
	f("content read before the upstream is asked", "64 KiB a request", "proxy/buffers.go", "aheadContent", "65536")
	f("content that waits behind a slow upstream, HTTP/2", "16 KiB a stream", "h2/session.go", "streamWindow", "16384")
	f("content that waits behind a slow upstream, HTTP/2", "256 KiB for 4", "h2/session.go", "wideWindow", "262144")
	f("content that waits behind a slow upstream, HTTP/2", "for 4 streams", "h2/session.go", "wideStreams", "4")
	f("content that waits behind a slow upstream, HTTP/3", "64 KiB a connection", "h3/server.go", "connWindow", "65536")
	f("content that waits behind a slow upstream, HTTP/3", "up to 1 MiB", "h3/server.go", "maxConnWindow", "1048576")
	f("content that waits behind a slow upstream, HTTP/3", "64 MiB", "h3/growth.go", "grownOfAll", "67108864")
	f("responses read ahead of a client", "256 KiB a client", "loop/ahead_linux.go", "aheadOfClient", "262144")
	f("responses read ahead of a client", "64 MiB in all", "loop/ahead_linux.go", "aheadOfAll", "67108864")
}

// constantOf returns the value of a constant of a file, which may refer to others of it.
func constantOf(t *testing.T, file, name string) string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var value string
	for _, d := range parsed.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			for i, n := range v.Names {
				if n.Name == name {
					value = types.ExprString(v.Values[i])
				}
			}
		}
	}
	if value == "" {
		t.Fatalf("there is no constant %s in %s", name, file)
	}
	for unit, ns := range map[string]string{"time.Millisecond": "1000000", "time.Second": "1000000000", "time.Hour": "3600000000000", "h2.MaxStreams": "100", "Keys": "7*(1<<14)<<4"} {
		value = strings.ReplaceAll(value, unit, ns)
	}
	got, err := types.Eval(token.NewFileSet(), nil, token.NoPos, value)
	if err != nil || got.Value == nil {
		t.Fatalf("%s in %s: %v", name, file, err)
	}
	return got.Value.String()
}
