//go:build linux

package main

import (
	"fmt"
	"strconv"
	"time"
)

// A Scenario is one question: how does a cost grow with X?
type Scenario struct {
	Name   string   `json:"name"` // for -only, and as an anchor
	Title  string   `json:"title"`
	Note   string   `json:"note"` // what a reader has to know; plain text
	Axis   string   `json:"axis"` // what X counts
	Plots  []Metric `json:"plots"`
	Cells  []Cell   `json:"-"`
	Tables bool     `json:"tables"` // one full table for each X, instead of one row of CPU time for all
}

// A Cell is one X of a Scenario: something that is measured for all gateways in turn.
type Cell struct {
	X      int
	Rounds int
	For    time.Duration
	Setup  Setup
	Load   Workload
}

// A Workload is what a load generator does.
type Workload struct {
	Connections int
	Rate        int // requests per second; 0: a closed loop
	Streams     int // requests that each connection has open at once, over HTTP/2; 0: HTTP/1.1
	Requests    []string
}

// A Scale says how thorough a run is.
type Scale struct {
	Rounds      int
	For         time.Duration // of one measurement
	Connections []int
	Secure      []int // connections with TLS
	Streams     []int // of an HTTP/2 connection
	Rates       []int
	Overload    []int // percent
	Fields      []int // header fields added
	Bodies      []int // bytes; each is in bodySizes
	Origins     []int
	Routes      []int
	Keys        []int // different preflights, for the cache
}

// bodySizes are the bodies that the upstream has, in bytes.
var bodySizes = [...]int{100, 1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20}

func quickScale() Scale {
	return Scale{Rounds: 1, For: time.Second, Connections: []int{1, 64, 512}, Secure: []int{64}, Streams: []int{1, 32}, Rates: []int{2000, 8000}, Overload: []int{50, 400},
		Fields: []int{0, 100}, Bodies: []int{1 << 10, 1 << 20}, Origins: []int{1, 100, 10_000}, Routes: []int{1, 1000},
		Keys: []int{1, 1000, 100_000}}
}

func fullScale() Scale {
	return Scale{Rounds: 5, For: 2 * time.Second, Connections: []int{1, 8, 64, 512, 4096}, Secure: []int{64, 512}, Streams: []int{1, 10, 32, 100}, Rates: []int{1000, 2000, 5000, 10_000, 20_000}, Overload: []int{50, 100, 200, 400},
		Fields: []int{0, 10, 30, 100}, Bodies: bodySizes[:], Origins: []int{1, 100, 10_000, 100_000, 1_000_000},
		Routes: []int{1, 100, 1000, 10_000}, Keys: []int{1, 100, 10_000, 100_000, 1_000_000}}
}

const app, users = "https://app.example.com", "/api/users"

// plan returns every scenario. Those that share a Setup stand together, since its gateways are started once.
func plan(s Scale) []Scenario {
	return []Scenario{
		s.connections("preflight", "Preflights, by connections", preflight(app, users)),
		s.connections("forward", "Forwarded requests, by connections", forward(app, users)),
		s.rates("preflight-rate", "Preflights at a fixed rate", preflight(app, users)),
		s.rates("forward-rate", "Forwarded requests at a fixed rate", forward(app, users)),
		s.secure("tls-preflight", "Preflights over TLS, by connections", "Closed loop over kept connections of TLS 1.3.", preflight(app, users)),
		s.secure("tls-forward", "Forwarded requests over TLS, by connections", "Closed loop over kept connections of TLS 1.3.", forward(app, users)),
		s.streams("h2-preflight", "Preflights over HTTP/2, by streams", preflight(app, users)),
		s.streams("h2-forward", "Forwarded requests over HTTP/2, by streams", forward(app, users)),
		s.secure("handshakes", "Handshakes of TLS 1.3, by connections", "Each connection is closed after one preflight and opened again, without resumption: what a request costs here is a full handshake.", preflight(app, users, "Connection: close\r\n")),
		s.overload(), s.fields(), s.downloads(), s.uploads(), s.origins(), s.routes(), s.cache(),
	}
}

func (s Scale) cell(x int, setup Setup, connections int, requests ...string) Cell {
	return Cell{x, s.Rounds, s.For, setup, Workload{Connections: connections, Requests: requests}}
}

func (s Scale) connections(name, title, request string) Scenario {
	c := Scenario{Name: name, Title: title, Axis: "connections", Plots: []Metric{CPU, Memory}, Tables: true,
		Note: "Closed loop: each connection sends its next request when it has its answer. Requests per second saturate the load generator's CPU first, and latency is what a saturated machine gives; CPU time per request is the figure to trust."}
	for _, n := range s.Connections {
		cell := s.cell(n, Setup{}, n, request)
		if n == 64 {
			cell.Rounds = max(cell.Rounds, 3) // the headline
		}
		c.Cells = append(c.Cells, cell)
	}
	return c
}

func (s Scale) secure(name, title, note, request string) Scenario {
	c := Scenario{Name: name, Title: title, Axis: "connections", Plots: []Metric{CPU, Memory}, Tables: true, Note: note}
	for _, n := range s.Secure {
		c.Cells = append(c.Cells, s.cell(n, Setup{TLS: true}, n, request))
	}
	return c
}

