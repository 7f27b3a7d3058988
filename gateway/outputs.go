package gateway

import (
	"context"
	"runtime"
	"time"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// lastLines bounds how long a shutdown waits for the reader of the access log.
const lastLines = time.Second

// LogAccess writes an access log to d, of the requests that log.access of the configuration in force chooses, from Serve
// to the end of Shutdown. It must be called once, before Serve.
func (g *Gateway) LogAccess(d access.Destination) {
	// One for each loop; the connections that have goroutines share them, and so do refusals.
	shards := runtime.GOMAXPROCS(0)
	g.access = access.New(d, g.log, shards)
	g.proxy.LogAccess(g.access)
	g.metrics.ReadOne(metrics.AccessLogDropped, func() float64 { return float64(g.access.Dropped()) })
}

// RedirectAccess makes d the destination of the lines to come in the access log.
// Precondition: LogAccess was called.
func (g *Gateway) RedirectAccess(d access.Destination) { g.access.Redirect(d) }

// closeAccessLog writes the lines that wait, unless their reader has stopped.
func (g *Gateway) closeAccessLog() {
	if g.access == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastLines)
	defer cancel()
	if err := g.access.Close(ctx); err != nil {
		g.log.Warn("the end of the access log is lost: its reader did not read it", "dropped", g.access.Dropped())
	}
}
