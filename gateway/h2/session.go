package h2

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// Windows, in bytes. The connection's is opened as DATA comes in, whichever stream it is for:
// what must wait is bounded by the windows of the streams, so that none of them can take
// another's share. So at most 96 streams with 16 KiB and four with 256 KiB wait, about 2.5 MiB
// for a connection.
const (
	connWindow   = 4 << 20
	streamWindow = 16 << 10  // once the client has acknowledged it
	firstWindow  = 65535     // before; see RFC 9113, section 6.9.2
	wideWindow   = 256 << 10 // of a stream whose content is being read
	wideStreams  = 4         // streams that may have it at once
)

// MaxStreams is how many streams a connection may have at once.
const MaxStreams = 100

// Options configure a connection. They must not be changed.
type Options struct {
	Limits  wire.Limits   // of a head, as HTTP/1.1 text
	Connect bool          // extended CONNECT is taken, and announced
	Counts  *Counts       // nil: nothing is counted
	Streams *atomic.Int64 // goes up when a stream opens and down when it closes; nil: nothing is counted
}

// ListBytes is the size of a header list that is announced (SETTINGS_MAX_HEADER_LIST_SIZE).
func (o *Options) ListBytes() int { return o.Limits.HeadBytes + overhead*o.Limits.Fields }

// A Scratch is memory that sessions use while they are called. The sessions of one goroutine
// can share one. Its zero value is ready.
type Scratch struct {
	head   Head
	free   *Stream
	frees  int
	doomed [64]uint32 // the first of the streams that are reset in the bytes that were scanned
	dooms  int
	of     *Session // whose streams doomed holds
}

// A Kind is what an Event is about.
type Kind uint8

// The kinds of events.
const (
	// None needs no action. If nothing was used, the next frame is incomplete.
	None Kind = iota
	// Request is a new stream with its request, which Head has. Content follows unless End is set.
	Request
	// Cancelled is a request whose reset is among the scanned bytes. It has no stream.
	Cancelled
	// Data is a piece of content. Its bytes, in Data, are given back by Read.
	Data
	// Trailers are lines as in a head of HTTP/1.1, in Data, valid until the next Next. End is
	// set. If they are larger than the limits Head has a Fault, and Data is not all of them.
	Trailers
	// Gone is a stream that was reset: by the client, or, if Ours is set, because of what the
	// client did. Stream is nil if no event was about it before; else Close, Done or Reset it.
	Gone
	// Sendable says that a window has grown: Stream's, or all of them if Stream is nil.
	Sendable
	// Fatal ends the connection. The reason is in Out.
	Fatal
)

// An Event tells the caller what the client has sent.
type Event struct {
	Kind   Kind
	End    bool  // the client's side of the stream has ended
	Ours   bool  // see Gone
	Cause  Cause // of a Fatal with EnhanceYourCalm, and of a Gone that is Ours
	Code   Code  // of Gone and Fatal
	Stream *Stream
	Data   []byte // aliases what Next was given, unless it says otherwise
}

// A Session is the server's side of one connection. It is used by one goroutine at a time.
//
//	          preface          first SETTINGS            GOAWAY sent          Last: final set
//	(new) ────────────► greeted ────────────► set ─ serving ─► leaving ──────────► streams end ─► closed by
//	  │ other bytes        │ other frame                                          │               the caller
//	  └────────────────────┴──────────────── error, or budget used up ────────────┴─► over (Fatal)
//
// Streams are found in 16 buckets by their identifier: a connection has at most MaxStreams, and
// a map would cost an allocation now and then.
type Session struct {
	// Out holds bytes for the client. The caller takes them away and may replace the memory.
	Out []byte

	o       *Options
	scratch *Scratch
	now     time.Time
	calm    calm
	decoder Decoder
	encoder Encoder

	greeted bool // the preface has come
	set     bool // the client's first SETTINGS frame has come, too
	acked   bool // it has acknowledged ours
	over    bool // nothing is read any more
	leaving bool // GOAWAY was sent
	pings   int  // that the client has not acknowledged

	// A header block of which a part is missing. See RFC 9113, section 4.3.
	block    []byte
	blockOf  uint32 // its stream; 0: no block
	blockEnd bool   // the client's side ends with it
	short    int    // frames in it below shortBlock bytes

	// A DATA frame of which a part is missing.
	reading    *Stream
	left       int // content that is yet to come for it
	skip       int // bytes after it that are dropped: padding, content that is not wanted
	readingEnd bool

	send      int64 // the connection's window
	receive   int   // the client's
	firstSend int64 // of a stream
	last      uint32
	final     uint32 // streams above are not served; 0: all are
	streams   [16]*Stream
	open      int // streams
	wide      int // of these
	reset     [32]uint32
	resets    uint8
	early     early
	turns     [8]uint32 // the stream of each urgency that has sent last; see Share
}

