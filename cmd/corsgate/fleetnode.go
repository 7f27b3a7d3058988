package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/lastgood"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fleet"
)

// This file is a gateway in a fleet. The rules are:
//
//   - the configuration is the text of the file and that of a revision, taken together. SIGHUP brings a new file, etcd a new
//     revision, each to be taken together with the other as it is in force. What will not do changes nothing;
//   - a revision that is live and in force is kept on disk. A start that does not hear of etcd in time goes on with that;
//   - while a revision is tried there is a mark of it on disk. A start that finds the mark of a process that is no more does
//     not try that revision again: it goes on with what is kept, and waits for a newer one. Else a revision that ends the
//     process would end every process after it;
//   - with neither, the process waits: it listens nowhere but on its admin address, alive and not ready, so that whatever
//     sends it clients goes on without it, and begins to serve when the first revision comes.

// A fleetNode is a process's part in its fleet.
type fleetNode struct {
	p     *process
	store *fleet.Store
	name  string
	kept  lastgood.File
	leave func() // ends it, and waits for the end

	fatal fleet.Revision // number and sum of the revision that ended an earlier process; its number is 0 if there is none

	revision fleet.Revision // in force; its number is 0 while there is none. Guarded by p.mu, as is:
	failure  error          // why what is wanted is not in force

	begun     chan struct{} // closed when there is, or could have been, a first revision
	beginning sync.Once

	wanted, inForce, onDisk atomic.Int64 // numbers of revisions, for metrics
	heard                   atomic.Bool  // etcd answered when it was asked last
}

// join makes p a member of its fleet, until leave is called, and returns when there is a first configuration or the time to
// wait for it is over.
func (p *process) join(cfg *config.Config) error {
	options, problems := source.FleetOptions(cfg)
	if len(problems) > 0 {
		return problems
	}
	options.Log = p.log
	name, err := source.MemberName(cfg)
	if err != nil {
		return err
	}
	store, err := fleet.Open(options)
	if err != nil {
		return cfg.Problem("fleet", -1, err.Error(), "")
	}
	m := &fleetNode{p: p, store: store, name: name, kept: source.LastGood(cfg, name), begun: make(chan struct{})}
	m.fatal = m.kept.Ended()
	m.metrics()
	p.node = m
	stop := background(func(ctx context.Context) {
		var both sync.WaitGroup
		both.Go(func() { m.store.Join(ctx, name, m.report, m.apply) })
		both.Go(func() { m.tell(ctx) })
		both.Wait()
	})
	m.leave = sync.OnceFunc(func() {
		stop()
		store.Close() // nothing is to be written any more
	})
	p.log.Info("in a fleet", "name", name, "prefix", cfg.Fleet.Prefix, "etcd", strings.Join(cfg.Fleet.Etcd, " "))
	late := time.NewTimer(cfg.Fleet.StartTimeout)
	defer late.Stop()
	select {
	case <-m.begun:
	case <-late.C:
		p.log.Warn("etcd did not send the shared configuration in time", "waited", cfg.Fleet.StartTimeout.String())
	}
	m.fallBack()
	return nil
}

// apply makes r what is in force, or returns why not.
func (m *fleetNode) apply(r fleet.Revision) error {
	defer m.beginning.Do(func() { close(m.begun) })
	m.p.mu.Lock()
	defer m.p.mu.Unlock()
	m.wanted.Store(r.Number)
	if r.Number == m.fatal.Number && r.Sum == m.fatal.Sum {
		return m.refuse(r, errFatal)
	}
	if err := m.kept.Mark(r.Number, r.Sum); err != nil {
		m.p.log.Warn("if this revision ends the process, the next process will try it again", "revision", r.Number, "error", err.Error())
	}
	err := m.take(r)
	m.kept.Unmark()
	if err != nil {
		return err
	}
	if !r.Trial {
		m.keep(r)
	}
	return nil
}

// errFatal says why a revision is not tried.
var errFatal = errors.New("this gateway stopped while it tried this revision, and will not try it again: push a newer revision, or remove the file that ends in .trying beside the copy on disk, and restart")

// refuse notes why r is not in force. Precondition: p.mu is held.
func (m *fleetNode) refuse(r fleet.Revision, err error) error {
	m.p.gate.ReloadFailed(err)
	if m.failure == nil || m.failure.Error() != err.Error() { // it is tried again, and again
		source.LogProblems(m.p.log, fmt.Sprintf("revision %d not taken over", r.Number), err)
	}
	m.failure = err
	return err
}

// take makes r what is in force. Precondition: p.mu is held.
func (m *fleetNode) take(r fleet.Revision) error {
	p := m.p
	if p.stopping {
		return errors.New("this gateway is stopping")
	}
	if m.revision.Number == r.Number && m.revision.Sum == r.Sum && m.failure == nil {
		m.revision = r
		return nil
	}
	shared := source.Revision(r.Number, r.Text)
	cfg, err := source.Compose(p.own, shared)
	if err != nil {
		p.gate.ReloadFailed(err)
	} else {
		err = p.gate.Reload(cfg)
	}
	if err != nil {
		return m.refuse(r, err)
	}
	p.shared, m.revision, m.failure = shared, r, nil
	m.inForce.Store(r.Number)
	p.log.Info("revision in force", "revision", r.Number, "author", r.Author, "message", r.Message, "trial", r.Trial)
	if p.waiting {
		p.waiting = false
		if err := p.open(); err != nil {
			p.served <- err
			return err
		}
	}
	p.tellReady(nil)
	return nil
}

// keep writes r to disk.
func (m *fleetNode) keep(r fleet.Revision) {
	if m.onDisk.Load() == r.Number {
		return
	}
	if err := m.kept.Write(r.Number, []byte(r.Text)); err != nil {
		m.p.log.Error("the revision was not written to disk: without etcd this gateway cannot start with it", "revision", r.Number, "error", err.Error())
		return
	}
	m.onDisk.Store(r.Number)
}

// fallBack takes what is on disk, if nothing else is in force.
func (m *fleetNode) fallBack() {
	p := m.p
	p.mu.Lock()
	defer p.mu.Unlock()
	number, text, err := m.kept.Read()
	if err == nil {
		m.onDisk.Store(number)
	}
	switch {
	case m.revision.Number != 0:
		return
	case errors.Is(err, fs.ErrNotExist):
		p.log.Warn("no revision is kept on disk", "file", m.kept.Path)
	case err != nil:
		p.log.Error("the copy on disk is not used", "error", err.Error())
	default:
		r := fleet.Revision{Number: number, Text: string(text), Sum: fmt.Sprintf("%x", sha256.Sum256(text))}
		m.wanted.CompareAndSwap(0, number)
		refused := m.failure
		if m.take(r) == nil {
			if errors.Is(refused, errFatal) { // what is wanted is not in force still
				m.failure = refused
				p.gate.ReloadFailed(refused)
			}
			p.log.Warn("using the revision that is kept on disk", "revision", number, "file", m.kept.Path)
		}
	}
}
