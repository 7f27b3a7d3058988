package gateway

import (
	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// registerHTTP2 has what HTTP/2 connections have met read at a scrape. Their sessions count it.
func (g *Gateway) registerHTTP2() {
	c := g.server.HTTP2Counts()
	g.metrics.ReadOne(metrics.HTTP2Refused, func() float64 { return float64(c.Refused()) })
	byCode := func(s *metrics.Scraped, count func(by h2.Side, code h2.Code) int64) {
		g.metrics.Read(s, func(emit metrics.Emit) {
			for _, by := range []h2.Side{h2.Client, h2.Gateway} {
				for _, code := range h2.Codes() {
					emit(float64(count(by, code)), by.String(), code.String())
				}
			}
		})
	}
	byCode(metrics.HTTP2Resets, c.Resets)
	byCode(metrics.HTTP2GoAways, c.GoAways)
	g.metrics.Read(metrics.HTTP2Floods, func(emit metrics.Emit) {
		for _, cause := range h2.Causes() {
			emit(float64(c.Floods(cause)), cause.String())
		}
	})
}
