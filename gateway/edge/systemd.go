package edge

import (
	"fmt"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"
)

// passed has the sockets that the process was started with, by their names (FileDescriptorName= of
// a socket unit, or its name). They can be taken from the environment once only.
var passed = sync.OnceValues(activation.ListenersWithNames)

// bindSystemd returns the socket of that name which systemd has passed. It stays there: a listener that
// has gone can come back.
func bindSystemd(name string) (*Sockets, error) {
	byName, err := passed()
	if err != nil {
		return nil, err
	}
	switch list := byName[name]; len(list) {
	case 1:
		fd, err := duplicateOf(list[0])
		if err != nil {
			return nil, err
		}
		return &Sockets{fds: []int{fd}, addr: list[0].Addr()}, nil
	case 0:
		return nil, fmt.Errorf("systemd has passed no socket named %s: start corsgate by a socket unit with FileDescriptorName=%s", name, name)
	default:
		return nil, fmt.Errorf("systemd has passed %d sockets named %s: give each a FileDescriptorName of its own", len(list), name)
	}
}
