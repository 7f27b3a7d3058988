//go:build unix && !linux

package edge

// halfClosed is how poll says that the peer has ended its side: there are systems where POLLHUP does.
const halfClosed = 0
