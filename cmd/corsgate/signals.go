package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// signals are those that serve obeys. They are asked for before anything else is done, so that
// none is lost while the gateway starts. Many of one kind are as good as one.
type signals struct {
	reload  chan os.Signal
	stop    chan os.Signal
	upgrade chan os.Signal
	reopen  chan os.Signal
}

// calm is how long a reload that a signal has asked for is not followed by another: a thousand
// signals in a second cost some ten reloads, and the last is never lost.
const calm = 100 * time.Millisecond

func notify() *signals {
	s := &signals{reload: make(chan os.Signal, 1), stop: make(chan os.Signal, 2), upgrade: make(chan os.Signal, 1), reopen: make(chan os.Signal, 1)}
	signal.Notify(s.reload, syscall.SIGHUP)
	signal.Notify(s.stop, syscall.SIGTERM, os.Interrupt)
	signal.Notify(s.upgrade, syscall.SIGUSR2)
	signal.Notify(s.reopen, syscall.SIGUSR1)
	signal.Ignore(syscall.SIGPIPE) // who has stopped to read a log does not end the gateway
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
	next, result := (*upgrade)(nil), (<-chan outcome)(nil)
	for {
		select {
		case <-reload:
			p.reload() // it has logged
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
			next = p.upgrade()
			result = next.result
		case o := <-result:
			next, result = nil, nil
			if p.upgraded(o) {
				return p.drain("upgrade", s.stop)
			}
		case sig := <-s.stop:
			if next != nil {
				next.cancel()
				if p.upgraded(<-result) {
					p.log.Warn("told to stop just after an upgrade: the new process goes on")
				}
			}
			return p.drain(sig.String(), s.stop)
		case err := <-p.served:
			return &exitError{exitFailed, fmt.Errorf("serving has ended: %w", err)}
		}
	}
}

// drain ends the gateway: at leisure, or at once on a second signal.
func (p *process) drain(why string, more <-chan os.Signal) error {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	defer func() {
		if p.opened.Load() {
			<-p.served
		}
	}()
	cfg, _ := p.gate.Config()
	shutdown, lameDuck := p.gate.Shutdown, cfg.Timeouts.LameDuck
	if p.handedOver.Load() {
		shutdown, lameDuck = p.gate.HandOver, 0
		p.retireOperators()
		p.unguard()
		if p.member != nil {
			go p.member.leave() // the successor needs its name
		}
	} else {
		p.tellStopping(lameDuck + cfg.Timeouts.Shutdown)
	}
	p.log.Info("draining", "signal", why, "lame_duck", lameDuck.String(), "timeout", cfg.Timeouts.Shutdown.String())
	ctx, cancel := context.WithTimeout(context.Background(), lameDuck+cfg.Timeouts.Shutdown)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- shutdown(ctx) }()
	var err error
	select {
	case err = <-ended:
	case sig := <-more:
		p.log.Warn("stopping at once", "signal", sig.String())
		cancel()
		err = <-ended
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		// That is what timeouts.shutdown is for: tunnels, above all, do not end by themselves.
		p.log.Warn("connections were still in use after timeouts.shutdown: they were closed", "timeout", cfg.Timeouts.Shutdown.String())
	case err != nil:
		return &exitError{exitFailed, fmt.Errorf("stopped before all requests had ended: %w", err)}
	}
	p.log.Info("stopped")
	return nil
}
