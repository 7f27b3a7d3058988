package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/upgrade"
)

// signals are those that serve obeys. They are caught before anything else is done, so that none is lost while the gateway
// starts. Several of one kind count as one.
type signals struct {
	reload  chan os.Signal
	stop    chan os.Signal
	upgrade chan os.Signal
	reopen  chan os.Signal
}

// calm is the least time between two reloads by signals: a thousand signals in a second cost some ten reloads, and the last
// one is never lost.
const calm = 100 * time.Millisecond

func notify() *signals {
	s := &signals{reload: make(chan os.Signal, 1), stop: make(chan os.Signal, 2), upgrade: make(chan os.Signal, 1), reopen: make(chan os.Signal, 1)}
	signal.Notify(s.reload, syscall.SIGHUP)
	signal.Notify(s.stop, syscall.SIGTERM, os.Interrupt)
	signal.Notify(s.upgrade, syscall.SIGUSR2)
	signal.Notify(s.reopen, syscall.SIGUSR1)
	signal.Ignore(syscall.SIGPIPE) // a log without a reader does not end the gateway
	return s
}

func (s *signals) ignore() {
	signal.Stop(s.reload)
	signal.Stop(s.stop)
	signal.Stop(s.upgrade)
	signal.Stop(s.reopen)
	signal.Reset(syscall.SIGPIPE)
}

// wait obeys signals until the gateway has stopped.
func (p *process) wait(s *signals) error {
	reload, rested := (<-chan os.Signal)(s.reload), (<-chan time.Time)(nil)
	next, result := (*upgrade.Upgrade)(nil), (<-chan upgrade.Outcome)(nil)
	for {
		select {
		case <-reload:
			p.reload() // it logs its error
			reload, rested = nil, time.After(calm)
		case <-rested:
			reload = s.reload
		case <-s.reopen:
			p.reopen()
		case <-s.upgrade:
			if next != nil {
				p.log.Warn("an upgrade is under way already")
				continue
			}
			next = p.upgrader.Start()
			result = next.Result
		case o := <-result:
			next, result = nil, nil
			if p.upgraded(o) {
				return p.drain("upgrade", s.stop)
			}
		case sig := <-s.stop:
			if next != nil {
				next.Cancel()
				if p.upgraded(<-result) {
					p.log.Warn("stop requested just after an upgrade: the new process continues")
				}
			}
			return p.drain(sig.String(), s.stop)
		case err := <-p.served:
			return cli.Fail(fmt.Errorf("serving has ended: %w", err))
		}
	}
}
