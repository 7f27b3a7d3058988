package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/upgrade"
)

// upgraded acts on the outcome of an upgrade. It reports whether the successor has taken over.
func (p *process) upgraded(o upgrade.Outcome) bool {
	if o.Err != nil {
		p.log.Error("not upgraded: this process continues", "error", o.Err.Error())
		return false
	}
	p.handedOver.Store(true)
	p.systemd.Replaced(o.PID)
	p.log.Info("upgraded: the new process serves, and this one drains", "pid", o.PID)
	return true
}

// drain ends the gateway: when its requests have ended, or at once on a second signal.
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
		p.operators.Retire()
		p.stopWatchdog()
		if p.node != nil {
			go p.node.Leave() // the successor needs its name
		}
	} else {
		p.systemd.Stopping(lameDuck + cfg.Timeouts.Shutdown)
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
		// This is the purpose of timeouts.shutdown: tunnels, above all, do not end by themselves.
		p.log.Warn("connections still in use after timeouts.shutdown were closed", "timeout", cfg.Timeouts.Shutdown.String())
	case err != nil:
		return cli.Fail(fmt.Errorf("stopped before all requests were finished: %w", err))
	}
	p.log.Info("stopped")
	return nil
}
