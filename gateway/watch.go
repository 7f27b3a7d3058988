package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/corsgate/corsgate/gateway/config"
)

// This file notices that a file has changed which the configuration names, of origins, of a certificate or a key, or, if
// that is asked for, the configuration's own. The rules are:
//
//   - what changed is compiled again from the configuration in force, not from its file: that somebody edits the one is no
//     reason to serve the other;
//   - directories are watched, because editors and Kubernetes put another file in the place of the old one: the directory
//     of the file as it is named, and that of the file which it leads to by symbolic links;
//   - what happens soon after something else is part of it: a writer gets time to finish;
//   - notifications miss network file systems and directories that are replaced: so the files are also looked at now and then.

// How long to wait until nothing more happens, how long at most, and how often to look without being told.
const (
	watchQuiet = 100 * time.Millisecond
	watchMost  = 2 * time.Second
	watchPoll  = 10 * time.Second
)

// racy is how long after a change a stamp is not trusted: a further one may fall into the same tick of the clock of
// the file system.
const racy = 2 * time.Second

// A stamp is what os.Stat tells of a file's content.
type stamp struct {
	size     int64
	modified time.Time
}

func stampOf(info fs.FileInfo) stamp { return stamp{info.Size(), info.ModTime()} }

// A sight is a file as it was last seen.
type sight struct {
	info    fs.FileInfo       // nil: to be read again, whatever os.Stat says
	sum     [sha256.Size]byte // of what was last tried
	failure string            // why it could not be read, or ""
	inForce [sha256.Size]byte // of what the configuration in force was compiled from; zero: there was no file
}

// A watcher is one call of Watch.
type watcher struct {
	g      *Gateway
	reload func()            // nil: the configuration's own file is not watched
	notify *fsnotify.Watcher // nil: nothing is watched
	poll   *time.Ticker      // nil: nothing is looked at
	seen   map[string]sight  // by path
}

// Watch takes over changes of the files that the configuration in force names until ctx is done: it compiles that again. If
// the new files will not do, all of them, it logs why, and what was read before stays. Each day it logs which certificates
// expire soon. While no such file is named it watches nothing. It must not be called twice at a time.
//
// reload, if it is not nil, is called when the configuration's own file has changed.
func (g *Gateway) Watch(ctx context.Context, reload func()) {
	w := &watcher{g: g, reload: reload, seen: map[string]sight{}}
	defer w.close()
	day := time.NewTicker(24 * time.Hour)
	defer day.Stop()
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
		case <-g.swapped:
		case <-again:
		case now := <-day.C:
			g.warnExpiry(now)
		case <-poll:
		case <-failures: // such as too many events to be told
		case <-events:
			settle(ctx, events)
		}
	}
}

