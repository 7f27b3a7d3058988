package main

import (
	"context"
	"errors"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/logs"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/node"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fleet"
)

// watch reloads files that the configuration names when they change, and, if all is set, the configuration file itself.
func (p *process) watch(ctx context.Context, all bool) {
	if all {
		p.gate.Watch(ctx, func() { p.reload() }) // it logs its error
		return
	}
	p.gate.Watch(ctx, nil)
}

// reload reads the configuration file again. If it cannot be served, each reason is logged and nothing else changes. It is
// safe for concurrent use.
func (p *process) reload() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.systemd.Reloading()
	own, err := p.reread()
	p.tellReady(err)
	if err != nil {
		source.LogProblems(p.log.Logger, "configuration not reloaded", err)
		return err
	}
	p.own = own
	return nil
}

// reread puts the current text of the file in force, together with the fleet's, or returns why not.
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

// replace puts cfg in force, with its logs, or returns why not and changes nothing.
func (p *process) replace(cfg *config.Config) error {
	lines, err := logs.OpenAccess(cfg, p.stdout)
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
	p.log.Reconfigure(cfg.Log)
	p.gate.RedirectAccess(lines)
	return nil
}

// Take puts a revision of the fleet in force, together with the file's text. See [node.Process].
func (p *process) Take(r fleet.Revision) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.ending(); err != nil {
		return err
	}
	shared := source.Revision(r.Number, r.Text)
	cfg, err := source.Compose(p.own, shared)
	if err == nil {
		err = p.gate.Reload(cfg)
	}
	if err != nil {
		return err
	}
	p.shared = shared
	p.log.Info("revision in force", "revision", r.Number, "author", r.Author, "message", r.Message, "trial", r.Trial)
	if p.waiting {
		p.waiting = false
		if err := p.open(func() {}); err != nil {
			p.served <- err
			return node.Ending{Err: err}
		}
	}
	p.tellReady(nil)
	return nil
}

// Ending returns why no revision is put in force any more, or nil. See [node.Process].
func (p *process) Ending() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ending()
}

// ending is Ending. Precondition: p.mu is held.
func (p *process) ending() error {
	if !p.stopping {
		return nil
	}
	return node.Ending{Err: errors.New("this gateway is stopping")}
}

// reopen opens the file of the access log again, after another program has renamed the old one.
func (p *process) reopen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	cfg, _ := p.gate.Config()
	lines, err := logs.OpenAccess(cfg, p.stdout)
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
