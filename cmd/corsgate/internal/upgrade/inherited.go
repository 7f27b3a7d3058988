package upgrade

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/listen"
	"github.com/corsgate/corsgate/gateway/socket"
)

// A place is what a socket was bound for.
type place struct{ Key, Address string }

// An Inherited holds what a process has inherited from its predecessor, if it has one.
type Inherited struct {
	ready *os.File                   // nil: there is no predecessor
	rest  []listen.Socket            // of the gateway
	apart map[string][]listen.Socket // by key
}

// Inherit returns what this process has inherited. Sockets with one of the keys are for [Inherited.Bind].
func Inherit(keys ...string) (*Inherited, error) {
	text, ok := os.LookupEnv(variable)
	if !ok {
		return &Inherited{}, nil
	}
	os.Unsetenv(variable) // its name is valid
	var places []place
	if err := json.Unmarshal([]byte(text), &places); err != nil {
		return nil, fmt.Errorf("%s is reserved for corsgate: %w", variable, err)
	}
	syscall.CloseOnExec(readyPipe)
	h := &Inherited{ready: os.NewFile(readyPipe, "ready"), apart: map[string][]listen.Socket{}}
	for i, p := range places {
		fd := firstSocket + i
		syscall.CloseOnExec(fd)
		socket := listen.Socket{Key: p.Key, Address: p.Address, File: os.NewFile(uintptr(fd), p.Address)}
		if slices.Contains(keys, p.Key) {
			h.apart[p.Key] = append(h.apart[p.Key], socket)
		} else {
			h.rest = append(h.rest, socket)
		}
	}
	return h, nil
}

// Sockets returns the sockets that are not for Bind.
func (h *Inherited) Sockets() []listen.Socket { return h.rest }

// Shared reports whether there is a predecessor, which may still accept on the sockets.
func (h *Inherited) Shared() bool { return h.ready != nil }

// Bind returns the inherited socket of that key and address, or else binds one.
func (h *Inherited) Bind(key string, a config.Address) (*socket.Group, error) {
	var files []*os.File
	for _, s := range h.apart[key] {
		if s.Address == string(a) {
			files = append(files, s.File)
		}
	}
	if len(files) == 0 {
		return socket.Bind(string(a), 1, false)
	}
	delete(h.apart, key)
	return socket.Inherit(string(a), files)
}

// Serves reports to the predecessor, if there is one, that this process serves.
func (h *Inherited) Serves() {
	for _, sockets := range h.apart {
		for _, s := range sockets {
			s.File.Close() // it is not needed
		}
	}
	if h.ready != nil {
		h.ready.Write([]byte{1}) // a predecessor that does not read it has ended, or will
		h.ready.Close()          // as above
	}
}
