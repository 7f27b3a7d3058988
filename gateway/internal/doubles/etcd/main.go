// Command etcd is one member of an etcd for tests, of the version that corsgate's client has. Its only argument is a
// [Member] as JSON. It prints "ready" when it is, and exits when its standard input ends, which it does with the process
// that started it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// A Member is what etcdtest writes: see its type of the same name.
type Member struct {
	Name, Dir, Cluster string
	Client, Peer       string // URLs
	Certificate, Key   string // PEM files; empty: no TLS for clients
	TokenTTL           uint   // seconds; 0: etcd's default
	Fsync              bool
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: etcd MEMBER")
		os.Exit(2)
	}
	var m Member
	if err := json.Unmarshal([]byte(os.Args[1]), &m); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, m.run())
	os.Exit(1)
}

// run returns why the member has ended.
func (m *Member) run() error {
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir, cfg.InitialCluster = m.Name, filepath.Join(m.Dir, m.Name), m.Cluster
	cfg.InitialClusterToken = filepath.Base(m.Dir)
	client, clientErr := url.Parse(m.Client)
	peer, peerErr := url.Parse(m.Peer)
	if err := errors.Join(clientErr, peerErr); err != nil {
		return err
	}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	cfg.ClientTLSInfo.CertFile, cfg.ClientTLSInfo.KeyFile = m.Certificate, m.Key
	if m.TokenTTL != 0 {
		cfg.AuthTokenTTL = m.TokenTTL
	}
	cfg.BcryptCost = 4           // the passwords of tests guard nothing
	cfg.UnsafeNoFsync = !m.Fsync // nor does their data outlive the machine
	cfg.LogOutputs, cfg.LogLevel = []string{filepath.Join(m.Dir, m.Name+".log")}, "warn"
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	defer e.Close()
	select {
	case <-e.Server.ReadyNotify():
	case err := <-e.Err():
		return err
	case <-time.After(time.Minute):
		return fmt.Errorf("%s is not ready after a minute", m.Name)
	}
	fmt.Println("ready")
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0) // as a crash would: the data is not needed any more
	}()
	return <-e.Err()
}
