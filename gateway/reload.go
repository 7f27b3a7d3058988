package gateway

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/files"
)

// This file applies changes of files that the configuration names (origins, certificates, keys) and, on request, of the
// configuration file itself. What changed is compiled again from the configuration in force, not from its
// file: an edit of the one must not put an unfinished edit of the other in force.

// Watch takes over changes of the files that the configuration in force names until ctx is done: it compiles that again. If
// the new files will not do, all of them, it logs why, and what was read before stays. Each day it logs which certificates
// expire soon. While no such file is named it watches nothing. It must not be called twice at a time.
//
// reload, if it is not nil, is called when the configuration's own file has changed.
func (g *Gateway) Watch(ctx context.Context, reload func()) {
	var daily sync.WaitGroup
	daily.Go(func() { g.warnDaily(ctx) })
	defer daily.Wait()
	w := g.watcher(reload)
	w.Run(ctx)
}

// watcher returns what Watch runs.
func (g *Gateway) watcher(reload func()) *files.Watcher {
	return &files.Watcher{
		Log:     g.log,
		Renewed: g.swapped,
		Files: func() map[string]files.Digest {
			s := g.proxy.Current()
			watched := s.Files()
			if reload == nil {
				return watched
			}
			if info, err := os.Stat(s.Config.File); err != nil || info.Mode().IsRegular() { // what is read from a pipe cannot change
				watched[s.Config.File] = s.Config.Sum()
			}
			return watched
		},
		Changed: func(paths []string) { g.changed(paths, reload) },
	}
}

// changed takes over what has changed in files that the configuration in force names.
func (g *Gateway) changed(paths []string, reload func()) {
	s := g.proxy.Current()
	origins, valueFiles, lists := s.Policies.Files(), s.Config.ValueFiles(), s.Lists()
	named, secrets, values, what := false, false, false, "lists"
	for _, path := range paths {
		_, secret := s.Certs.Files[path]
		_, value := valueFiles[path]
		_, origin := origins[path]
		_, list := lists[path]
		if !secret && !value && !origin && !list {
			if reload != nil && path == s.Config.File {
				reload() // which reads all that the file names
				return
			}
			continue // it is no longer named
		}
		named = true
		if origin {
			what = "origins"
		}
		secrets, values = secrets || secret, values || value
	}
	if named {
		g.refresh(what, secrets, values)
	}
}

// warnDaily logs each day which certificates expire soon, until ctx is done.
func (g *Gateway) warnDaily(ctx context.Context) {
	day := time.NewTicker(24 * time.Hour)
	defer day.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-day.C:
			g.proxy.Current().Certs.Warn(g.log, now)
		}
	}
}

// refresh compiles the configuration in force again because of what has changed, and logs the result. secrets says that
// certificates are to be read again, too, and values that what its values refer to is.
func (g *Gateway) refresh(what string, secrets, values bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	prev := g.proxy.Current()
	cfg := prev.Config
	if secrets {
		again := *cfg // another one, of which nothing was read yet
		what, cfg = "certificates", &again
	}
	var err error
	if values {
		what = "values"
		if cfg, err = prev.Config.Again(); err == nil {
			if p := restartOnly(prev.Config, cfg); len(p) > 0 {
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
	g.log.Info(what+" reloaded", "generation", g.proxy.Current().Generation)
}
