// Package node is the part of a serving process that belongs to its fleet. The rules are:
//
//   - the configuration is the text of the gateway's own file together with that of a revision. SIGHUP brings a new file,
//     etcd a new revision; each is combined with the other as it is in force. What is not valid changes nothing;
//   - a live revision in force is kept on disk. A start that does not hear from etcd in time uses that copy;
//   - while a revision is tried there is a mark of it on disk. A start that finds the mark of a process that has ended does
//     not try that revision again: it uses the copy, and waits for a newer revision. Otherwise a revision that ends the
//     process would end every process after it;
//   - with neither, the process waits: it listens only on its admin address, alive and not ready, so that load balancers
//     pass it over, and begins to serve when the first revision comes.
package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/lastgood"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/admin"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fleet"
)

// A Process is the process that a node is part of. Its methods are safe for concurrent use, and do not call the node.
type Process interface {
	// Take puts r in force, together with the gateway's own file. An error other than [Ending] says why r is refused; then
	// nothing has changed.
	Take(r fleet.Revision) error
	// Ending returns an [Ending] if the process puts no revision in force any more, and else nil.
	Ending() error
	// Ready reports whether clients are served.
	Ready() bool
	Status() admin.Status
}

// Ending is the error of a process that ends, which is not the revision's fault.
type Ending struct{ Err error }

func (e Ending) Error() string { return e.Err.Error() }

func (e Ending) Unwrap() error { return e.Err }

// A Node is a gateway as a member of its fleet.
type Node struct {
	process Process
	gate    *gateway.Gateway
	log     *slog.Logger
	store   *fleet.Store
	name    string
	kept    lastgood.File
	leave   func()

	fatal fleet.Revision // number and sum of the revision that ended an earlier process; the number is 0 if there is none

	mu       sync.Mutex     // held while a revision is put in force, and guards:
	revision fleet.Revision // in force; its number is 0 before the first one
	failure  error          // why the wanted revision is not in force

	begun     chan struct{} // closed when a first revision has come, in force or refused
	beginning sync.Once

	wanted, inForce, onDisk atomic.Int64 // numbers of revisions, for metrics
	heard                   atomic.Bool  // etcd answered the last question
}

// Join makes a process, whose configuration is cfg, a member of its fleet until Leave is called. It returns when there is a
// first configuration, or when fleet.start_timeout has passed.
func Join(cfg *config.Config, gate *gateway.Gateway, log *slog.Logger, p Process) (*Node, error) {
	options, problems := source.FleetOptions(cfg)
	if len(problems) > 0 {
		return nil, problems
	}
	options.Log = log
	name, err := source.MemberName(cfg)
	if err != nil {
		return nil, err
	}
	store, err := fleet.Open(options)
	if err != nil {
		return nil, cfg.Problem("fleet", -1, err.Error(), "")
	}
	n := &Node{process: p, gate: gate, log: log, store: store, name: name, kept: source.LastGood(cfg, name), begun: make(chan struct{})}
	n.fatal = n.kept.Ended()
	n.metrics()
	ctx, cancel := context.WithCancel(context.Background())
	var both sync.WaitGroup
	both.Go(func() { store.Join(ctx, name, n.report, n.apply) })
	both.Go(func() { n.tell(ctx) })
	n.leave = sync.OnceFunc(func() {
		cancel()
		both.Wait()
		store.Close() // nothing is written any more
	})
	log.Info("in a fleet", "name", name, "prefix", cfg.Fleet.Prefix, "etcd", strings.Join(cfg.Fleet.Etcd, " "))
	late := time.NewTimer(cfg.Fleet.StartTimeout)
	defer late.Stop()
	select {
	case <-n.begun:
	case <-late.C:
		log.Warn("etcd did not send the shared configuration in time", "waited", cfg.Fleet.StartTimeout.String())
	}
	n.fallBack()
	return n, nil
}

// Leave ends the membership and waits until it has ended. It may be called more than once.
func (n *Node) Leave() { n.leave() }

// apply puts r in force, or returns why not.
func (n *Node) apply(r fleet.Revision) error {
	defer n.beginning.Do(func() { close(n.begun) })
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wanted.Store(r.Number)
	if r.Number == n.fatal.Number && r.Sum == n.fatal.Sum {
		return n.refuse(r, errFatal)
	}
	if err := n.kept.Mark(r.Number, r.Sum); err != nil {
		n.log.Warn("if this revision ends the process, the next process will try it again", "revision", r.Number, "error", err.Error())
	}
	err := n.take(r)
	n.kept.Unmark()
	if err != nil {
		return err
	}
	if !r.Trial {
		n.keep(r)
	}
	return nil
}

// errFatal says why a revision is not tried.
var errFatal = errors.New("this gateway stopped while it tried this revision, and will not try it again: push a newer revision, or remove the file that ends in .trying beside the copy on disk, and restart")

// refuse notes why r is not in force. Precondition: n.mu is held.
func (n *Node) refuse(r fleet.Revision, err error) error {
	n.gate.ReloadFailed(err)
	if n.failure == nil || n.failure.Error() != err.Error() { // it is tried again and again
		source.LogProblems(n.log, fmt.Sprintf("revision %d not taken over", r.Number), err)
	}
	n.failure = err
	return err
}

// take puts r in force. Precondition: n.mu is held.
func (n *Node) take(r fleet.Revision) error {
	if n.revision.Number == r.Number && n.revision.Sum == r.Sum && n.failure == nil {
		if err := n.process.Ending(); err != nil {
			return err // it would count as a gateway on which the revision has proved itself
		}
		n.revision = r
		return nil
	}
	if err := n.process.Take(r); errors.As(err, new(Ending)) {
		return err
	} else if err != nil {
		return n.refuse(r, err)
	}
	n.revision, n.failure = r, nil
	n.inForce.Store(r.Number)
	return nil
}

// keep writes r to disk.
func (n *Node) keep(r fleet.Revision) {
	if n.onDisk.Load() == r.Number {
		return
	}
	if err := n.kept.Write(r.Number, []byte(r.Text)); err != nil {
		n.log.Error("the revision was not written to disk: without etcd this gateway cannot start with it", "revision", r.Number, "error", err.Error())
		return
	}
	n.onDisk.Store(r.Number)
}

// fallBack puts the copy on disk in force, unless a revision is.
func (n *Node) fallBack() {
	n.mu.Lock()
	defer n.mu.Unlock()
	number, text, err := n.kept.Read()
	if err == nil {
		n.onDisk.Store(number)
	}
	switch {
	case n.revision.Number != 0:
		return
	case errors.Is(err, fs.ErrNotExist):
		n.log.Warn("no revision is kept on disk", "file", n.kept.Path)
	case err != nil:
		n.log.Error("the copy on disk is not used", "error", err.Error())
	default:
		r := fleet.Revision{Number: number, Text: string(text), Sum: fmt.Sprintf("%x", sha256.Sum256(text))}
		n.wanted.CompareAndSwap(0, number)
		refused := n.failure
		if n.take(r) == nil {
			if errors.Is(refused, errFatal) { // the wanted revision is still not in force
				n.failure = refused
				n.gate.ReloadFailed(refused)
			}
			n.log.Warn("using the revision that is kept on disk", "revision", number, "file", n.kept.Path)
		}
	}
}
