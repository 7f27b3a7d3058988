// Package metrics declares every Prometheus metric of a gateway, in one place. Labels are configured names and closed sets
// only, so clients cannot create series. Counters are resolved when a configuration is compiled, so requests need no
// lookup. It is internal to corsgate.
package metrics

import (
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/limit/shared"
	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are the counters of a gateway. What is exported may be counted at any time; what a route, an upstream or
// a limit counts is resolved by a method of that name.
type Metrics struct {
	registry *prometheus.Registry
	unread   bool // see NewUnread

	// Of requests.
	requests   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	overhead   *prometheus.HistogramVec
	Unrouted   Classes // of requests that no route takes
	malformed  map[string]prometheus.Counter
	versions   [4]prometheus.Counter // by major version of HTTP; 0 and 1 are not counted
	ShedMemory prometheus.Counter
	// ShedInFlight counts requests that were refused because of limits.in_flight or the priority of their route.
	ShedInFlight prometheus.Counter
	Ended        map[string]prometheus.Counter // by reason: see Late, Idle and SlowClient
	SpansDropped prometheus.Counter
	Tunnels      prometheus.Gauge
	TunnelBytes  struct{ FromClient, FromUpstream prometheus.Counter }

	// Of policies.
	preflights *prometheus.CounterVec
	actual     *prometheus.CounterVec
	csrf       *prometheus.CounterVec
	shadow     *prometheus.CounterVec
	conflicts  *prometheus.CounterVec

	// Of auth.
	auth *prometheus.CounterVec

	// Of limits.
	limited       *prometheus.CounterVec
	evictions     *prometheus.CounterVec
	redisCalls    map[string]prometheus.Counter // by result
	redisEvents   *prometheus.CounterVec
	redisAlone    *prometheus.CounterVec
	RedisFallback prometheus.Gauge // 1 or 0

	// Of upstreams.
	upstreamRequests *prometheus.CounterVec
	mirror           *prometheus.CounterVec
	retries          *prometheus.CounterVec
	ejections        *prometheus.CounterVec
	failures         *prometheus.CounterVec
	lookupFailures   *prometheus.CounterVec

	// Of connections and of the process.
	lost            map[*edge.Failure]prometheus.Counter
	Exhausted       prometheus.Counter
	Generation      prometheus.Gauge
	ReloadSucceeded prometheus.Gauge // 1 or 0
}

// Reasons why a limit of the gateway ends what has begun. They are codes of the access log, too.
const (
	Late       = "timeout"     // the time that a limit gives the whole exchange has passed
	Idle       = "idle"        // a stream or a tunnel was silent for too long
	SlowClient = "slow-client" // it held a connection that others wait for
)

// durations are the bounds of the histogram, in seconds: from what the gateway itself needs to
// what a person would not wait for.
var durations = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// overheads are the bounds of the histogram of the gateway's own share, in seconds.
var overheads = []float64{2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, .1}

// New returns metrics that have counted nothing.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.addRequests()
	m.addPolicies()
	m.addLimits()
	m.addUpstreams()
	m.addConnections()
	return m
}

// NewUnread returns metrics for a configuration that is never served: nothing is resolved of routes and upstreams, which costs
// most.
func NewUnread() *Metrics {
	m := New()
	m.unread = true
	return m
}

// Registry returns what Prometheus reads.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

func (m *Metrics) addRequests() {
	m.requests = m.counters("requests_total", "Requests by route (empty: none) and status code class.", "route", "code_class")
	m.Unrouted = classes(m.requests, "")
	m.duration = m.histograms("request_duration_seconds", "Duration of forwarded requests, from the request's head to the end of the response.", durations, "route")
	m.overhead = m.histograms("overhead_seconds",
		"The gateway's own share of a request's duration, without waiting for upstreams and their connections, sampled from one request in 16.", overheads, "route")
	malformed := m.counters("malformed_total", "Requests refused as malformed, by class.", "class")
	m.malformed = map[string]prometheus.Counter{}
	for _, class := range append(wire.Classes(), edge.FaultContentSize.Class, edge.FaultPlaintext.Class, edge.FaultResets.Class, edge.FaultFrames.Class, edge.FaultHTTP3.Class) {
		m.malformed[class] = malformed.WithLabelValues(class)
	}
	versions := m.counters("multiplexed_requests_total", "Requests over HTTP/2 and HTTP/3, by protocol.", "protocol")
	m.versions[2], m.versions[3] = versions.WithLabelValues("HTTP/2.0"), versions.WithLabelValues("HTTP/3.0")
	shed := m.counters("shed_total", "Requests refused with 503 because of overload, by the resource that was exhausted.", "reason")
	m.ShedInFlight, m.ShedMemory = shed.WithLabelValues("in-flight"), shed.WithLabelValues("memory")
	ended := m.counters("ended_total", "Responses, uploads and tunnels that a limit of the gateway ended before they were complete, by limit: "+
		"total time, idle time, or a slow client that held a connection others waited for.", "reason")
	m.Ended = map[string]prometheus.Counter{}
	for _, reason := range []string{Late, Idle, SlowClient} {
		m.Ended[reason] = ended.WithLabelValues(reason)
	}
	m.SpansDropped = m.counter("trace_spans_dropped_total", "Sampled spans dropped because the collector was slow or refused them.")
	m.Tunnels = m.gauge("tunnels", "Open tunnels: WebSockets and other upgraded connections.")
	carried := m.counters("tunnel_bytes_total", "Bytes carried by tunnels, by their source.", "from")
	m.TunnelBytes.FromClient, m.TunnelBytes.FromUpstream = carried.WithLabelValues("client"), carried.WithLabelValues("upstream")
}

