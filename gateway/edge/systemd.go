package edge

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// passed has the sockets that the process was started with; what a socket unit calls them (FileDescriptorName=, or its
// name) is their name. They can be taken from the environment once only, and stay: a listener that has gone can come back.
var passed = sync.OnceValue(func() []*os.File { return activation.Files(true) })

// passedAs returns the socket of a name that is of a kind, which is called what.
func passedAs(name string, kind int, what string) (*os.File, error) {
	var list []*os.File
	for _, f := range passed() {
		if f.Name() == name && isSocket(f, kind) {
			list = append(list, f)
		}
	}
	switch len(list) {
	case 1:
		return list[0], nil
	case 0:
		return nil, fmt.Errorf("systemd has passed no %s named %s: start corsgate by a socket unit with FileDescriptorName=%s", what, name, name)
	default:
		return nil, fmt.Errorf("systemd has passed %d of %s named %s: give each a FileDescriptorName of its own", len(list), what, name)
	}
}

// bindSystemd returns the socket of that name which systemd has passed.
func bindSystemd(name string) (*Sockets, error) {
	file, err := passedAs(name, unix.SOCK_STREAM, "socket")
	if err != nil {
		return nil, err
	}
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	fd, err := duplicateOf(ln)
	if err = errors.Join(err, ln.Close()); err != nil {
		return nil, err
	}
	return &Sockets{fds: []int{fd}, addr: ln.Addr()}, nil
}

// BindSystemdDatagrams returns the UDP socket of that name which systemd has passed: ListenDatagram= beside the
// ListenStream= of the same unit.
func BindSystemdDatagrams(name string) (*Datagrams, error) {
	file, err := passedAs(name, unix.SOCK_DGRAM, "UDP socket")
	if err != nil {
		return nil, err
	}
	pc, err := net.FilePacketConn(file)
	if err != nil {
		return nil, err
	}
	socket, ok := pc.(*net.UDPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the socket of datagrams named %s is not of UDP", name), pc.Close())
	}
	return newDatagrams(socket), nil
}
