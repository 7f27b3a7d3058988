package edge

import "golang.org/x/sys/unix"

// halfClosed is how poll says that the peer has ended its side.
const halfClosed = unix.POLLRDHUP
