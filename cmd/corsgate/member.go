package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/prometheus/client_golang/prometheus"
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

// A member is a process's part in its fleet.
type member struct {
	p     *process
	store *fleet.Store
	name  string
	kept  kept
	leave func() // ends it, and waits for the end

	fatal fleet.Revision // number and sum of the revision that ended an earlier process; its number is 0 if there is none

	revision fleet.Revision // in force; its number is 0 while there is none. Guarded by p.mu, as is:
	failure  error          // why what is wanted is not in force

	begun     chan struct{} // closed when there is, or could have been, a first revision
	beginning sync.Once

	wanted, inForce, onDisk atomic.Int64 // numbers of revisions, for metrics
	heard                   atomic.Bool  // etcd answered when it was asked last
}

// seenEvery is how often a gateway tells the fleet what pages have asked.
const seenEvery = time.Minute

// maxSeen bounds how much of it.
const maxSeen = 64

// join makes p a member of its fleet, until leave is called, and returns when there is a first configuration or the time to
// wait for it is over.
func (p *process) join(cfg *config.Config) error {
	options, problems := fleetOptions(cfg)
	if len(problems) > 0 {
		return problems
	}
	options.Log = p.log
	name, err := memberName(cfg)
	if err != nil {
		return err
	}
	store, err := fleet.Open(options)
	if err != nil {
		return cfg.Problem("fleet", -1, err.Error(), "")
	}
	m := &member{p: p, store: store, name: name, kept: keptOf(cfg, name), begun: make(chan struct{})}
	m.fatal = m.kept.ended()
	m.metrics()
	p.member = m
	stop := p.aside(func(ctx context.Context) {
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
		p.log.Warn("etcd did not say in time what the fleet shares", "waited", cfg.Fleet.StartTimeout.String())
	}
	m.fallBack()
	return nil
}

// memberName returns the name of a gateway in its fleet.
func memberName(cfg *config.Config) (string, error) {
	if cfg.Fleet.Name != "" {
		return cfg.Fleet.Name, nil
	}
	name, err := os.Hostname()
	if err == nil {
		if fault := config.FleetName(name); fault != "" {
			err = errors.New(fault)
		}
	}
	if err != nil {
		return "", cfg.Problem("fleet.name", -1, "the host's name will not do: "+err.Error(), `write name = "gateway-1"`)
	}
	return name, nil
}

func keptOf(cfg *config.Config, name string) kept {
	return kept{filepath.Join(cfg.StateDirectory(), "fleet."+name+".toml"), cfg.Fleet.Prefix}
}

// metrics registers what is measured of m.
func (m *member) metrics() {
	gauge := func(name, help string, value func() float64) {
		m.p.gate.Registry().MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "corsgate_fleet_" + name, Help: help}, value))
	}
	gauge("revision", "Number of the fleet's revision that is in force here, or 0.", func() float64 { return float64(m.inForce.Load()) })
	gauge("wanted_revision", "Number of the fleet's revision that is to be in force here.", func() float64 { return float64(m.wanted.Load()) })
	gauge("kept_revision", "Number of the fleet's revision that is kept on disk, or 0.", func() float64 { return float64(m.onDisk.Load()) })
	gauge("connected", "1 if etcd answered when it was asked last; it is asked once a minute.", func() float64 {
		if m.heard.Load() {
			return 1
		}
		return 0
	})
}

// source returns a revision's text.
func source(number int64, text string) *config.Source {
	return &config.Source{Name: fmt.Sprintf("revision %d", number), Text: []byte(text)}
}

// apply makes r what is in force, or returns why not.
func (m *member) apply(r fleet.Revision) error {
	defer m.beginning.Do(func() { close(m.begun) })
	m.p.mu.Lock()
	defer m.p.mu.Unlock()
	m.wanted.Store(r.Number)
	if r.Number == m.fatal.Number && r.Sum == m.fatal.Sum {
		return m.refuse(r, errFatal)
	}
	if err := m.kept.mark(r.Number, r.Sum); err != nil {
		m.p.log.Warn("should this revision end the process, the next one would not know", "revision", r.Number, "error", err.Error())
	}
	err := m.take(r)
	m.kept.unmark()
	if err != nil {
		return err
	}
	if !r.Trial {
		m.keep(r)
	}
	return nil
}

