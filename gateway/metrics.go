package gateway

import (
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are the gateway's counters. Labels are configured names and closed sets only, so
// clients cannot make new series; each counter is resolved when a configuration is compiled, so
// a request looks up none.
type metrics struct {
	registry *prometheus.Registry

	requests         *prometheus.CounterVec
	unread           bool // of a snapshot that is never served: what would cost most is left out
	duration         *prometheus.HistogramVec
	overhead         *prometheus.HistogramVec
	preflights       *prometheus.CounterVec
	actual           *prometheus.CounterVec
	forged           *prometheus.CounterVec
	shadow           *prometheus.CounterVec
	limited          *prometheus.CounterVec
	limitEvictions   *prometheus.CounterVec
	redisCalls       map[string]prometheus.Counter // by result
	redisEvents      *prometheus.CounterVec
	redisAlone       *prometheus.CounterVec
	redisFallback    prometheus.Gauge
	spansDropped     prometheus.Counter
	conflicts        *prometheus.CounterVec
	upstreamRequests *prometheus.CounterVec
	mirror           *prometheus.CounterVec
	retries          *prometheus.CounterVec
	ejections        *prometheus.CounterVec
	failures         *prometheus.CounterVec
	lookupFailures   *prometheus.CounterVec
	malformedTotal   map[string]prometheus.Counter
	lost             map[*edge.Loss]prometheus.Counter
	unrouted         classCounters
	versions         [4]prometheus.Counter // by major version of HTTP; 0 and 1 are not counted
	shedInFlight     prometheus.Counter
	shedMemory       prometheus.Counter
	ended            map[string]prometheus.Counter // by reason
	short            prometheus.Counter

	tunnels   prometheus.Gauge
	tunnelled struct{ fromClient, fromUpstream prometheus.Counter }

	generation   prometheus.Gauge
	reloadedWell prometheus.Gauge
}

// durations are the bounds of the histogram, in seconds: from what the gateway itself needs to
// what a person would not wait for.
var durations = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// overheads are the bounds of the histogram of the gateway's own share, in seconds.
var overheads = []float64{2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, .1}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), malformedTotal: map[string]prometheus.Counter{},
		lost: map[*edge.Loss]prometheus.Counter{}}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "corsgate_" + name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	gauge := func(name, help string) prometheus.Gauge {
		v := prometheus.NewGauge(prometheus.GaugeOpts{Name: "corsgate_" + name, Help: help})
		m.registry.MustRegister(v)
		return v
	}
	m.requests = counter("requests_total", "Requests, by route (empty: none) and class of the status code.", "route", "code_class")
	m.preflights = counter("preflights_total", "Preflights answered by a policy.", "policy", "verdict", "reason", "cache")
	m.actual = counter("actual_total", "CORS requests other than preflights, by the policy's verdict.", "policy", "verdict")
	m.forged = counter("csrf_total", "Unsafe requests from other sites that the CSRF guard refused, or would have (csrf = \"report\").", "policy")
	m.shadow = counter("shadow_diff_total", "CORS requests for which a policy's shadow would have decided otherwise, by what would change.", "policy", "shadow", "change")
	m.limited = counter("limited_total", "Requests and preflights that a rate limit refused.", "limit", "kind")
	m.limitEvictions = counter("limit_evictions_total", "Keys that a rate limit gave up while it still counted them, or could not take up, because its table was full.", "limit")
	m.addRedis(counter, gauge)
	m.spansDropped = counter("trace_spans_dropped_total", "Sampled spans that were lost because the collector was slow, or did not take them.").WithLabelValues()
	m.conflicts = counter("upstream_cors_conflicts_total", "CORS fields that an upstream sent and the policy replaced.", "upstream", "field")
	m.upstreamRequests = counter("upstream_requests_total", "Exchanges with an endpoint, by class of the status code (5xx includes failures).", "upstream", "endpoint", "code_class")
	m.mirror = counter("mirror_total", "Copies of requests for a route's mirror: answered, failed, dropped for want of room, skipped because of their content.", "route", "outcome")
	m.retries = counter("upstream_retries_total", "Further attempts of exchanges, after one had failed.", "upstream")
	m.ejections = counter("upstream_ejections_total", "Times that an endpoint was taken out of use because requests failed at it.", "upstream", "endpoint")
	m.failures = counter("upstream_failures_total", "Exchanges that failed, by what: a class of failure before the response began, or cut, after it had.", "upstream", "class")
	m.lookupFailures = counter("upstream_lookup_failures_total", "Look-ups of the name of an endpoint that failed or found no server.", "upstream", "endpoint")
	m.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "corsgate_request_duration_seconds", Help: "From the request's head to the end of the response, of forwarded requests.",
		Buckets: durations,
	}, []string{"route"})
	m.overhead = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "corsgate_overhead_seconds",
		Help:    "The gateway's own share of a request's time, without waiting for upstreams and connections to them, of one request in 16.",
		Buckets: overheads,
	}, []string{"route"})
	m.registry.MustRegister(m.duration, m.overhead, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	malformed := counter("malformed_total", "Requests refused as malformed, by class.", "class")
	for _, class := range append(wire.Classes(), edge.FaultContentSize.Class, edge.FaultPlaintext.Class, edge.FaultResets.Class, edge.FaultFrames.Class) {
		m.malformedTotal[class] = malformed.WithLabelValues(class)
	}
	lost := map[string]*prometheus.CounterVec{
		"tls":   counter("tls_handshake_errors_total", "Connections that ended in their TLS handshake, by reason.", "reason"),
		"proxy": counter("proxy_protocol_errors_total", "Connections closed for their PROXY protocol header, by reason.", "reason"),
	}
	for _, l := range edge.Losses() {
		m.lost[l] = lost[l.Layer].WithLabelValues(l.Reason)
	}
	m.unrouted = classes(m.requests, "")
	versions := counter("multiplexed_requests_total", "Requests that came by HTTP/2 or HTTP/3, by the protocol.", "protocol")
	m.versions[2], m.versions[3] = versions.WithLabelValues("HTTP/2.0"), versions.WithLabelValues("HTTP/3.0")
	shed := counter("shed_total", "Requests refused with 503 because there was too much at once, by what was short.", "reason")
	ended := counter("ended_total", "Responses, uploads and tunnels that a limit of the gateway has ended after they had begun, by which: the time for all of it, silence, or a slow client that held what others waited for.", "reason")
	m.ended = map[string]prometheus.Counter{}
	for _, reason := range []string{failureLate, failureIdle, failureSlow} {
		m.ended[reason] = ended.WithLabelValues(reason)
	}
	m.shedInFlight, m.shedMemory = shed.WithLabelValues("in-flight"), shed.WithLabelValues("memory")
	m.short = counter("accept_failures_total", "Times that connections could not be taken in because the machine was short of descriptors or memory.").WithLabelValues()
	m.tunnels = gauge("tunnels", "Tunnels that are open now: WebSockets and other upgrades.")
	octets := counter("tunnel_bytes_total", "Octets that tunnels have carried, by where they came from.", "from")
	m.tunnelled.fromClient, m.tunnelled.fromUpstream = octets.WithLabelValues("client"), octets.WithLabelValues("upstream")
	m.generation = gauge("config_generation", "Number of the configuration in force, counted from the start of the process.")
	m.reloadedWell = gauge("config_last_reload_successful", "1 if the last attempt to load a configuration succeeded.")
	return m
}

