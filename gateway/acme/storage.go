package acme

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/caddyserver/certmagic"
	"golang.org/x/sys/unix"
)

// A storage is certmagic's directory with locks of another kind. Its own are files that a goroutine touches every few seconds;
// that goroutine outlives the lock, and when a process dies others wait for the file to grow old. The kernel's are
// gone with the process that has them.
type storage struct {
	*certmagic.FileStorage

	mu   sync.Mutex
	held map[string]*os.File
}

func newStorage(dir string) *storage {
	return &storage{FileStorage: &certmagic.FileStorage{Path: dir}, held: map[string]*os.File{}}
}

// lockPoll is how often a lock is tried that another has.
const lockPoll = 200 * time.Millisecond

// Lock is part of certmagic.Locker.
func (s *storage) Lock(ctx context.Context, name string) error {
	for {
		if ok, err := s.TryLock(ctx, name); ok || err != nil {
			return err
		}
		timer := time.NewTimer(lockPoll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// TryLock is part of certmagic.TryLocker.
func (s *storage) TryLock(_ context.Context, name string) (bool, error) {
	file := filepath.Join(s.Path, "locks", certmagic.StorageKeys.Safe(name)+".flock")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return false, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		f.Close() // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return false, nil
		}
		return false, &fs.PathError{Op: "lock", Path: file, Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[name] = f
	return true, nil
}

// Unlock is part of certmagic.Locker.
func (s *storage) Unlock(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.held[name]
	if f == nil {
		return fmt.Errorf("%s is not locked", name)
	}
	delete(s.held, name)
	return f.Close()
}

// CheckStorage returns why a directory cannot be written, or made. It writes nothing.
func CheckStorage(dir string) error {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at):
			continue // it would be made
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s is not a directory", at)
		}
		if err := unix.Access(at, unix.W_OK|unix.X_OK); err != nil {
			return fmt.Errorf("cannot write to %s: %w", at, err)
		}
		return nil
	}
}
