// Package trace is W3C Trace Context as a gateway needs it, and the export of spans to a collector
// as OTLP over HTTP, in JSON.
//
// The OpenTelemetry SDK could do this, too. But linked with its otlptracehttp 1.47, which needs protobuf and
// grpc, corsgate grows from 20.6 to 33.1 MB and by 143 packages, to write one kind of span in one
// format. So this package does without, and depends only on the standard library.
package trace
