// Package systemd tells the service manager what the process does, if it was started with Type=notify-reload. See sd_notify(3).
package systemd

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// A Manager is the service manager that started the process. If none did, its methods do nothing.
type Manager struct{ Log *slog.Logger }

// tell sends assignments to it.
func (m Manager) tell(assignments ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(assignments, "\n")); err != nil {
		m.Log.Warn("systemd cannot be told", "what", assignments[0], "error", err.Error())
	}
}

// Ready tells it that the process serves, after a start or a reload, successful or not. status says what it serves.
func (m Manager) Ready(status string) { m.tell(daemon.SdNotifyReady, "STATUS="+status) }

// Reloading tells it that a reload has begun. Ready must follow.
func (m Manager) Reloading() {
	m.tell(daemon.SdNotifyReloading, strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
}

// stopMargin is how long the process takes to end after the time that requests have, at most.
const stopMargin = 10 * time.Second

// Stopping tells it that the process ends, and within what time, so that TimeoutStopSec does not shorten what the
// configuration allows.
func (m Manager) Stopping(within time.Duration) {
	m.tell(daemon.SdNotifyStopping, "STATUS=Draining", fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (within+stopMargin).Microseconds()))
}

// Replaced tells it that another process is the main one from now on. It has ignored the messages of that process so far.
func (m Manager) Replaced(pid int) {
	m.tell(fmt.Sprintf("MAINPID=%d", pid), "STATUS=Serving, after an upgrade")
}

// Watchdog tells it that the process works, if it asks for that, as long as alive returns true and until ctx is done.
func (m Manager) Watchdog(ctx context.Context, alive func(within time.Duration) bool) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		m.Log.Warn("systemd's watchdog will not hear from this process", "error", err.Error())
	}
	if interval > 0 {
		feed(ctx, interval, alive, m.tell, func() { m.Log.Error("an event loop hangs: systemd's watchdog will not hear from this process") })
	}
}

// feed calls tell twice in each interval while alive returns true, and hangs while it returns false.
func feed(ctx context.Context, interval time.Duration, alive func(within time.Duration) bool, tell func(...string), hangs func()) {
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		if alive(interval / 4) {
			tell(daemon.SdNotifyWatchdog)
		} else {
			hangs()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
