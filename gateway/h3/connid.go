package h3

import (
	"crypto/rand"

	"github.com/quic-go/quic-go"
)

// Sizes of connection ids. Ids that clients choose for their first packet are 8 bytes long as a rule, so that they
// are not taken for ours.
const (
	prefixSize       = 3
	connectionIDSize = 10
)

// A connIDPrefix is the first bytes of a process's connection ids.
type connIDPrefix [prefixSize]byte

func newPrefix() (m connIDPrefix) {
	rand.Read(m[:]) // it cannot fail
	return m
}

// GenerateConnectionID is part of quic.ConnectionIDGenerator.
func (m connIDPrefix) GenerateConnectionID() (quic.ConnectionID, error) {
	var id [connectionIDSize]byte
	rand.Read(id[copy(id[:], m[:]):]) // it cannot fail
	return quic.ConnectionIDFromBytes(id[:]), nil
}

// ConnectionIDLen is part of quic.ConnectionIDGenerator.
func (m connIDPrefix) ConnectionIDLen() int { return connectionIDSize }

// prefixOf returns the prefix of the connection id that a packet is for, if it can be one of ours. See RFC 8999, section 5.
func prefixOf(packet []byte) (m connIDPrefix, ok bool) {
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
	return connIDPrefix(id[:prefixSize]), true
}
