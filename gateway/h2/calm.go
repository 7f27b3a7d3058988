package h2

import "time"

// This file bounds how often a client may do things that its requests do not need. There is one
// budget for each connection: it begins full, and grows with time and with each request that is
// served to its end. Frames that cost us work and ask for nothing take from it, and so does
// every stream that fails because of the client. When it is used up the connection ends with
// ENHANCE_YOUR_CALM (RFC 9113, section 10.5).
//
//	flood (public name)                              pays
//	HEADERS + RST_STREAM   rapid reset, CVE-2023-44487        costReset, or costResetLate
//	errors that make us reset   MadeYouReset, CVE-2025-8671   costBroken
//	streams above the limit                                   costRefused
//	CONTINUATION without end    VU#421644 (2024)              bombFactor, shortBlocks
//	heads above the limits                                    costTooLarge
//	PING, SETTINGS              CVE-2019-9512, -9515          credit, then budget; costSettings
//	empty DATA                  CVE-2019-9518                 costEmpty
//	PRIORITY                    CVE-2019-9513                 credit, then budget
//	WINDOW_UPDATE of 1 byte     CVE-2019-9511                 credit, then budget
//
// One budget and not a limit for each kind: an attacker mixes kinds, and a table of ten limits
// has nine that are not reached.
//
// The numbers are those of nghttp2 for resets. A person who closes a page with a hundred
// requests in flight spends a fifth.
//
// Frames that accompany honest traffic (WINDOW_UPDATE, PING, PRIORITY) take from a credit
// first, which requests and sent content give: a client that reads is never short of it. Some
// acknowledge every 4 KiB, on the stream and on the connection.
const (
	calmFull   = 1000
	calmRate   = 33 // a second
	creditMost = 16 << 10

	creditRequest  = 4
	creditFrame    = 3  // for a DATA frame that is sent: two windows and a ping
	creditBytes    = 11 // and for each 1<<creditBytes bytes in it
	costReset      = 2  // of a stream without a response yet
	costResetLate  = 1  // of one with
	costBroken     = 2  // a stream error
	costRefused    = 2  // a stream above the limit
	costTooLarge   = 20 // a head above the limits
	costSettings   = 10
	costEmpty      = 10 // a DATA frame without content or end
	costGoAway     = 10
	wary           = 850     // see Wary
	shortBlock     = 1 << 10 // a CONTINUATION frame below this size is one of
	shortBlocks    = 8       // which a block may have so many
	settingsAFrame = 32
)

// A Cause is the kind of behaviour that used up the budget, or exceeded another limit.
type Cause uint8

// The causes.
const (
	CauseNone         Cause = iota
	CauseResets             // streams that the client reset
	CauseErrors             // streams that had to be reset because of errors of the client
	CauseStreams            // streams above the limit
	CauseHeads              // heads above the limits
	CauseContinuation       // header blocks in too many pieces, or too large
	CauseData               // DATA frames without content, or for streams that are gone
	CauseWindow             // WINDOW_UPDATE
	CausePing
	CauseSettings
	CausePriority // PRIORITY, PRIORITY_UPDATE
	CauseUnknown  // frames of unknown types, and GOAWAY
	causes
)

var causeNames = [causes]string{"", "resets", "errors", "streams", "heads", "continuation", "data", "window", "ping", "settings", "priority", "unknown"}

// String returns the cause in a word, for metrics and logs.
func (c Cause) String() string { return causeNames[c] }

// Causes returns every cause but CauseNone.
func Causes() []Cause {
	all := make([]Cause, 0, causes-1)
	for c := CauseNone + 1; c < causes; c++ {
		all = append(all, c)
	}
	return all
}

// calm is the budget of a connection.
type calm struct {
	left   int
	credit int
	at     time.Time // when time was last counted
	cause  Cause     // of the last that was spent
}

// pay takes from the budget. It returns false if that is used up. Time is counted when it is
// needed; there is no timer.
func (s *Session) pay(cost int, cause Cause) bool {
	s.grow()
	c := &s.calm
	c.left -= cost
	c.cause = cause
	return c.left > 0
}

// grow adds to the budget for the time since the last call.
func (s *Session) grow() {
	c := &s.calm
	if since := s.now.Sub(c.at); c.left < calmFull && since > 0 {
		if grown := int(min(since, time.Minute) * calmRate / time.Second); grown > 0 {
			c.left = min(c.left+grown, calmFull)
			c.at = s.now
		}
	} else {
		c.at = s.now
	}
}

// Budget returns the rest of the client's budget. It is only meaningful in comparison with an
// earlier value.
func (s *Session) Budget() int { return s.calm.left }

// Wary reports whether so much of the budget is used up that work on a request should not begin
// at once, as it may be reset. Some 75 streams that were reset do that, so that not many more
// of a rapid reset reach an upstream, however the frames come.
func (s *Session) Wary() bool {
	s.grow()
	return s.calm.left < wary
}

// spend takes from the credit, or else from the budget. It reports false if that is used up.
func (s *Session) spend(cost int, cause Cause) bool {
	if s.calm.credit >= cost {
		s.calm.credit -= cost
		return true
	}
	return s.pay(cost, cause)
}

// lend gives credit.
func (s *Session) lend(n int) { s.calm.credit = min(s.calm.credit+n, creditMost) }

// calmDown ends a connection that has used up its budget.
func (s *Session) calmDown() Event { return s.tooMuch(s.calm.cause) }

// tooMuch ends a connection because of a cause.
func (s *Session) tooMuch(c Cause) Event {
	s.o.Counts.flood(c)
	ev := s.fatal(EnhanceYourCalm)
	ev.Cause = c
	return ev
}