func (s Scale) streams(name, title, request string) Scenario {
	c := Scenario{Name: name, Title: title, Axis: "streams at once on each connection", Plots: []Metric{CPU, Memory}, Tables: true,
		Note: fmt.Sprintf("HTTP/2 over TLS 1.3 by h2load, %d connections. CPU time and requests per second are the slope between two runs, one %d times as long as the other, so that handshakes do not count; h2load gives no percentiles.", h2Connections, longer)}
	for _, n := range s.Streams {
		cell := s.cell(n, Setup{TLS: true, HTTP2: true}, h2Connections, request)
		cell.Load.Streams = n
		c.Cells = append(c.Cells, cell)
	}
	return c
}

func (s Scale) rates(name, title, request string) Scenario {
	c := Scenario{Name: name, Title: title, Axis: "requests per second", Plots: []Metric{P99, CPU}, Tables: true,
		Note: "Open loop over 64 connections: each request has its time, and its latency counts from then, whether or not a connection was free."}
	for _, rate := range s.Rates {
		cell := s.cell(rate, Setup{}, 64, request)
		cell.Load.Rate = rate
		c.Cells = append(c.Cells, cell)
	}
	return c
}

func (s Scale) overload() Scenario {
	c := Scenario{Name: "overload", Title: "More than the upstream can do", Axis: "% of what it can do", Plots: []Metric{Good, Good99}, Tables: true,
		Note: fmt.Sprintf("Open loop over 512 connections to an upstream that takes %v for a request and does %d at once, so %d a second. Each product is told to ask for no more at once, and to keep no request waiting for longer than 20 ms, if it has such a bound and such a queue (nginx has no queue, Caddy neither). What matters is how much is served, and how fast, whatever is asked for; faults are what was turned away.", slowFor, slowAtOnce, slowRate)}
	for _, x := range s.Overload {
		cell := s.cell(x, Setup{Slow: true}, 512, forward(app, users))
		cell.Load.Rate = slowRate * x / 100
		c.Cells = append(c.Cells, cell)
	}
	return c
}

func (s Scale) fields() Scenario {
	c := Scenario{Name: "fields", Title: "Header fields", Axis: "header fields added", Plots: []Metric{CPU, P99},
		Note: "Forwarded requests with that many further header fields of about 40 bytes; 64 connections, closed loop."}
	for _, n := range s.Fields {
		c.Cells = append(c.Cells, s.cell(n, Setup{}, 64, forward(app, users, extraLines(n)...)))
	}
	return c
}

func (s Scale) downloads() Scenario {
	c := Scenario{Name: "downloads", Title: "Size of response bodies", Axis: "bytes", Plots: []Metric{CPU, Memory},
		Note: "Forwarded requests whose response has a body of that size; 16 connections, closed loop."}
	for _, n := range s.Bodies {
		c.Cells = append(c.Cells, s.cell(n, Setup{}, 16, forward(app, "/body/"+strconv.Itoa(n))))
	}
	return c
}

func (s Scale) uploads() Scenario {
	c := Scenario{Name: "uploads", Title: "Size of request bodies", Axis: "bytes", Plots: []Metric{CPU, Memory},
		Note: "Forwarded POST requests with a body of that size; 16 connections, closed loop. nginx is told to stream (proxy_request_buffering off), as the others do."}
	for _, n := range s.Bodies {
		c.Cells = append(c.Cells, s.cell(n, Setup{}, 16, upload(app, users, n)))
	}
	return c
}

func (s Scale) origins() Scenario {
	c := Scenario{Name: "origins", Title: "Origins of the policy", Axis: "exact origins", Plots: []Metric{CPU, Memory},
		Note: fmt.Sprintf("Preflights from up to %d of that many exact origins in turn; 64 connections, closed loop. nginx has them in a hash (map), HAProxy in a tree (-f), Caddy in its map directive, which tries one after the other.", different)}
	for _, n := range s.Origins {
		requests := spread(n, func(i int) string { return preflight(origin(i), users) })
		c.Cells = append(c.Cells, s.cell(n, Setup{Origins: n}, 64, requests...))
	}
	return c
}

func (s Scale) routes() Scenario {
	c := Scenario{Name: "routes", Title: "Routes", Axis: "routes", Plots: []Metric{CPU, Memory},
		Note: fmt.Sprintf("Forwarded requests to up to %d of that many path prefixes in turn, all with one policy and one upstream; 64 connections, closed loop. nginx has locations, HAProxy a map (map_beg), Caddy one reverse_proxy each.", different)}
	for _, n := range s.Routes {
		requests := spread(n, func(i int) string { return forward(app, routePath(i)+"users") })
		c.Cells = append(c.Cells, s.cell(n, Setup{Routes: n}, 64, requests...))
	}
	return c
}

func (s Scale) cache() Scenario {
	c := Scenario{Name: "cache", Title: "Preflights cached and computed, over the network", Axis: "different preflights", Plots: []Metric{CPU, Memory},
		Note: "corsgate with its preflight cache (32 768 entries) and with preflights = 0; 10 000 exact origins; 64 connections, closed loop. What is saved here is seen beside the kernel's share of a request; the two results after this one leave that out."}
	for _, n := range s.Keys {
		if n <= 1000 { // as many requests as a script for wrk can well hold
			requests := spread(n, func(i int) string { return preflight(origin(i), users) })
			c.Cells = append(c.Cells, s.cell(n, Setup{Origins: 10_000, Cache: true}, 64, requests...))
		}
	}
	return c
}
