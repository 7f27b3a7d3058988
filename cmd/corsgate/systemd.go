package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// This file tells systemd what the process does, if that has started it with Type=notify-reload:
// sd_notify(3).

// A systemd is the service manager that has started the process, if any has.
type systemd struct{ log *slog.Logger }

// tell sends assignments to it.
func (s systemd) tell(assignments ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(assignments, "\n")); err != nil {
		s.log.Warn("systemd cannot be told", "what", assignments[0], "error", err.Error())
	}
}

// tellReady tells systemd that the process serves, after it has started or, well or badly, reloaded.
func (p *process) tellReady(failed error) {
	cfg, generation := p.gate.Config()
	status := fmt.Sprintf("STATUS=Serving %d routes, configuration %d", len(cfg.Routes), generation)
	switch {
	case p.waiting:
		status = "STATUS=Waiting for the fleet's first revision"
	case cfg.Revision != "":
		status += ", " + cfg.Revision
	}
	if failed != nil {
		first, _, _ := strings.Cut(failed.Error(), "\n")
		status += "; not reloaded: " + first
	}
	p.systemd.tell(daemon.SdNotifyReady, status)
}

// reloading tells it that a reload has begun; tellReady must follow.
func (s systemd) reloading() {
	s.tell(daemon.SdNotifyReloading, strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
}

// stopMargin is what ending takes beyond the time that requests have, at most.
const stopMargin = 10 * time.Second

// stopping tells it that the process ends, and within what time: TimeoutStopSec is not to cut short what the
// configuration allows.
func (s systemd) stopping(within time.Duration) {
	s.tell(daemon.SdNotifyStopping, "STATUS=Draining", fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (within+stopMargin).Microseconds()))
}

// replaced tells it which process is the main one from now on. What that has said of itself before was not heeded.
func (s systemd) replaced(pid int) {
	s.tell(fmt.Sprintf("MAINPID=%d", pid), "STATUS=Serving, after an upgrade")
}

// watchdog tells it that the process is well, if it asks for that, as long as alive says so and until ctx is done.
func (s systemd) watchdog(ctx context.Context, alive func(within time.Duration) bool) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("systemd's watchdog will not hear from this process", "error", err.Error())
	}
	if interval > 0 {
		feed(ctx, interval, alive, s.tell, func() { s.log.Error("an event loop hangs: systemd's watchdog will not hear from this process") })
	}
}

// feed calls tell twice an interval, as long as alive returns true in time, and otherwise hangs.
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
