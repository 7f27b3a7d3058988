package main

import (
	"context"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/gateway/config"
)

// This file changes what a process serves while it serves.

// watch takes over changes of the files that the configuration names, and of its own if that is asked for.
func (p *process) watch(ctx context.Context, all bool) {
	if all {
		p.gate.Watch(ctx, func() { p.reload() }) // it has logged
		return
	}
	p.gate.Watch(ctx, nil)
}

// reload reads the file again. If its configuration cannot be served, each reason is logged and nothing
// else changes. It is safe for concurrent use.
func (p *process) reload() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.systemd.reloading()
	own, err := p.reread()
	p.tellReady(err)
	if err != nil {
		source.LogProblems(p.log, "configuration not reloaded", err)
		return err
	}
	p.own = own
	return nil
}

// reread makes what the file says now, together with what is shared, what is in force, or returns why not.
func (p *process) reread() (config.Source, error) {
	own, err := source.Read(p.path)
	if err != nil {
		p.gate.ReloadFailed(err)
		return own, err
	}
	cfg, err := source.Compose(own, p.shared)
	if err != nil {
		p.gate.ReloadFailed(err)
		return own, err
	}
	return own, p.replace(cfg)
}

// replace makes cfg the configuration in force, with its logs, or returns why not and changes nothing.
func (p *process) replace(cfg *config.Config) error {
	lines, err := openAccess(cfg, p.stdout)
	if err != nil {
		p.gate.ReloadFailed(err)
		return err
	}
	if err := p.gate.Reload(cfg); err != nil {
		if lines.Close != nil {
			lines.Close() // nothing was written to it
		}
		return err
	}
	p.reconfigureLog(cfg.Log)
	p.gate.RedirectAccess(lines)
	return nil
}

// reopen opens the file of the access log anew: another program has put the old one aside.
func (p *process) reopen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	cfg, _ := p.gate.Config()
	lines, err := openAccess(cfg, p.stdout)
	switch {
	case err != nil:
		p.log.Error("the access log was not reopened: writing to the old file continues", "error", err.Error())
	case lines.Close == nil:
		p.log.Info("the access log has no file to reopen: it goes to stdout, or is off")
	default:
		p.gate.RedirectAccess(lines)
		p.log.Info("access log reopened", "file", cfg.Path(cfg.Log.AccessFile))
	}
}
