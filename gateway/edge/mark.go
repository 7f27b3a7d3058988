package edge

import (
	"crypto/rand"

	"github.com/quic-go/quic-go"
)

// Sizes of connection ids. Ids that clients choose for their first packet are 8 octets long as a rule, so that they are
// not taken for ours.
const (
	markSize         = 3
	connectionIDSize = 10
)

// A mark is the first octets of a process's connection ids.
type mark [markSize]byte

func newMark() (m mark) {
	rand.Read(m[:]) // it cannot fail
	return m
}

// GenerateConnectionID is part of quic.ConnectionIDGenerator.
func (m mark) GenerateConnectionID() (quic.ConnectionID, error) {
	var id [connectionIDSize]byte
	rand.Read(id[copy(id[:], m[:]):]) // it cannot fail
	return quic.ConnectionIDFromBytes(id[:]), nil
}

// ConnectionIDLen is part of quic.ConnectionIDGenerator.
func (m mark) ConnectionIDLen() int { return connectionIDSize }

// markOf returns the mark of the connection id that a packet is for, if it can be one of ours. See RFC 8999, section 5.
func markOf(packet []byte) (m mark, ok bool) {
	id := packet[min(1, len(packet)):]
	if len(packet) > 0 && packet[0]&0x80 != 0 {
		const length = 5 // behind the version
		if len(packet) <= length || packet[length] != connectionIDSize {
			return m, false
		}
		id = packet[length+1:]
	}
	if len(id) < connectionIDSize {
		return m, false
	}
	return mark(id[:markSize]), true
}