// Init begins a connection. Out must be empty, or nil.
func (s *Session) Init(scratch *Scratch, o *Options, now time.Time) {
	*s = Session{
		Out: s.Out, o: o, scratch: scratch, now: now, calm: calm{left: calmFull, at: now},
		send: firstWindow, firstSend: firstWindow, receive: connWindow,
	}
	s.decoder.Init()
	s.encoder.Init()
	at := len(s.Out)
	s.Out = appendFrame(s.Out, 0, frameSettings, 0, 0)
	s.Out = appendSetting(s.Out, settingStreams, MaxStreams)
	s.Out = appendSetting(s.Out, settingWindow, streamWindow)
	s.Out = appendSetting(s.Out, settingListSize, uint32(o.ListBytes()))
	s.Out = appendSetting(s.Out, settingNoPriorities, 1)
	if o.Connect {
		s.Out = appendSetting(s.Out, settingConnect, 1)
	}
	s.Out[at+2] = byte(len(s.Out) - at - headerSize)
	s.Out = appendWindow(s.Out, 0, connWindow-firstWindow)
}

// Use makes the session use other memory while it is called, or none, nil, until the next Use:
// then only Close and methods that send may be called.
func (s *Session) Use(scratch *Scratch) {
	if old := s.scratch; old != nil && old.of == s {
		old.of = nil
	}
	s.scratch = scratch
}

// Head returns the head of the last Request, Trailers or Cancelled, valid until Next is called
// again, for any session of the Scratch.
func (s *Session) Head() *Head { return &s.scratch.head }

// Open returns how many streams there are.
func (s *Session) Open() int { return s.open }

// Begun reports whether the client has sent its preface and settings.
func (s *Session) Begun() bool { return s.set }

// Blocked reports whether the client is within a header block. No other frame may come before
// its end (RFC 9113, section 4.3), so all streams wait for it.
func (s *Session) Blocked() bool { return s.blockOf != 0 }

// Next takes the first frame off b, or part of a DATA frame, and returns how many bytes that
// took. If that is 0, b must grow. Nothing of b is kept.
//
// The order of the checks is the standard's: size (section 4.2), then order (a header
// block is not interrupted, section 6.10; SETTINGS comes first, section 3.4), then the frame
// itself.
func (s *Session) Next(b []byte, now time.Time) (n int, ev Event) {
	s.now = now
	switch {
	case s.over:
		return len(b), Event{}
	case s.left > 0 || s.skip > 0:
		return s.content(b, 0)
	case !s.greeted:
		return s.greet(b)
	case len(b) < headerSize:
		return 0, Event{}
	}
	f := frameOf(b)
	switch {
	case f.length > maxFrame:
		return len(b), s.fatal(FrameSizeError)
	case s.blockOf != 0 && (f.kind != frameContinuation || f.id != s.blockOf), s.blockOf == 0 && f.kind == frameContinuation,
		!s.set && (f.kind != frameSettings || f.has(flagAck)):
		return len(b), s.fatal(ProtocolError)
	// DATA is acted upon as it comes; every other frame is small and waited for.
	case f.kind == frameData:
		return s.data(b, f)
	}
	n = headerSize + f.length
	if len(b) < n {
		return 0, Event{}
	}
	return n, s.frame(f, b[headerSize:n])
}

// greet reads the preface.
func (s *Session) greet(b []byte) (int, Event) {
	n := min(len(b), len(Preface))
	switch {
	case string(b[:n]) != Preface[:n]:
		return len(b), s.fatal(ProtocolError)
	case n < len(Preface):
		return 0, Event{}
	}
	s.greeted = true
	return n, Event{}
}

// frame acts on a whole frame.
func (s *Session) frame(f frame, p []byte) Event {
	switch f.kind {
	case frameHeaders:
		return s.headers(f, p)
	case frameContinuation:
		return s.continuation(f, p)
	case frameReset:
		return s.clientReset(f, p)
	case frameWindow:
		return s.window(f, p)
	case frameSettings:
		return s.settings(f, p)
	case framePing:
		return s.ping(f, p)
	case framePriority:
		return s.priority(f, p)
	case framePriorityUpdate:
		return s.priorityUpdate(f, p)
	case frameGoAway:
		return s.clientLeaves(f, p)
	case framePush: // clients do not push
		return s.fatal(ProtocolError)
	}
	// RFC 9113, section 5.5: unknown types are ignored, but not for free.
	if !s.spend(1, CauseUnknown) {
		return s.calmDown()
	}
	return Event{}
}

// fatal ends the connection.
func (s *Session) fatal(code Code) Event {
	s.over = true
	s.goAway(s.last, code)
	return Event{Kind: Fatal, Code: code}
}

// goAway sends GOAWAY: streams above last were not and will not be processed, so a client may
// send them again elsewhere (RFC 9113, section 6.8).
func (s *Session) goAway(last uint32, code Code) {
	s.leaving = true
	s.o.Counts.goAway(Gateway, code)
	s.Out = binary.BigEndian.AppendUint32(appendFrame(s.Out, 8, frameGoAway, 0, 0), last)
	s.Out = binary.BigEndian.AppendUint32(s.Out, uint32(code))
}

// frameID reads the identifier of a stream at the front of p.
func frameID(p []byte) uint32 { return binary.BigEndian.Uint32(p) & maxWindow }
