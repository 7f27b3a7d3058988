package fleet

import "time"

// Hasten makes a store impatient.
func (s *Store) Hasten() {
	s.timing = timing{request: 2 * time.Second, lease: 3 * time.Second, pace: 500 * time.Millisecond, look: 50 * time.Millisecond,
		reread: time.Minute, backOff: 400 * time.Millisecond}
}
