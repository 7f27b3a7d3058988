package auth

import (
	"strings"
	"testing"
	"time"
)

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
