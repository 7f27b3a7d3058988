package node

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/lastgood"
	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/admin"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fleet"
)

// A process takes revisions, refuses them with err, or is stopping.
type process struct {
	err    error
	ending error
	taken  []int64
	taking func() // called while it takes one
}

func (p *process) Take(r fleet.Revision) error {
	if p.ending != nil {
		return p.ending
	}
	p.taken = append(p.taken, r.Number)
	if p.taking != nil {
		p.taking()
	}
	return p.err
}

func (p *process) Ending() error { return p.ending }

func (p *process) Ready() bool { return p.err == nil }

func (p *process) Status() admin.Status {
	status := admin.Status{Version: "v9", Started: time.Unix(9, 0)}
	if p.err != nil {
		status.ReloadError = p.err.Error()
	}
	return status
}

// newNode returns a node that has no etcd: tests call what the fleet would call. Its log goes to the buffer.
func newNode(t *testing.T) (*Node, *process, *bytes.Buffer) {
	t.Helper()
	cfg, err := config.Parse("f.toml", []byte("[listener.public]\naddress = \"127.0.0.1:8080\"\n[route.r]\nrespond = { status = 204 }\n"))
	if err != nil {
		t.Fatal(err)
	}
	gate, err := gateway.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	log, p := new(bytes.Buffer), new(process)
	return &Node{process: p, gate: gate, log: slog.New(slog.NewTextHandler(log, nil)), begun: make(chan struct{}),
		kept: lastgood.File{Path: filepath.Join(t.TempDir(), "fleet.toml"), Prefix: "/edge/"}}, p, log
}

func revision(number int64) fleet.Revision {
	text := fmt.Sprintf("# %d\n", number)
	return fleet.Revision{Number: number, Text: text, Sum: fmt.Sprintf("%x", sha256.Sum256([]byte(text)))}
}

// state describes what is wanted, in force, and on disk.
func (n *Node) state() string {
	kept, _, err := n.kept.Read()
	if err != nil {
		kept = 0
	}
	text := fmt.Sprintf("wanted %d, in force %d, on disk %d (%d)", n.wanted.Load(), n.inForce.Load(), kept, n.onDisk.Load())
	if n.failure != nil {
		text += ", failed: " + n.failure.Error()
	}
	return text
}

var errStop = errors.New("the process ends")

// TestApply plays revisions that etcd sends, one after the other, each with what the process says to it.
func TestApply(t *testing.T) {
	n, p, log := newNode(t)
	bad := errors.New("no such certificate")
	trial := func(number int64) fleet.Revision {
		r := revision(number)
		r.Trial = true
		return r
	}
	f := func(r fleet.Revision, answer error, want string, taken ...int64) {
		t.Helper()
		p.err, p.taken = answer, nil
		if err := n.apply(r); !errors.Is(err, answer) {
			t.Errorf("revision %d: got the error %v, want %v", r.Number, err, answer)
		}
		if got := n.state(); got != want {
			t.Errorf("after revision %d: %s, want %s", r.Number, got, want)
		}
		if fmt.Sprint(p.taken) != fmt.Sprint(taken) {
			t.Errorf("revision %d: the process was asked to take %v, want %v", r.Number, p.taken, taken)
		}
	}
	f(revision(1), nil, "wanted 1, in force 1, on disk 1 (1)", 1)
	f(revision(1), nil, "wanted 1, in force 1, on disk 1 (1)") // it has it
	// A candidate is not kept until it is live.
	f(trial(2), nil, "wanted 2, in force 2, on disk 1 (1)", 2)
	f(revision(2), nil, "wanted 2, in force 2, on disk 2 (2)")
	// One that is refused changes nothing, and is tried again. What is in force is then applied once more.
	f(revision(3), bad, "wanted 3, in force 2, on disk 2 (2), failed: no such certificate", 3)
	f(revision(3), bad, "wanted 3, in force 2, on disk 2 (2), failed: no such certificate", 3)
	f(revision(2), nil, "wanted 2, in force 2, on disk 2 (2)", 2)
	// The end of the process is not the fault of the revision.
	f(revision(4), Ending{errStop}, "wanted 4, in force 2, on disk 2 (2)", 4)
	if got := strings.Count(log.String(), "revision 3 not taken over"); got != 1 {
		t.Errorf("the refusal was logged %d times, want once:\n%s", got, log)
	}
	if strings.Contains(log.String(), "revision 4") {
		t.Errorf("the end of the process was logged as a refusal:\n%s", log)
	}
	select {
	case <-n.begun:
	default:
		t.Error("the node still waits for its first revision")
	}
}

// TestTakeWhileStopping: a process that is stopping takes over no revision, not even the one that is in force there already: after
// a trial the fleet asks each gateway for the same revision again, as a live one.
func TestTakeWhileStopping(t *testing.T) {
	process := &process{}
	n := &Node{process: process}
	take := func(number int64, trial bool, want error) {
		t.Helper()
		if err := n.take(fleet.Revision{Number: number, Sum: "sum", Trial: trial}); !errors.Is(err, want) {
			t.Errorf("revision %d, trial %t: %v, want %v", number, trial, err, want)
		}
	}
	take(3, true, nil)
	take(3, false, nil)
	if n.revision.Trial || len(process.taken) != 1 {
		t.Errorf("in force: %+v, put in force: %v; want a live revision, put in force once", n.revision, process.taken)
	}
	process.ending = Ending{errors.New("stopping")}
	take(3, false, process.ending)
	take(3, true, process.ending)
	take(4, false, process.ending)
	if n.revision.Number != 3 || n.revision.Trial || n.failure != nil || len(process.taken) != 1 {
		t.Errorf("in force: %+v, put in force: %v, failure: %v; want that nothing has changed", n.revision, process.taken, n.failure)
	}
}

