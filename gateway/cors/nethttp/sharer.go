package nethttp

import (
	"bufio"
	"net"
	"net/http"

	"github.com/corsgate/corsgate/gateway/cors"
)

// A sharer puts the policy's fields on a response just before its head is written.
type sharer struct {
	http.ResponseWriter
	policy  *cors.Policy
	origins [][]byte
	shared  bool
}

func (s *sharer) share() {
	if s.shared {
		return
	}
	s.shared = true
	h, exposed := s.Header(), bytes(s.Header()["Access-Control-Expose-Headers"])
	strip(s.policy, h)
	if !s.policy.MergeExpose() {
		exposed = nil
	}
	fields, _ := s.policy.AppendExposing(nil, first(s.origins), len(s.origins), exposed)
	if s.policy.VaryOrigin() {
		fields = cors.AppendVary(fields, bytes(h["Vary"]), "Origin")
		delete(h, "Vary")
	}
	add(h, fields)
}

// WriteHeader is part of http.ResponseWriter. Interim responses have nothing to share.
func (s *sharer) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		s.share()
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *sharer) Write(p []byte) (int, error) {
	s.share()
	return s.ResponseWriter.Write(p)
}

// FlushError is for http.ResponseController. Flush and Hijack are for handlers that look for those interfaces.
func (s *sharer) FlushError() error {
	s.share()
	return http.NewResponseController(s.ResponseWriter).Flush()
}

func (s *sharer) Flush() { _ = s.FlushError() }

func (s *sharer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(s.ResponseWriter).Hijack()
}

func (s *sharer) Unwrap() http.ResponseWriter { return s.ResponseWriter }
