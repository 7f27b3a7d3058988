package listen

import (
	"errors"
	"os"

	"github.com/corsgate/corsgate/gateway/socket"
)

// This file takes sockets over from another process, and hands them on to the next.

// A Socket is a listening socket on its way from one process to another.
type Socket struct {
	// Key names the table of the configuration that it is of, such as "listener.http".
	Key string
	// Address is the configured address.
	Address string
	// File is the socket.
	File *os.File
}

// Inherit has Listen use sockets that another process has handed over, for listeners of the same
// address. It closes the files.
func (s *Set) Inherit(sockets []Socket) error {
	files := map[inheritance][]*os.File{}
	for _, socket := range sockets {
		k := inheritance{socket.Key, socket.Address}
		files[k] = append(files[k], socket.File)
	}
	var failed error
	for k, list := range files {
		list, err := s.inheritDatagrams(k, list)
		if failed = errors.Join(failed, err); len(list) == 0 {
			continue
		}
		inherited, err := socket.Inherit(k.address, list)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		s.inherited[k] = inherited
	}
	return failed
}

// inheritance says what inherited sockets were bound for.
type inheritance struct{ key, address string }

// Sockets returns duplicates of all sockets, for another process to be given. The files are the caller's.
func (s *Set) Sockets() (list []Socket, err error) {
	for _, b := range s.bound() {
		for i := range b.sockets.Len() {
			file, err := b.sockets.File(i)
			if err != nil {
				discardFiles(list)
				return nil, err
			}
			list = append(list, Socket{"listener." + b.config.Name, string(b.config.Address), file})
		}
		if b.quic.datagrams != nil {
			files, err := b.quic.datagrams.Files()
			if err != nil {
				discardFiles(list)
				return nil, err
			}
			for _, file := range files {
				list = append(list, Socket{"listener." + b.config.Name, string(b.config.Address), file})
			}
		}
	}
	return list, nil
}

func discardFiles(list []Socket) {
	for _, s := range list {
		s.File.Close() // a duplicate
	}
}

// bound returns the bindings that have sockets.
func (s *Set) bound() (list []*binding) {
	for _, b := range s.bindings {
		if b.sockets != nil {
			list = append(list, b)
		}
	}
	return list
}