// channels returns what tells w to look; each may be nil.
func (w *watcher) channels() (events <-chan fsnotify.Event, failures <-chan error, poll <-chan time.Time) {
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

func (w *watcher) close() {
	if w.notify != nil {
		w.notify.Close() //nolint:errcheck // nothing is left to be told
	}
	if w.poll != nil {
		w.poll.Stop()
	}
	w.notify, w.poll = nil, nil
}

// follow watches what the configuration in force names, and nothing else.
func (w *watcher) follow() {
	files := w.files()
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
			w.seen[path] = sight{sum: sum, inForce: sum}
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
func (w *watcher) watch(directories []string) {
	if w.notify == nil {
		n, err := fsnotify.NewWatcher()
		if err != nil {
			w.g.log.Debug("files are only looked at now and then", "error", err.Error())
			return
		}
		w.notify = n
	}
	for _, old := range w.notify.WatchList() {
		if !slices.Contains(directories, old) {
			w.notify.Remove(old) //nolint:errcheck // it has gone
		}
	}
	for _, d := range directories {
		// Also of one that is watched: it may be another directory now, of the same name.
		if err := w.notify.Add(d); err != nil {
			w.g.log.Debug("a directory is only looked at now and then", "directory", d, "error", err.Error())
		}
	}
}

// look reloads if a file has changed. It reports true if one is so fresh that it should be looked at again soon.
func (w *watcher) look() (again bool) {
	changed, secrets, values, others := false, false, false, false
	for path, s := range w.seen {
		now, fresh := s.next(path, time.Now())
		again = again || fresh
		if now.sum != s.sum || now.failure != s.failure {
			s := w.g.current.Load()
			_, secret := s.secrets[path]
			_, value := s.config.ValueFiles()[path]
			changed, secrets, values = true, secrets || secret, values || value
			others = others || !secret && !value && !s.hasOrigins(path)
		}
		w.seen[path] = now
	}
	switch {
	case others:
		w.reload()
	case changed:
		w.g.refresh(secrets, values)
	}
	return again
}

// next looks at the file that s is a sight of. It returns s and true if it may not be whole yet.
func (s sight) next(path string, now time.Time) (after sight, fresh bool) {
	info, err := os.Stat(path)
	after = sight{sum: s.sum, inForce: s.inForce}
	if err == nil {
		age := now.Sub(info.ModTime())
		switch {
		case s.info != nil && stampOf(s.info) == stampOf(info) && os.SameFile(s.info, info):
			return s, false
		case age >= 0 && age < watchQuiet:
			return s, true
		}
		if age > racy {
			after.info = info
		}
		var text []byte
		if text, err = readStill(config.NamedFile{Path: path}); errors.Is(err, errWritten) {
			return s, true
		}
		after.sum = sha256.Sum256(text)
	}
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && s.inForce == [sha256.Size]byte{}:
		after.sum = s.inForce
	default:
		after.sum, after.failure = s.sum, err.Error()
	}
	return after, false
}

// files returns what is watched, by path, with the digests of what is in force.
func (w *watcher) files() map[string][sha256.Size]byte {
	s := w.g.current.Load()
	files := s.originsFiles()
	if files == nil {
		files = map[string][sha256.Size]byte{}
	}
	maps.Copy(files, s.secrets)
	maps.Copy(files, s.config.ValueFiles())
	if w.reload == nil {
		return files
	}
	if info, err := os.Stat(s.config.File); err != nil || info.Mode().IsRegular() { // what is read from a pipe cannot change
		files[s.config.File] = s.config.Sum()
	}
	return files
}

// hasOrigins reports whether path is a file of origins.
func (s *snapshot) hasOrigins(path string) bool {
	_, ok := s.originsFiles()[path]
	return ok
}

// originsFiles returns the files of origins of s by path, with their digests.
func (s *snapshot) originsFiles() map[string][sha256.Size]byte {
	var files map[string][sha256.Size]byte
	for _, p := range s.policies {
		if p.file != nil {
			if files == nil {
				files = map[string][sha256.Size]byte{}
			}
			files[p.file.path] = p.file.sum
		}
	}
	return files
}

// refresh compiles the configuration in force again, and logs what comes of it. secrets says that certificates are to be
// read again, too, and values that what its values refer to is.
func (g *Gateway) refresh(secrets, values bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	prev := g.current.Load()
	what, cfg := "origins", prev.config
	if secrets {
		again := *cfg // another one, of which nothing was read yet
		what, cfg = "certificates", &again
	}
	var err error
	if values {
		what = "values"
		if cfg, err = prev.config.Again(); err == nil {
			if p := restartOnly(prev.config, cfg); len(p) > 0 {
				err = p
			}
		}
	}
	if err != nil {
		g.ReloadFailed(err)
	} else {
		err = g.replace(cfg, prev)
	}
	if problems := (config.Problems)(nil); errors.As(err, &problems) {
		for _, p := range problems {
			g.log.Error(what+" not reloaded", "error", p.Error())
		}
		return
	}
	g.log.Info(what+" reloaded", "generation", g.current.Load().generation)
}
