package metrics

import "github.com/prometheus/client_golang/prometheus"

// This file declares what is read when Prometheus asks for it: a request pays nothing, and what a reload has removed is no
// longer there.

// A Scraped is a metric that is read when it is asked for.
type Scraped struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(name, help string, labels ...string) *Scraped {
	return &Scraped{prometheus.NewDesc(prefix+name, help, labels, nil), prometheus.GaugeValue}
}

func counter(name, help string, labels ...string) *Scraped {
	return &Scraped{prometheus.NewDesc(prefix+name, help, labels, nil), prometheus.CounterValue}
}

// What is read. The labels of a value are in the order in which they stand here.
var (
	Connections     = gauge("connections", "Open client connections.", "listener")
	Streams         = gauge("streams", "Open HTTP/2 and HTTP/3 streams: requests in flight, and tunnels.", "listener", "protocol")
	LoopConnections = gauge("loop_connections", "Open client connections served by an event loop.", "loop")
	InFlight        = gauge("in_flight", "Requests in flight to upstreams.")

	PreflightCacheEntries = gauge("preflight_cache_entries", "Entries in the preflight cache.")
	PreflightCacheBytes   = gauge("preflight_cache_bytes", "Approximate size of the preflight cache.")
	LimitTableBytes       = gauge("limit_table_bytes", "Upper bound of the memory of a rate limit's tables.", "limit")

	AuthKeys       = gauge("auth_keys", "Keys that tokens are verified with.", "auth")
	AuthKeysAge    = gauge("auth_keys_age_seconds", "Seconds since the keys of tokens were last fetched, or found to be the same.", "auth")
	AuthFetches    = counter("auth_keys_fetches_total", "Attempts to fetch the keys of tokens, by result (fetched, unchanged, failed).", "auth", "result")
	AuthRemembered = gauge("auth_remembered", "Tokens and decisions that are remembered.", "auth")

	CertificateExpiry = gauge("certificate_expiry_seconds",
		"Seconds until a certificate expires, by file or domain; negative once it has expired.", "name")
	ACMEFailures = gauge("acme_failures", "Consecutive failed attempts to obtain or renew a domain's certificate.", "name")

	UpstreamHealthy = gauge("upstream_healthy",
		"1 if the endpoint is healthy, not ejected, and does not fail repeatedly; else 0. For a name that is looked up: the share of its servers.",
		"upstream", "endpoint")
	UpstreamFailing = gauge("upstream_failing",
		"1 if the endpoint fails repeatedly but stays in use, because too few would be left without it; else 0. For a name: the share of its servers.",
		"upstream", "endpoint")
	UpstreamChecked = gauge("upstream_checked",
		"1 if the health of the endpoint is known from health checks or requests; else 0, and it counts as healthy.",
		"upstream", "endpoint")
	UpstreamDiscovered = gauge("upstream_discovered", "Servers that an endpoint's name currently resolves to.", "upstream", "endpoint")
	UpstreamInFlight   = gauge("upstream_in_flight", "Exchanges in flight at an endpoint.", "upstream", "endpoint")
	UpstreamStreams    = gauge("upstream_streams",
		"Tunnels and event streams at an endpoint; they do not count as exchanges in flight.", "upstream", "endpoint")

	HTTP2Refused = counter("http2_refused_streams_total", "Streams refused because their connection had too many open.")
	HTTP2Resets  = counter("http2_resets_total", "RST_STREAM frames, by sender (client, gateway) and error code.", "by", "code")
	HTTP2GoAways = counter("http2_goaways_total", "GOAWAY frames, by sender (client, gateway) and error code.", "by", "code")
	HTTP2Floods  = counter("http2_floods_total", "Connections closed with ENHANCE_YOUR_CALM, by the kind of flood.", "kind")

	AccessLogDropped = counter("access_log_dropped_total", "Requests missing from the access log because its reader was too slow or failed.")
)

// An Emit takes one value of a metric, with its labels.
type Emit func(value float64, labels ...string)

// Read registers s; read reports its values, each with different labels. It is called once for each
// scrape, and must be safe for concurrent use.
func (m *Metrics) Read(s *Scraped, read func(emit Emit)) { m.registry.MustRegister(&reader{s, read}) }

// ReadOne is Read for a metric without labels.
func (m *Metrics) ReadOne(s *Scraped, read func() float64) {
	m.Read(s, func(emit Emit) { emit(read()) })
}

// A reader is a prometheus.Collector of one metric.
type reader struct {
	*Scraped
	read func(Emit)
}

// Describe is part of prometheus.Collector.
func (r *reader) Describe(to chan<- *prometheus.Desc) { to <- r.desc }

// Collect is part of prometheus.Collector.
func (r *reader) Collect(to chan<- prometheus.Metric) {
	r.read(func(value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(r.desc, r.kind, value, labels...)
	})
}