// errFatal says why a revision is not tried.
var errFatal = errors.New("this gateway ended while it tried this revision: it is not tried again, and a newer one is waited for (push one, or remove the file that ends in .trying beside what is kept, and restart)")

// refuse notes why r is not in force. Precondition: p.mu is held.
func (m *member) refuse(r fleet.Revision, err error) error {
	m.p.gate.ReloadFailed(err)
	if m.failure == nil || m.failure.Error() != err.Error() { // it is tried again, and again
		m.p.complain(fmt.Sprintf("revision %d not taken over", r.Number), err)
	}
	m.failure = err
	return err
}

// take makes r what is in force. Precondition: p.mu is held.
func (m *member) take(r fleet.Revision) error {
	p := m.p
	if p.stopping {
		return errors.New("this gateway is about to stop")
	}
	if m.revision.Number == r.Number && m.revision.Sum == r.Sum && m.failure == nil {
		m.revision = r
		return nil
	}
	shared := source(r.Number, r.Text)
	cfg, err := compose(p.own, shared)
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
func (m *member) keep(r fleet.Revision) {
	if m.onDisk.Load() == r.Number {
		return
	}
	if err := m.kept.write(r.Number, []byte(r.Text)); err != nil {
		m.p.log.Error("the revision is not kept on disk: without etcd this gateway would not start with it", "revision", r.Number, "error", err.Error())
		return
	}
	m.onDisk.Store(r.Number)
}

// fallBack takes what is on disk, if nothing else is in force.
func (m *member) fallBack() {
	p := m.p
	p.mu.Lock()
	defer p.mu.Unlock()
	number, text, err := m.kept.read()
	if err == nil {
		m.onDisk.Store(number)
	}
	switch {
	case m.revision.Number != 0:
		return
	case errors.Is(err, fs.ErrNotExist):
		p.log.Warn("no revision is kept on disk", "file", m.kept.path)
	case err != nil:
		p.log.Error("what is kept on disk is not used", "error", err.Error())
	default:
		r := fleet.Revision{Number: number, Text: string(text), Sum: fmt.Sprintf("%x", sha256.Sum256(text))}
		m.wanted.CompareAndSwap(0, number)
		refused := m.failure
		if m.take(r) == nil {
			if errors.Is(refused, errFatal) { // what is wanted is not in force still
				m.failure = refused
				p.gate.ReloadFailed(refused)
			}
			p.log.Warn("going on with the revision that is kept on disk", "revision", number, "file", m.kept.path)
		}
	}
}

// report is what the fleet is told of this gateway.
func (m *member) report() fleet.Node {
	p := m.p
	t := p.gate.Totals()
	n := fleet.Node{Version: version(), Ready: p.ready(), Started: p.started, Requests: t.Requests, Refused: t.Refused, Failed: t.Failed}
	if cfg, _ := p.gate.Config(); len(cfg.Listeners) > 0 {
		if n.Address = p.gate.Addr(cfg.Listeners[0].Name); n.Address == "" {
			n.Address = string(cfg.Listeners[0].Address)
		}
	}
	if _, err := p.gate.LastReload(); err != nil {
		n.Error = err.Error()
	}
	return n
}

// tell tells the fleet what pages have asked here, now and then, until ctx is done. That this fails is how the gateway
// learns that etcd cannot be reached.
func (m *member) tell(ctx context.Context) {
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	for {
		text, err := json.Marshal(m.p.gate.Seen(maxSeen))
		if err != nil {
			panic("BUG: " + err.Error())
		}
		err = m.store.See(ctx, m.name, string(text))
		if ctx.Err() == nil {
			m.heard.Store(err == nil)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// seenBy returns what pages have asked of the gateways of a fleet.
func seenBy(ctx context.Context, store *fleet.Store) (list []fetch.Question, err error) {
	texts, err := store.Seen(ctx)
	for _, text := range texts {
		var some []fetch.Question
		if json.Unmarshal([]byte(text), &some) == nil { // else it is of another version
			list = append(list, some...)
		}
	}
	return list, err
}
