package auth

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkRecallMany is what it takes to find one of many tokens, which no cache of the processor holds; less what "copy" takes.
func BenchmarkRecallMany(b *testing.B) {
	_, gates := compileText(b, tables, nil)
	g := gates["users"]
	const many = 10_000
	texts := make([][]byte, many)
	for i := range texts {
		text := tokenOf(map[string]any{"sub": fmt.Sprintf("user-%05d", i), "pad": strings.Repeat("x", 500)})
		texts[i] = []byte("Bearer " + text)
		g.Settle(subject(parse(b, "/", "Authorization: Bearer "+text)), nil)
	}
	value := bytes.Clone(texts[0])
	q := subject(parse(b, "/", "Accept: */*", "User-Agent: "+strings.Repeat("u", 100), "Accept-Language: en", "Cookie: a=b", "Authorization: x"))
	q.Request.Fields[len(q.Request.Fields)-1].Value = value
	for _, name := range []string{"copy", "recall"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				copy(value, texts[i*7919%many])
				if name == "recall" {
					g.Recall(q)
				}
			}
		})
	}
}
