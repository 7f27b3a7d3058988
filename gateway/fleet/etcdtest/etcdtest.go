// Package etcdtest runs etcd for tests: the real server, in the client's version, as separate
// processes, so that a member can be killed and stopped. It needs only Go: the server is built
// from gateway/internal/doubles.
package etcdtest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/gateway/tooltest"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// A TB is the part of testing.TB that is needed. Programs other than tests may implement it.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	TempDir() string
	Cleanup(func())
}

// A Cluster is some members of one etcd. Its methods fail the test that started it.
type Cluster struct {
	t         TB
	options   Options
	members   []member
	processes []*process // nil: killed
}

// Options are what may differ between clusters. The zero value is plain.
type Options struct {
	Members          int    // 0 is 1
	Certificate, Key string // files of PEM for the listeners that clients use
	TokenTTL         uint   // of what etcd gives for a password, in seconds; 0: five minutes
	Dir              string // for data and logs; empty: the test's own
	Fsync            bool   // write to disk as in production, so that measurements do not flatter
}

// A member is what the program gateway/internal/doubles/etcd is told, by the same names.
type member struct {
	Name, Dir, Cluster string
	Client, Peer       string // URLs
	Certificate, Key   string // PEM files; empty: no TLS for clients
	TokenTTL           uint   // seconds; 0: etcd's default
	Fsync              bool
}

// program builds that program once.
var program = sync.OnceValues(func() (string, error) { return tooltest.Double("etcd") })

// A process is a running member.
type process struct {
	*exec.Cmd
	stdin io.Closer
}

// Start starts a cluster, which ends with the test.
func Start(t TB, o Options) *Cluster {
	t.Helper()
	o.Members = max(o.Members, 1)
	var err error
	// Another process may take a free port before the member does.
	for range 5 {
		dir := o.Dir
		if dir == "" {
			dir = t.TempDir()
		}
		c := &Cluster{t: t, options: o, processes: make([]*process, o.Members)}
		c.plan(dir)
		t.Cleanup(c.stop)
		if err = c.start(); err == nil {
			return c
		}
		c.stop()
	}
	t.Fatalf("start etcd: %v", err)
	return nil
}

// plan gives each member its place.
func (c *Cluster) plan(dir string) {
	scheme := "http"
	if c.options.Certificate != "" {
		scheme = "https"
	}
	var cluster []string
	for i := range c.options.Members {
		m := member{Name: fmt.Sprintf("etcd%d", i), Dir: dir, Client: scheme + "://" + c.free(), Peer: "http://" + c.free(),
			Certificate: c.options.Certificate, Key: c.options.Key, TokenTTL: c.options.TokenTTL,
			Fsync: c.options.Fsync}
		c.members = append(c.members, m)
		cluster = append(cluster, m.Name+"="+m.Peer)
	}
	for i := range c.members {
		c.members[i].Cluster = strings.Join(cluster, ",")
	}
}

// free returns an unused address.
func (c *Cluster) free() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatalf("%v", err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts all members at once: none is ready before most are.
func (c *Cluster) start() error {
	errs := make(chan error, len(c.members))
	for i := range c.members {
		go func() { errs <- c.run(i) }()
	}
	var first error
	for range c.members {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// run starts member i and returns when it is ready.
func (c *Cluster) run(i int) error {
	text, err := json.Marshal(c.members[i])
	if err != nil {
		return err
	}
	etcd, err := program()
	if err != nil {
		return err
	}
	p := &process{Cmd: exec.Command(etcd, string(text))}
	p.Stderr = os.Stderr
	stdin, err := p.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := p.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	p.stdin = stdin
	c.processes[i] = p
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	if line != "ready\n" {
		c.Kill(i)
		log, _ := os.ReadFile(filepath.Join(c.members[i].Dir, c.members[i].Name+".log"))
		return fmt.Errorf("%s: not ready: %q; its log:\n%s", c.members[i].Name, line, log)
	}
	return nil
}

// stop kills all members.
func (c *Cluster) stop() {
	for i := range c.members {
		c.Kill(i)
	}
}

// Endpoints returns the URLs for clients.
func (c *Cluster) Endpoints() []string {
	var all []string
	for _, m := range c.members {
		all = append(all, m.Client)
	}
	return all
}

// Kill kills member i, as by SIGKILL. What it has written is still there for [Cluster.Restart].
func (c *Cluster) Kill(i int) {
	if p := c.processes[i]; p != nil {
		_ = p.Process.Kill()
		_ = p.Wait()
		_ = p.stdin.Close()
		c.processes[i] = nil
	}
}

// Restart starts members that were killed, all at once, and waits until they are ready.
func (c *Cluster) Restart(members ...int) {
	c.t.Helper()
	errs := make(chan error, len(members))
	for _, i := range members {
		go func() { errs <- c.run(i) }()
	}
	for range members {
		if err := <-errs; err != nil {
			c.t.Fatalf("%v", err)
		}
	}
}

// Pause stops member i as SIGSTOP does: its connections stay, and nothing answers.
func (c *Cluster) Pause(i int) { c.signal(i, syscall.SIGSTOP) }

// Resume lets member i continue.
func (c *Cluster) Resume(i int) { c.signal(i, syscall.SIGCONT) }

func (c *Cluster) signal(i int, s syscall.Signal) {
	c.t.Helper()
	if err := c.processes[i].Process.Signal(s); err != nil {
		c.t.Fatalf("%v", err)
	}
}

// Process returns the id of member i's process.
func (c *Cluster) Process(i int) int { return c.processes[i].Process.Pid }

// Leader returns which member leads. It waits for one.
func (c *Cluster) Leader() int {
	c.t.Helper()
	for range 100 {
		for i, m := range c.members {
			if c.processes[i] != nil && leads(m.Client) {
				return i
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.t.Fatalf("no member leads")
	return -1
}

// leads reports whether the member at an endpoint without TLS says that it leads.
func leads(endpoint string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop(), Context: ctx})
	if err != nil {
		return false
	}
	defer client.Close()
	status, err := client.Status(ctx, endpoint)
	return err == nil && status.Leader == status.Header.MemberId
}
