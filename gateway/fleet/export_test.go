package fleet

import "time"

// Hasten makes a store impatient.
func (s *Store) Hasten() {
	s.timing = timing{request: 2 * time.Second, push: 30 * time.Second, lease: 3 * time.Second, pace: 3 * time.Second, look: 50 * time.Millisecond,
		reread: time.Minute, backOff: 400 * time.Millisecond}
}

// Reread sets how often a node looks without being told.
func (s *Store) Reread(d time.Duration) { s.reread = d }

// Impatient lets a push be given up soon.
func (s *Store) Impatient() { s.push = 3 * time.Second }