// malformed counts a refusal. Classes come from constants: an unknown one is a mistake in the code.
func (m *metrics) malformed(class string) {
	c, ok := m.malformedTotal[class]
	if !ok {
		panic("BUG: no counter for class " + class)
	}
	c.Inc()
}

// multiplexed counts a request of HTTP/2 or HTTP/3.
func (m *metrics) multiplexed(major int) { m.versions[major].Inc() }

// gaugeFunc registers a gauge that is read when it is asked for.
func (m *metrics) gaugeFunc(name, help string, labels prometheus.Labels, f func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: "corsgate_" + name, Help: help, ConstLabels: labels}, f))
}

// counterFunc registers a counter that is read when it is asked for.
func (m *metrics) counterFunc(name, help string, f func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "corsgate_" + name, Help: help}, f))
}

// classCounters count by the first digit of a status code.
type classCounters [5]prometheus.Counter

func classes(v *prometheus.CounterVec, labels ...string) (c classCounters) {
	for i, class := range []string{"1xx", "2xx", "3xx", "4xx", "5xx"} {
		c[i] = v.WithLabelValues(append(labels[:len(labels):len(labels)], class)...)
	}
	return c
}

func (c *classCounters) count(status int) {
	if status >= 100 && status < 600 {
		c[status/100-1].Inc()
	}
}

// routeMetrics are the counters of one route.
type routeMetrics struct {
	requests   classCounters
	duration   prometheus.Observer
	overhead   prometheus.Observer
	preflights struct {
		hit      prometheus.Counter
		computed [cors.NumReasons]prometheus.Counter
	}
	actual    [cors.NumReasons]prometheus.Counter
	forged    prometheus.Counter
	conflicts map[string]prometheus.Counter // by lower-case field name
	other     prometheus.Counter            // a conflict in a field without a counter of its own
}

// ownedFields are the response fields that a policy owns; see cors.OwnedField.
var ownedFields = []string{
	"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods",
	"Access-Control-Allow-Headers", "Access-Control-Expose-Headers", "Access-Control-Max-Age",
}

func (m *metrics) route(name, policy, upstream string) (r routeMetrics) {
	if m.unread {
		return r
	}
	r.requests = classes(m.requests, name)
	r.duration, r.overhead = m.duration.WithLabelValues(name), m.overhead.WithLabelValues(name)
	if policy == "" {
		return r
	}
	r.preflights.hit = m.preflights.WithLabelValues(policy, "allowed", cors.Allowed.String(), "hit")
	for i := range cors.NumReasons {
		reason, verdict := cors.Reason(i), "denied"
		if reason == cors.Allowed {
			verdict = "allowed"
		}
		r.preflights.computed[i] = m.preflights.WithLabelValues(policy, verdict, reason.String(), "miss")
		r.actual[i] = m.actual.WithLabelValues(policy, verdict)
	}
	r.forged = m.forged.WithLabelValues(policy)
	r.conflicts = make(map[string]prometheus.Counter, len(ownedFields))
	for _, field := range ownedFields {
		r.conflicts[strings.ToLower(field)] = m.conflicts.WithLabelValues(upstream, field)
	}
	r.other = m.conflicts.WithLabelValues(upstream, "other")
	return r
}

// conflict counts a field that the upstream sent and the policy replaces. It is off the usual
// path: an upstream that leaves CORS to the gateway sends none.
func (r *routeMetrics) conflict(name []byte) {
	c, ok := r.conflicts[strings.ToLower(string(name))]
	if !ok {
		c = r.other
	}
	c.Inc()
}

// endpoint returns the counters of one endpoint.
func (m *metrics) endpoint(upstream, endpoint string) classCounters {
	return classes(m.upstreamRequests, upstream, endpoint)
}
