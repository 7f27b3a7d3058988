package h3

import (
	"time"

	"golang.org/x/net/ipv4"
)

// This file has one process at a time read a socket that is handed over; see handover.go. What
// a process that leaves it says to its successor is one message: for each id that a client has
// recently chosen for its first packets, the prefix of the process where its connection has
// begun, the id's length, and the id.

// Bounds of the table of connections that begin.
const (
	recentBegun   = 512             // ids that a process tells of at most: those of a moment, unless it is flooded
	maxChosenID   = 20              // bytes; see RFC 9000, section 17.2
	leavePatience = 5 * time.Second // a predecessor that has not left the socket by then has stopped working
	theirsFor     = time.Minute     // a handshake is complete, or has failed, before
)

// recentIDs are the latest ids that clients have chosen.
type recentIDs struct {
	ring [recentBegun]chosen
	next int
}

type chosen struct {
	size uint8 // 0: none here yet
	id   [maxChosenID]byte
}

func (c *chosen) bytes() []byte { return c.id[:c.size] }

// note notes the ids of packets that may begin connections of the process with a prefix.
func (r *recentIDs) note(ms []ipv4.Message, own connIDPrefix) {
	for i := range ms {
		packet := ms[i].Buffers[0][:ms[i].N]
		id := chosenID(packet)
		if len(id) == 0 {
			continue
		}
		if to, ok := prefixOf(packet); ok && to == own {
			continue // it is ours
		}
		last := &r.ring[(r.next+recentBegun-1)%recentBegun]
		if string(last.bytes()) == string(id) {
			continue // most often there are two in a row
		}
		r.ring[r.next].size = uint8(copy(r.ring[r.next].id[:], id))
		r.next = (r.next + 1) % recentBegun
	}
}

// chosenID returns the connection id that a packet with a long header is for, which its client
// may have chosen. It is empty if there is none. See RFC 8999, section 5.1.
func chosenID(packet []byte) []byte {
	const length = 5 // behind the version
	if len(packet) <= length || packet[0]&0x80 == 0 {
		return nil
	}
	size := int(packet[length])
	if size > maxChosenID || len(packet) < length+1+size {
		return nil
	}
	return packet[length+1:][:size]
}

// leave tells the successor that this process does not read the socket any more.
func (c *packetConn) leave() {
	var b []byte
	add := func(prefix connIDPrefix, id []byte) {
		b = append(append(append(b, prefix[:]...), byte(len(id))), id...)
	}
	for i := range c.begun.ring {
		if e := &c.begun.ring[i]; e.size > 0 {
			add(c.prefix, e.bytes())
		}
	}
	for id, prefix := range c.theirs {
		if len(b) > 2*recentBegun*(prefixSize+1+maxChosenID) {
			break // they are those of many processes
		}
		add(prefix, []byte(id))
	}
	if len(b) == 0 {
		b = []byte{0} // an empty message would be the end
	}
	c.mu.Lock()
	after := c.after
	c.mu.Unlock()
	after.SetWriteDeadline(time.Now().Add(leavePatience)) // it shows at the write
	after.Write(b)                                        // a successor that has ended leaves no one to tell
	c.left.Store(true)
}

// awaitLeft waits until the predecessor does not read the socket any more, and learns which
// connections have begun there.
func (c *packetConn) awaitLeft() {
	c.mu.Lock()
	from := c.leaves.Load()
	if from != nil {
		from.SetReadDeadline(time.Now().Add(leavePatience)) // it shows at the read
	}
	c.mu.Unlock()
	if from == nil {
		return
	}
	b := make([]byte, 64<<10)
	n, _ := from.Read(b) // if it has ended, or does not leave, the socket is read now
	c.leaves.Store(nil)
	c.theirs, c.until = make(map[string]connIDPrefix), time.Now().Add(theirsFor)
	for b = b[:n]; len(b) > prefixSize; {
		id, rest, ok := cutSized(b[prefixSize:])
		if !ok {
			break
		}
		c.theirs[string(id)] = connIDPrefix(b)
		b = rest
	}
}

// isTheirs returns the process in which the connection of a packet has begun, if that is known
// by the id that its client chose.
func (c *packetConn) isTheirs(packet []byte) (prefix connIDPrefix, ok bool) {
	if c.theirs == nil {
		return prefix, false
	}
	if time.Now().After(c.until) {
		c.theirs = nil
		return prefix, false
	}
	prefix, ok = c.theirs[string(chosenID(packet))]
	return prefix, ok
}
