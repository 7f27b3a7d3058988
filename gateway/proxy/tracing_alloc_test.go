package proxy

import (
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

// traceCases are what [trace] can be to a request that is not recorded.
var traceCases = []struct{ name, config, field string }{
	{"off", "", ""},
	{"passed/off", "", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"},
	{"passed", "[trace]\n", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"},
	{"started", "[trace]\nsample = \"1%\"\n", ""},
}

// Traces allocate nothing as long as nothing is recorded.
func TestTraceAllocations(t *testing.T) {
	for _, c := range traceCases {
		x := newBenchExchange(t, newBenchProxy(t, c.config+benchConfig), strings.Replace(actualHead, "\r\n\r\n", "\r\n"+c.field+"\r\n", 1))
		x.decide()
		if got := testing.AllocsPerRun(100, func() { x.decide() }); got > 0 {
			t.Errorf("%s: %v allocations", c.name, got)
		}
	}
}

// BenchmarkTrace is BenchmarkLimit for traces.
func BenchmarkTrace(b *testing.B) {
	for _, c := range traceCases {
		b.Run(c.name, func(b *testing.B) {
			x := newBenchExchange(b, newBenchProxy(b, c.config+benchConfig), strings.Replace(actualHead, "\r\n\r\n", "\r\n"+c.field+"\r\n", 1))
			res := &wire.Response{}
			res.Parse([]byte(responseHead), wire.Limits{HeadBytes: 16 << 10, Fields: 128})
			b.ReportAllocs()
			for b.Loop() {
				if !x.decide() {
					x.head = appendFraming(x.head, x.req, 0)
					x.finish(res)
				}
			}
		})
	}
}
