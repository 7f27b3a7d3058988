package trace

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Bounds of an Exporter.
const (
	queued   = 2048            // spans that wait
	batch    = 256             // spans in one request to the collector
	interval = time.Second     // how long a span waits for others
	timeout  = 5 * time.Second // of one request
	farewell = time.Second     // of all that are left when it is stopped
)

// A Span is one request that the gateway forwarded. Unknown parts are empty.
type Span struct {
	Context                            // of which Parent is the span's own id
	From                       [8]byte // the span that this one belongs to; all 0: it is the first
	Start, End                 time.Time
	Method, Scheme, Host, Path string
	Route, Upstream, Endpoint  string
	Client                     string
	RequestID                  string
	Status                     int
	Error                      string // what failed, by its code
}

// An Exporter sends spans to a collector. It never makes a request wait: what does not fit into its
// queue, and what the collector does not take, is dropped and counted. Its methods are safe for
// concurrent use.
type Exporter struct {
	url, service string
	client       *http.Client
	queue        chan *Span
	stop         sync.Once
	stopped      chan struct{}
	dropped      func(n int)
}

// New returns an Exporter to a collector's endpoint, such as "http://127.0.0.1:4318", for spans of a service of that
// name. It calls dropped with the number of spans that are lost.
func New(endpoint, service string, dropped func(n int)) *Exporter {
	return &Exporter{url: endpoint + "/v1/traces", service: service, dropped: dropped,
		client: &http.Client{
			Timeout:       timeout,
			Transport:     &http.Transport{MaxIdleConns: 1, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		queue: make(chan *Span, queued), stopped: make(chan struct{})}
}

// Put takes a span, which the caller does not use any more.
func (e *Exporter) Put(s *Span) {
	select {
	case <-e.stopped:
		e.dropped(1)
		return
	default:
	}
	select {
	case e.queue <- s:
	default:
		e.dropped(1)
	}
}

// Stop makes Run send what waits, and return. What is put later is lost.
func (e *Exporter) Stop() { e.stop.Do(func() { close(e.stopped) }) }

// Run sends the spans until Stop, or until ctx is done. It must be called once. Of several failures in a row it logs the first.
func (e *Exporter) Run(ctx context.Context, log *slog.Logger) {
	defer e.client.CloseIdleConnections()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go e.hurry(ctx, cancel)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	s := sender{Exporter: e, log: log}
	for {
		select {
		case span := <-e.queue:
			if s.spans = append(s.spans, span); len(s.spans) == batch {
				s.flush(ctx)
			}
			continue
		case <-tick.C:
			s.flush(ctx)
			continue
		case <-e.stopped:
		case <-ctx.Done():
			e.Stop()
		}
		s.rest(ctx)
		return
	}
}

// hurry calls cancel when the exporter has been stopped and the time for its farewell has passed: a collector that does not
// answer does not hold an exit up, whether a request was under way already or not.
func (e *Exporter) hurry(ctx context.Context, cancel context.CancelFunc) {
	select {
	case <-e.stopped:
	case <-ctx.Done():
		return
	}
	late := time.NewTimer(farewell)
	defer late.Stop()
	select {
	case <-late.C:
		cancel()
	case <-ctx.Done():
	}
}

// A sender is what the goroutine of Run knows.
type sender struct {
	*Exporter
	log     *slog.Logger
	spans   []*Span // at most batch
	failing bool
}

// rest sends all that waits. When the collector has not taken one batch, it is spared the others.
func (s *sender) rest(ctx context.Context) {
	for {
		select {
		case span := <-s.queue:
			if s.spans = append(s.spans, span); len(s.spans) < batch {
				continue
			}
		default:
			s.flush(ctx)
			return
		}
		if s.flush(ctx); s.failing {
			s.dropped(len(s.queue))
			return
		}
	}
}

func (s *sender) flush(ctx context.Context) {
	if len(s.spans) == 0 {
		return
	}
	err := s.send(ctx)
	if err != nil {
		s.dropped(len(s.spans))
		if !s.failing {
			s.log.Warn("spans are dropped: the collector refuses them", "endpoint", s.url, "error", err)
		}
	}
	s.failing = err != nil
	clear(s.spans)
	s.spans = s.spans[:0]
}

func (s *sender) send(ctx context.Context) error {
	body, err := json.Marshal(s.request(s.spans))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // what it says does not matter
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %s", res.Status)
	}
	return nil
}

type object = map[string]any

// request is an ExportTraceServiceRequest. See OTLP, "JSON Protobuf Encoding".
func (e *Exporter) request(spans []*Span) object {
	list := make([]object, len(spans))
	for i, s := range spans {
		list[i] = s.object()
	}
	return object{"resourceSpans": []object{{
		"resource":   object{"attributes": []object{text("service.name", e.service)}},
		"scopeSpans": []object{{"scope": object{"name": "corsgate"}, "spans": list}},
	}}}
}

func text(key, value string) object {
	return object{"key": key, "value": object{"stringValue": value}}
}

// methods are those that a span is named by: clients can invent others.
var methods = []string{"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}

// object names things as OpenTelemetry's "Semantic conventions for HTTP spans" do, as far as they go.
func (s *Span) object() object {
	name, method := s.Method, s.Method
	if !slices.Contains(methods, method) {
		name, method = "HTTP", "_OTHER"
	}
	o := object{
		"traceId": hex.EncodeToString(s.Trace[:]), "spanId": hex.EncodeToString(s.Parent[:]),
		"name": name + " " + s.Route, "kind": 2, // server
		"startTimeUnixNano": strconv.FormatInt(s.Start.UnixNano(), 10),
		"endTimeUnixNano":   strconv.FormatInt(s.End.UnixNano(), 10),
		"flags":             1,
	}
	if s.From != [8]byte{} {
		o["parentSpanId"] = hex.EncodeToString(s.From[:])
	}
	failed := s.Error
	if failed == "" && s.Status >= 500 {
		failed = strconv.Itoa(s.Status)
	}
	attributes := []object{{"key": "http.response.status_code", "value": object{"intValue": strconv.Itoa(s.Status)}}}
	for _, a := range [][2]string{
		{"http.request.method", method}, {"url.scheme", s.Scheme}, {"server.address", s.Host}, {"url.path", s.Path},
		{"client.address", s.Client}, {"error.type", failed}, {"corsgate.route", s.Route}, {"corsgate.upstream", s.Upstream},
		{"corsgate.endpoint", s.Endpoint}, {"corsgate.request_id", s.RequestID},
	} {
		if a[1] != "" {
			attributes = append(attributes, text(a[0], a[1]))
		}
	}
	o["attributes"] = attributes
	if failed != "" {
		o["status"] = object{"code": 2} // error
	}
	return o
}