// TestMark: while a revision is tried there is a mark of it on disk, and afterwards there is none, in force or refused.
func TestMark(t *testing.T) {
	n, p, _ := newNode(t)
	mark := n.kept.Path + ".trying"
	for _, answer := range []error{nil, errors.New("no")} {
		number := int64(1)
		p.err = answer
		p.taking = func() {
			if text, err := os.ReadFile(mark); err != nil || !strings.HasPrefix(string(text), fmt.Sprintf("%d ", number)) {
				t.Errorf("while revision %d is tried, the mark is %q, %v", number, text, err)
			}
		}
		n.apply(revision(number)) // its error is TestApply's matter
		if _, err := os.Stat(mark); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after it was tried (%v): the mark is still there, %v", answer, err)
		}
	}
}

// TestFatal: the revision that ended an earlier process is refused without being tried. Another of that number, and any
// later one, is tried.
func TestFatal(t *testing.T) {
	n, p, _ := newNode(t)
	n.fatal = revision(3)
	other := revision(3)
	other.Sum = "0"
	for _, c := range []struct {
		r     fleet.Revision
		taken int
		want  error
	}{{revision(3), 0, errFatal}, {other, 1, nil}, {revision(4), 1, nil}} {
		p.taken = nil
		if err := n.apply(c.r); !errors.Is(err, c.want) || len(p.taken) != c.taken {
			t.Errorf("revision %d with the sum %.6s: got %v after %d tries, want %v after %d", c.r.Number, c.r.Sum, err, len(p.taken), c.want, c.taken)
		}
	}
}

// TestFallBack: without etcd the copy on disk is used, unless a revision is in force already. What cannot be used is said.
func TestFallBack(t *testing.T) {
	f := func(name string, prepare func(n *Node, p *process), want, logged string) {
		t.Helper()
		n, p, log := newNode(t)
		prepare(n, p)
		log.Reset()
		n.fallBack()
		if got := n.state(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if (logged == "") != (log.Len() == 0) || !strings.Contains(log.String(), logged) {
			t.Errorf("%s: logged %q, want %q", name, log, logged)
		}
	}
	keep := func(n *Node, number int64) {
		t.Helper()
		if err := n.kept.Write(number, []byte(revision(number).Text)); err != nil {
			t.Fatal(err)
		}
	}
	f("no copy", func(*Node, *process) {}, "wanted 0, in force 0, on disk 0 (0)", "no revision is kept on disk")
	f("a copy", func(n *Node, _ *process) { keep(n, 5) }, "wanted 5, in force 5, on disk 5 (5)", "using the revision that is kept on disk")
	f("a copy that is refused", func(n *Node, p *process) { keep(n, 5); p.err = errors.New("no") },
		"wanted 5, in force 0, on disk 5 (5), failed: no", "revision 5 not taken over")
	f("a revision in force", func(n *Node, _ *process) { keep(n, 5); n.apply(revision(6)) }, "wanted 6, in force 6, on disk 6 (6)", "")
	f("a damaged copy", func(n *Node, _ *process) {
		if err := os.WriteFile(n.kept.Path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}, "wanted 0, in force 0, on disk 0 (0)", "the copy on disk is not used")
	// The wanted revision ended an earlier process: the copy is used, and that the wanted one is not in force stays known.
	f("a copy in place of a fatal revision", func(n *Node, _ *process) { keep(n, 5); n.fatal = revision(6); n.apply(revision(6)) },
		"wanted 6, in force 5, on disk 5 (5), failed: "+errFatal.Error(), "using the revision that is kept on disk")
}

// TestUnwritable: a revision that cannot be written to disk is in force all the same.
func TestUnwritable(t *testing.T) {
	n, _, log := newNode(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n.kept.Path = filepath.Join(file, "fleet.toml")
	if err := n.apply(revision(1)); err != nil {
		t.Errorf("apply: %v", err)
	}
	if got, want := n.state(), "wanted 1, in force 1, on disk 0 (0)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, want := range []string{"the next process will try it again", "was not written to disk"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}

// TestReport holds a gateway's entry in its fleet.
func TestReport(t *testing.T) {
	n, p, _ := newNode(t)
	p.err = errors.New("no")
	got := n.report()
	want := fleet.Node{Version: "v9", Started: time.Unix(9, 0), Error: "no", Address: "127.0.0.1:8080"}
	if got.Version != want.Version || !got.Started.Equal(want.Started) || got.Ready || got.Error != want.Error || got.Address != want.Address {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestMetrics holds that the gauges follow the node's state.
func TestMetrics(t *testing.T) {
	n, _, _ := newNode(t)
	n.metrics()
	if err := n.apply(revision(3)); err != nil {
		t.Fatal(err)
	}
	families, err := n.gate.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		if name, ours := strings.CutPrefix(f.GetName(), "corsgate_fleet_"); ours {
			got[name] = f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{"revision": 3, "wanted_revision": 3, "kept_revision": 3, "connected": 0} {
		if v, found := got[name]; !found || v != want {
			t.Errorf("corsgate_fleet_%s is %v (found: %v), want %v", name, v, found, want)
		}
	}
}
