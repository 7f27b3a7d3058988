package files

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/corsgate/corsgate/gateway/config"
)

// This file notices that a file has changed. The rules are:
//
//   - directories are watched, because editors and Kubernetes put another file in the place of the old one: the directory
//     of the file as it is named, and that of the file which it leads to by symbolic links;
//   - what happens soon after something else is part of it: a writer gets time to finish;
//   - notifications miss network file systems and directories that are replaced: so the files are also looked at now and then.

// How long to wait until no further event comes, how long at most, and how often to look without an
// event.
const (
	watchQuiet = 100 * time.Millisecond
	watchMost  = 2 * time.Second
	watchPoll  = 10 * time.Second
)

// mtimeGranularity is how long after a change a stamp is not trusted: a further one may fall into the same tick of the
// clock of the file system.
const mtimeGranularity = 2 * time.Second

// A fileState is a file as it was last seen.
type fileState struct {
	info    fs.FileInfo // nil: to be read again, whatever os.Stat says
	sum     Digest      // of what was last tried
	failure string      // why it could not be read, or ""
	inForce Digest      // of the content in use; zero: there was no file
}

// A Watcher tells when files change. Its exported fields must not be changed after Run was called.
type Watcher struct {
	Log *slog.Logger
	// Files returns the files to watch, by path, with the digests of the contents in use. It is
	// called each time before they are looked at.
	Files func() map[string]Digest
	// Renewed has an element when Files may return something else.
	Renewed <-chan struct{}
	// Changed is called, by the goroutine of Run, with the files that are not what they were.
	Changed func(paths []string)

	notify *fsnotify.Watcher    // nil: nothing is watched
	poll   *time.Ticker         // nil: nothing is looked at
	seen   map[string]fileState // by path
}

// Run watches until ctx is done. Without files it watches nothing. It must not be called twice.
func (w *Watcher) Run(ctx context.Context) {
	w.seen = map[string]fileState{}
	defer w.close()
	for {
		w.follow()
		var again <-chan time.Time
		if w.look() {
			again = time.After(watchQuiet)
		}
		events, failures, poll := w.channels()
		select {
		case <-ctx.Done():
			return
		case <-w.Renewed:
		case <-again:
		case <-poll:
		case <-failures: // such as an overflow of the event queue
		case <-events:
			settle(ctx, events)
		}
	}
}

// channels returns what tells w to look; each may be nil.
func (w *Watcher) channels() (events <-chan fsnotify.Event, failures <-chan error, poll <-chan time.Time) {
	if w.notify != nil {
		events, failures = w.notify.Events, w.notify.Errors
	}
	if w.poll != nil {
		poll = w.poll.C
	}
	return events, failures, poll
}

// settle waits until there was no event for a while, or ctx is done.
func settle(ctx context.Context, events <-chan fsnotify.Event) {
	quiet, most := time.NewTimer(watchQuiet), time.NewTimer(watchMost)
	defer quiet.Stop()
	defer most.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			quiet.Reset(watchQuiet)
		case <-quiet.C:
			return
		case <-most.C:
			return
		}
	}
}

func (w *Watcher) close() {
	if w.notify != nil {
		w.notify.Close() // no further events will come
	}
	if w.poll != nil {
		w.poll.Stop()
	}
	w.notify, w.poll = nil, nil
}

// follow watches what Files names, and nothing else.
func (w *Watcher) follow() {
	files := w.Files()
	for path := range w.seen {
		if _, ok := files[path]; !ok {
			delete(w.seen, path)
		}
	}
	if len(files) == 0 {
		w.close()
		return
	}
	var directories []string
	for path, sum := range files {
		if s, ok := w.seen[path]; !ok || s.inForce != sum {
			w.seen[path] = fileState{sum: sum, inForce: sum}
		}
		directories = append(directories, filepath.Dir(path))
		if target, err := filepath.EvalSymlinks(path); err == nil {
			directories = append(directories, filepath.Dir(target))
		}
	}
	if w.poll == nil {
		w.poll = time.NewTicker(watchPoll)
	}
	w.watch(directories)
}

// watch makes directories what is watched.
func (w *Watcher) watch(directories []string) {
	if w.notify == nil {
		n, err := fsnotify.NewWatcher()
		if err != nil {
			w.Log.Debug("files are checked periodically only", "error", err.Error())
			return
		}
		w.notify = n
	}
	for _, old := range w.notify.WatchList() {
		if !slices.Contains(directories, old) {
			w.notify.Remove(old) // it has gone
		}
	}
	for _, d := range directories {
		// Also of one that is watched: it may be another directory now, of the same name.
		if err := w.notify.Add(d); err != nil {
			w.Log.Debug("a directory is checked periodically only", "directory", d, "error", err.Error())
		}
	}
}

// look calls Changed if a file has changed. It reports true if one is so fresh that it should be looked at again soon.
func (w *Watcher) look() (again bool) {
	var changed []string
	for path, s := range w.seen {
		now, fresh := s.next(path, time.Now())
		again = again || fresh
		if now.sum != s.sum || now.failure != s.failure {
			changed = append(changed, path)
		}
		w.seen[path] = now
	}
	if len(changed) > 0 {
		slices.Sort(changed)
		w.Changed(changed)
	}
	return again
}

// next looks at the file that s is the state of. It returns s and true if it may not be whole yet.
func (s fileState) next(path string, now time.Time) (after fileState, fresh bool) {
	info, err := os.Stat(path)
	after = fileState{sum: s.sum, inForce: s.inForce}
	if err == nil {
		age := now.Sub(info.ModTime())
		switch {
		case s.info != nil && stampOf(s.info) == stampOf(info) && os.SameFile(s.info, info):
			return s, false
		case age >= 0 && age < watchQuiet:
			return s, true
		}
		if age > mtimeGranularity {
			after.info = info
		}
		var text []byte
		if text, err = Read(config.NamedFile{Path: path}); errors.Is(err, ErrChanging) {
			return s, true
		}
		after.sum = sha256.Sum256(text)
	}
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && s.inForce == Digest{}:
		after.sum = s.inForce
	default:
		after.sum, after.failure = s.sum, err.Error()
	}
	return after, false
}
