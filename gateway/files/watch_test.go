package files

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// replace puts a file with that text in the place of what is at path.
func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestWatcherWithoutFiles watches nothing, not even the time.
func TestWatcherWithoutFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "origins.txt")
	replace(t, path, "https://a.com")
	watched := map[string]Digest{path: {}}
	w := &Watcher{
		Log: slog.New(slog.DiscardHandler), seen: map[string]fileState{},
		Files:   func() map[string]Digest { return watched },
		Changed: func(paths []string) { t.Errorf("%q have changed, want none", paths) },
	}
	defer w.close()
	w.follow()
	if w.notify == nil || w.poll == nil || len(w.notify.WatchList()) != 1 || w.notify.WatchList()[0] != filepath.Dir(path) {
		t.Errorf("%+v", w)
	}
	clear(watched)
	w.follow()
	if events, failures, poll := w.channels(); events != nil || failures != nil || poll != nil || len(w.seen) > 0 || w.look() {
		t.Errorf("%+v", w)
	}
}

// TestSettle: a burst of events is one, and one without end is cut.
func TestSettle(t *testing.T) {
	f := func(every time.Duration, n int, want time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			events := make(chan fsnotify.Event)
			ctx, cancel := context.WithCancel(t.Context())
			var writer sync.WaitGroup
			defer writer.Wait()
			defer cancel()
			writer.Go(func() {
				for range n {
					select {
					case <-time.After(every):
					case <-ctx.Done():
						return
					}
					select {
					case events <- fsnotify.Event{}:
					case <-ctx.Done():
						return
					}
				}
			})
			begun := time.Now()
			settle(ctx, events)
			if got := time.Since(begun); got != want {
				t.Errorf("%d events, one each %v: settled after %v, want %v", n, every, got, want)
			}
		})
	}
	f(time.Millisecond, 0, watchQuiet)
	f(time.Millisecond, 50, 50*time.Millisecond+watchQuiet)
	f(watchQuiet+time.Millisecond, 50, watchQuiet)
	f(watchQuiet-time.Millisecond, 1000, watchMost)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		settle(ctx, nil)
	})
}

// TestFileState: a file is read again exactly when its content may be another, and not before it is whole.
func TestFileState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "origins.txt")
	now := time.Now()
	written := func(text string, age time.Duration) {
		t.Helper()
		replace(t, path, text)
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	var s fileState
	f := func(wantRead, wantFresh, wantTrusted bool) {
		t.Helper()
		before := s
		after, fresh := s.next(path, now)
		if read := after.sum != before.sum || after.failure != before.failure; read != wantRead || fresh != wantFresh || after.info != nil != wantTrusted {
			t.Errorf("new: %t, fresh: %t, trusted: %t, want %t, %t, %t", read, fresh, after.info != nil, wantRead, wantFresh, wantTrusted)
		}
		s = after
	}
	written("https://a.com", watchQuiet-1)
	f(false, true, false)
	written("https://a.com", watchQuiet)
	f(true, false, false)
	f(false, false, false)
	written("https://b.com", mtimeGranularity)
	f(true, false, false)
	written("https://c.com", mtimeGranularity+1)
	f(true, false, true)
	f(false, false, true)
	// As old and as long, but another file.
	written("https://d.com", mtimeGranularity+1)
	f(true, false, true)
	written("https://d.com", -time.Hour) // from the future
	f(false, false, false)
	os.Remove(path)
	f(true, false, false)
	f(false, false, false)
	written("https://d.com", time.Hour)
	f(true, false, true)
}
