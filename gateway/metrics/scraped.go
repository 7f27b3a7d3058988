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
	Connections     = gauge("connections", "Open connections of clients.", "listener")
	Streams         = gauge("streams", "Open streams: requests of HTTP/2 and HTTP/3 under way, and tunnels by them.", "listener", "protocol")
	LoopConnections = gauge("loop_connections", "Open connections of clients that an event loop serves.", "loop")
	InFlight        = gauge("in_flight", "Requests that upstreams are asked for now.")

	PreflightCacheEntries = gauge("preflight_cache_entries", "Entries of the preflight cache.")
	PreflightCacheBytes   = gauge("preflight_cache_bytes", "Bytes of the entries of the preflight cache, about.")
	LimitTableBytes       = gauge("limit_table_bytes", "Memory of the tables of a rate limit, at most.", "limit")

	CertificateExpiry = gauge("certificate_expiry_seconds",
		"Seconds until a certificate expires, by its file or its domain; negative once it has.", "name")
	ACMEFailures = gauge("acme_failures", "Attempts in a row to get or renew the certificate of a domain that have failed.", "name")

	UpstreamHealthy = gauge("upstream_healthy",
		"1 if the endpoint is healthy, not ejected, and does not fail request after request; else 0. Of a name that is looked up, the share of its servers.",
		"upstream", "endpoint")
	UpstreamFailing = gauge("upstream_failing",
		"1 if the endpoint fails request after request and is used all the same, because too few would be left without it; of a name, the share of its servers.",
		"upstream", "endpoint")
	UpstreamChecked = gauge("upstream_checked",
		"1 if something is known of the endpoint: it is checked, or there were requests for it. Without either it counts as healthy.",
		"upstream", "endpoint")
	UpstreamDiscovered = gauge("upstream_discovered", "Servers that the name of an endpoint leads to, as far as is known.", "upstream", "endpoint")
	UpstreamInFlight   = gauge("upstream_in_flight", "Exchanges with an endpoint that are under way.", "upstream", "endpoint")
	UpstreamStreams    = gauge("upstream_streams",
		"Tunnels and event streams at an endpoint, which are not among the exchanges under way.", "upstream", "endpoint")

	HTTP2Refused = counter("http2_refused_streams_total", "Streams that were refused because their connection had too many open.")
	HTTP2Resets  = counter("http2_resets_total", "RST_STREAM frames, by who sent them (client, gateway) and the error code.", "by", "code")
	HTTP2GoAways = counter("http2_goaways_total", "GOAWAY frames, by who sent them (client, gateway) and the error code.", "by", "code")
	HTTP2Floods  = counter("http2_floods_total", "Connections that were ended with ENHANCE_YOUR_CALM, by what the client did too often.", "kind")

	AccessLogDropped = counter("access_log_dropped_total", "Requests that could not be logged because the log's reader was too slow, or failed.")
)

// An Emit takes one value of a metric, with its labels.
type Emit func(value float64, labels ...string)

// Read registers s, of which read tells the values, each with other labels. It is called once for each scrape, and must be
// safe for concurrent use.
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
