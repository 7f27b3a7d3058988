package h2

import "encoding/binary"

// Sizes of frames. A peer may send no larger ones than maxFrame, because no other size is
// announced, and none are sent, because every peer takes that size.
const (
	headerSize = 9
	maxFrame   = 16384
	maxWindow  = 1<<31 - 1
)

// Preface is the first message of a client. See RFC 9113, section 3.4.
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// The types of frames. See RFC 9113, section 6, and RFC 9218, section 7.1.
const (
	frameData           = 0x0
	frameHeaders        = 0x1
	framePriority       = 0x2
	frameReset          = 0x3
	frameSettings       = 0x4
	framePush           = 0x5
	framePing           = 0x6
	frameGoAway         = 0x7
	frameWindow         = 0x8
	frameContinuation   = 0x9
	framePriorityUpdate = 0x10
)

// The flags of frames.
const (
	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

// The settings. See RFC 9113, section 6.5.2, RFC 8441, section 3, and RFC 9218, section 2.1.
const (
	settingTableSize    = 0x1
	settingPush         = 0x2
	settingStreams      = 0x3
	settingWindow       = 0x4
	settingFrameSize    = 0x5
	settingListSize     = 0x6
	settingConnect      = 0x8
	settingNoPriorities = 0x9
)

// A Code says why a stream or a connection ends. See RFC 9113, section 7.
type Code uint32

// The codes of RFC 9113.
const (
	NoError Code = iota
	ProtocolError
	InternalError
	FlowControlError
	SettingsTimeout
	StreamClosed
	FrameSizeError
	RefusedStream
	Cancel
	CompressionError
	ConnectError
	EnhanceYourCalm
	InadequateSecurity
	HTTP11Required
)

var codeNames = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
	"REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

// String returns the name of the code, or "unknown": peers may send unregistered codes.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return "unknown"
}

// A frame is the header of a frame. See RFC 9113, section 4.1:
//
//	 0      length (24)      │  type (8)  │  flags (8) │R│    stream identifier (31)
//	├────────┬────────┬──────┼────────────┼────────────┼─┴──────┬────────┬────────┬───────┤
//	   b[0]     b[1]    b[2]      b[3]         b[4]       b[5]     b[6]     b[7]     b[8]
//
// The reserved bit R is ignored when received.
type frame struct {
	length int
	kind   uint8
	flags  uint8
	id     uint32
}

// frameOf reads the header at the front of b, which has headerSize bytes or more.
func frameOf(b []byte) frame {
	_ = b[headerSize-1]
	return frame{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   b[3],
		flags:  b[4],
		id:     binary.BigEndian.Uint32(b[5:]) & maxWindow,
	}
}

func (f frame) has(flag uint8) bool { return f.flags&flag != 0 }

// appendFrame appends the header of a frame.
func appendFrame(dst []byte, length int, kind, flags uint8, id uint32) []byte {
	return append(dst, byte(length>>16), byte(length>>8), byte(length), kind, flags, byte(id>>24), byte(id>>16), byte(id>>8), byte(id))
}

// appendReset appends a RST_STREAM frame.
func appendReset(dst []byte, id uint32, code Code) []byte {
	return binary.BigEndian.AppendUint32(appendFrame(dst, 4, frameReset, 0, id), uint32(code))
}

// appendWindow appends a WINDOW_UPDATE frame.
func appendWindow(dst []byte, id uint32, by int) []byte {
	return binary.BigEndian.AppendUint32(appendFrame(dst, 4, frameWindow, 0, id), uint32(by))
}

// appendSetting appends one setting to a SETTINGS frame.
func appendSetting(dst []byte, id uint16, value uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(dst, id), value)
}

// unpad removes the padding from the payload of a HEADERS frame. Padding that would be the
// whole payload or more is PROTOCOL_ERROR: RFC 9113, section 6.2.
func unpad(p []byte, f frame) ([]byte, Code) {
	switch {
	case !f.has(flagPadded):
		return p, NoError
	case len(p) == 0:
		return nil, FrameSizeError
	case int(p[0]) >= len(p):
		return nil, ProtocolError
	}
	return p[1 : len(p)-int(p[0])], NoError
}
