package proxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// BenchmarkAuth is what finding out who asks adds to the decision of a request that is forwarded.
func BenchmarkAuth(b *testing.B) {
	dir := b.TempDir()
	secret := strings.Repeat("s", 32)
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(secret), 0o600); err != nil {
		b.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	text := enc([]byte(`{"alg":"HS256"}`)) + "." + enc(fmt.Appendf(nil, `{"aud":"api","sub":"bob","pad":%q,"exp":%d}`, strings.Repeat("x", 400), time.Now().Unix()+3600))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	text += "." + enc(mac.Sum(nil))
	head := strings.Replace(actualHead, "Bearer x", "Bearer "+text, 1)
	table := "[auth.users]\nsecret_file = \"" + filepath.Join(dir, "secret") + "\"\nalgorithms = [\"HS256\"]\naudience = [\"api\"]\n"
	for _, c := range []struct{ name, text string }{
		{"none", benchConfig},
		{"token", benchConfig + "auth = [\"users\"]\n" + table},
		{"token-and-field", benchConfig + "auth = [\"users\"]\n" + table + "set = { X-User = \"$claim.sub\" }\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := newBenchExchange(b, newBenchProxy(b, c.text), head)
			res := &wire.Response{}
			res.Parse([]byte(responseHead), wire.Limits{HeadBytes: 16 << 10, Fields: 128})
			x.decide()
			b.ReportAllocs()
			for b.Loop() {
				if x.decide() {
					b.Fatalf("answered: %q", x.out)
				}
				x.head = appendFraming(x.head, x.req, 0)
				x.finish(res)
				x.left()
			}
		})
	}
}
