package main

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/listen"
	"github.com/corsgate/corsgate/gateway/socket"
)

// place is what a socket was bound for.
type place struct{ Key, Address string }

// An inherited is what a process was given by the one that it replaces.
type inherited struct {
	ready     *os.File                   // nil: it replaces none
	sockets   []listen.Socket            // of the gateway
	operators map[string][]listen.Socket // of listeners for operators, by adminKey or metricsKey
}

// inherit returns what this process was given.
func inherit() (*inherited, error) {
	text, ok := os.LookupEnv(successorVariable)
	if !ok {
		return &inherited{}, nil
	}
	os.Unsetenv(successorVariable) // its name is valid
	var places []place
	if err := json.Unmarshal([]byte(text), &places); err != nil {
		return nil, fmt.Errorf("%s is reserved for corsgate: %w", successorVariable, err)
	}
	syscall.CloseOnExec(readyPipe)
	h := &inherited{ready: os.NewFile(readyPipe, "ready"), operators: map[string][]listen.Socket{}}
	for i, p := range places {
		fd := firstSocket + i
		syscall.CloseOnExec(fd)
		socket := listen.Socket{Key: p.Key, Address: p.Address, File: os.NewFile(uintptr(fd), p.Address)}
		if p.Key == adminKey || p.Key == metricsKey {
			h.operators[p.Key] = append(h.operators[p.Key], socket)
		} else {
			h.sockets = append(h.sockets, socket)
		}
	}
	return h, nil
}

// bind returns the socket of a listener for operators: the one that was inherited, if it has the address.
func (h *inherited) bind(key string, a config.Address) (*socket.Group, error) {
	var files []*os.File
	for _, s := range h.operators[key] {
		if s.Address == string(a) {
			files = append(files, s.File)
		}
	}
	if len(files) == 0 {
		return socket.Bind(string(a), 1, false)
	}
	delete(h.operators, key)
	return socket.Inherit(string(a), files)
}

// serves tells the process that this one replaces, if there is one, that it serves.
func (h *inherited) serves() {
	for _, sockets := range h.operators {
		for _, s := range sockets {
			s.File.Close() // it is not needed
		}
	}
	if h.ready != nil {
		h.ready.Write([]byte{1}) // who does not listen any more has ended, or will
		h.ready.Close()          // likewise
	}
}
