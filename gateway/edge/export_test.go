package edge

// Shaking returns how many handshakes of TLS over TCP are under way.
func (s *Server) Shaking() int {
	s.shaking.mu.Lock()
	defer s.shaking.mu.Unlock()
	return s.shaking.open
}
