package gateway

import (
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
)

// noteShort says that the machine is short of something that connections need. Those that wait to be accepted go on waiting.
func (g *Gateway) noteShort(on *edge.Listener, err error) {
	g.metrics.Exhausted.Inc()
	held, ok := g.short.Pass(time.Now())
	if !ok {
		return
	}
	attrs := []any{"listener", on.Name, "error", err.Error(),
		"advice", "raise the limit of open files (LimitNOFILE), or bound limits.connections"}
	if held > 0 {
		attrs = append(attrs, "more_before", held)
	}
	g.log.Warn("connections cannot be taken in", attrs...)
}