func (m *Metrics) addPolicies() {
	m.preflights = m.counters("preflights_total", "Preflights answered by a policy.", "policy", "verdict", "reason", "cache")
	m.actual = m.counters("actual_total", "CORS requests other than preflights, by the policy's verdict.", "policy", "verdict")
	m.csrf = m.counters("csrf_total", `Unsafe requests from other sites that the CSRF guard refused, or would have (csrf = "report").`, "policy")
	m.shadow = m.counters("shadow_diff_total",
		"CORS requests for which the policy's shadow would have decided differently, by the difference.", "policy", "shadow", "change")
	m.conflicts = m.counters("upstream_cors_conflicts_total", "CORS fields that an upstream sent and the policy replaced.", "upstream", "field")
}

func (m *Metrics) addLimits() {
	m.auth = m.counters("auth_total", "Authentication of requests, by table [auth.NAME], verdict and reason.", "auth", "verdict", "reason")
	m.limited = m.counters("limited_total", "Requests and preflights refused by a rate limit.", "limit", "kind")
	m.evictions = m.counters("limit_evictions_total",
		"Keys that a rate limit dropped early, or could not admit, because its table was full.", "limit")
	calls := m.counters("limit_redis_calls_total", "Rate limit keys queried in Redis, by result.", "result")
	m.redisCalls = map[string]prometheus.Counter{}
	for _, result := range shared.Results {
		m.redisCalls[result] = calls.WithLabelValues(result)
	}
	m.redisEvents = m.counters("limit_redis_events_total",
		"Events counted in Redis: charged after they passed, leased in advance, or returned.", "limit", "kind")
	m.redisAlone = m.counters("limit_redis_alone_total", "Events decided without Redis because it failed.", "limit")
	m.RedisFallback = m.gauge("limit_redis_fallback", "1 while rate limits are not shared because Redis fails.")
}

func (m *Metrics) addUpstreams() {
	m.upstreamRequests = m.counters("upstream_requests_total",
		"Exchanges with an endpoint, by status code class (5xx includes failures).", "upstream", "endpoint", "code_class")
	m.mirror = m.counters("mirror_total",
		"Copies of requests sent to a route's mirror: answered, failed, dropped because the queue was full, or skipped because of their content.", "route", "outcome")
	m.retries = m.counters("upstream_retries_total", "Retries of failed exchanges.", "upstream")
	m.ejections = m.counters("upstream_ejections_total", "Ejections of an endpoint because its requests failed.", "upstream", "endpoint")
	m.failures = m.counters("upstream_failures_total",
		"Failed exchanges by class of failure; cut means that the response broke off after it had begun.", "upstream", "class")
	m.lookupFailures = m.counters("upstream_lookup_failures_total",
		"Lookups of an endpoint's name that failed or found no server.", "upstream", "endpoint")
}

func (m *Metrics) addConnections() {
	lost := map[string]*prometheus.CounterVec{
		"tls":   m.counters("tls_handshake_errors_total", "Connections that ended during the TLS handshake, by reason.", "reason"),
		"proxy": m.counters("proxy_protocol_errors_total", "Connections closed because of their PROXY protocol header, by reason.", "reason"),
	}
	m.lost = map[*edge.Failure]prometheus.Counter{}
	for _, l := range edge.Failures() {
		m.lost[l] = lost[l.Layer].WithLabelValues(l.Reason)
	}
	m.Exhausted = m.counter("accept_failures_total", "Times that connections could not be accepted because file descriptors or memory were exhausted.")
	m.Generation = m.gauge("config_generation", "Generation of the active configuration, counted from the start of the process.")
	m.ReloadSucceeded = m.gauge("config_last_reload_successful", "1 if the last attempt to load a configuration succeeded.")
}

// prefix begins the name of each metric.
const prefix = "corsgate_"

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	return m.counters(name, help).WithLabelValues()
}

func (m *Metrics) gauge(name, help string) prometheus.Gauge {
	v := prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + name, Help: help})
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) histograms(name, help string, bounds []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: bounds}, labels)
	m.registry.MustRegister(v)
	return v
}

// Malformed counts a refusal. Classes come from constants: an unknown one is a mistake in the code.
func (m *Metrics) Malformed(class string) {
	c, ok := m.malformed[class]
	if !ok {
		panic("BUG: no counter for class " + class)
	}
	c.Inc()
}

// Multiplexed counts a request of HTTP/2 or HTTP/3.
func (m *Metrics) Multiplexed(major int) { m.versions[major].Inc() }

// Lost counts a connection that ended before it carried a request.
func (m *Metrics) Lost(l *edge.Failure) { m.lost[l].Inc() }

// RedisCalled counts keys that Redis was asked about, by what came of it.
func (m *Metrics) RedisCalled(keys int, result string) { m.redisCalls[result].Add(float64(keys)) }
