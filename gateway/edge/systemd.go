package edge

import (
	"fmt"
	"net"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"
)

// passed has the sockets that the process was started with, by their names (FileDescriptorName= of
// a socket unit, or its name). They can be taken from the environment once only.
var passed = sync.OnceValues(activation.ListenersWithNames)

// listenSystemd returns the socket of that name which systemd has passed.
func listenSystemd(name string) (net.Listener, error) {
	byName, err := passed()
	if err != nil {
		return nil, err
	}
	switch list := byName[name]; len(list) {
	case 1:
		return list[0], nil
	case 0:
		return nil, fmt.Errorf("systemd has passed no socket named %s: start corsgate by a socket unit with FileDescriptorName=%s", name, name)
	default:
		return nil, fmt.Errorf("systemd has passed %d sockets named %s: give each a FileDescriptorName of its own", len(list), name)
	}
}
