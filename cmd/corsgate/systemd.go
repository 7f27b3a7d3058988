package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// This file tells systemd what the process does, if that has started it with Type=notify-reload:
// sd_notify(3).

// tell sends assignments to systemd.
func (p *process) tell(assignments ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(assignments, "\n")); err != nil {
		p.log.Warn("systemd cannot be told", "what", assignments[0], "error", err.Error())
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
	p.tell(daemon.SdNotifyReady, status)
}

// tellReloading tells systemd that a reload has begun; tellReady must follow.
func (p *process) tellReloading() {
	p.tell(daemon.SdNotifyReloading, strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
}

// stopMargin is what ending takes beyond the time that requests have, at most.
const stopMargin = 10 * time.Second

// tellStopping tells systemd that the process ends, and within what time: TimeoutStopSec is not to cut short what the
// configuration allows.
func (p *process) tellStopping(within time.Duration) {
	p.tell(daemon.SdNotifyStopping, "STATUS=Draining", fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (within+stopMargin).Microseconds()))
}

// tellSuccessor tells systemd which process is the main one from now on. What that has said of itself before was not heeded.
func (p *process) tellSuccessor(pid int) {
	p.tell(fmt.Sprintf("MAINPID=%d", pid), "STATUS=Serving, after an upgrade")
}

// guard has systemd's watchdog told that the process is well, as long as it is and until ctx is done.
func (p *process) guard(ctx context.Context) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		p.log.Warn("the watchdog is not told that this process is well", "error", err.Error())
	}
	if interval > 0 {
		watchdog(ctx, interval, p.gate.Alive, p.tell, func() { p.log.Error("an event loop hangs: the watchdog is not told that this process is well") })
	}
}

// watchdog calls tell twice an interval, as long as alive returns true in time, and otherwise hangs.
func watchdog(ctx context.Context, interval time.Duration, alive func(within time.Duration) bool, tell func(...string), hangs func()) {
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
