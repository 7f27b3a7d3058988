// Package trace is W3C Trace Context as a gateway needs it, and the export of spans to a collector
// as OTLP over HTTP, in JSON.
//
// The OpenTelemetry SDK would do that too. Linked with its otlptracehttp 1.47, which brings protobuf and
// grpc, corsgate is 33.1 MB instead of 20.6: 60 % more, and 143 packages, to write one kind of span in one
// shape. So this is written by hand.
//
// It needs the standard library only.
package trace
