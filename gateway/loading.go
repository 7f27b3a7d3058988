package gateway

import (
	"sync"
	"time"
)

// loading is what came of the last attempts to load a configuration.
type loading struct {
	mu   sync.Mutex
	last time.Time // when the one in force was
	err  error     // why the last attempt failed, or nil
}

// LastReload returns since when the configuration in force is in force, and why the last attempt to
// replace it failed, or nil if it did not.
func (g *Gateway) LastReload() (inForceSince time.Time, err error) {
	g.loading.mu.Lock()
	defer g.loading.mu.Unlock()
	return g.loading.last, g.loading.err
}

// ReloadFailed records that a configuration could not be loaded, and why.
func (g *Gateway) ReloadFailed(err error) {
	g.metrics.ReloadSucceeded.Set(0)
	g.loading.mu.Lock()
	defer g.loading.mu.Unlock()
	g.loading.err = err
}

// reloaded records that one was.
func (g *Gateway) reloaded() {
	g.metrics.ReloadSucceeded.Set(1)
	g.loading.mu.Lock()
	defer g.loading.mu.Unlock()
	g.loading.last, g.loading.err = time.Now(), nil
}
