package etcdtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// variable is the environment variable that makes a test binary a member.
const variable = "CORSGATE_ETCDTEST_MEMBER"

// A member is what a child process is told.
type member struct {
	Name, Dir, Cluster string
	Client, Peer       string // URLs
	Certificate, Key   string // files of PEM; empty: no TLS for clients
	TokenTTL           uint   // 0: etcd's own default
}

// Main runs the tests m and ends the process, or is a member of etcd if this process was started to be one. A TestMain
// that wants etcd is
//
//	func TestMain(m *testing.M) { etcdtest.Main(m) }
func Main(m interface{ Run() int }) {
	Member()
	os.Exit(m.Run())
}

// Member returns at once, unless this process was started to be a member of etcd: then it is one for the rest of its
// life. It is for programs that have more to do than [Main].
func Member() {
	text := os.Getenv(variable)
	if text == "" {
		return
	}
	var m member
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, m.run())
	os.Exit(1)
}

// run is a member until the standard input ends, which it does with the process that started it.
func (m *member) run() error {
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir, cfg.InitialCluster = m.Name, filepath.Join(m.Dir, m.Name), m.Cluster
	cfg.InitialClusterToken = filepath.Base(m.Dir)
	client, err := url.Parse(m.Client)
	if err != nil {
		return err
	}
	peer, err := url.Parse(m.Peer)
	if err != nil {
		return err
	}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	cfg.ClientTLSInfo.CertFile, cfg.ClientTLSInfo.KeyFile = m.Certificate, m.Key
	if m.TokenTTL != 0 {
		cfg.AuthTokenTTL = m.TokenTTL
	}
	cfg.BcryptCost = 4                                     // a test's passwords guard nothing
	cfg.UnsafeNoFsync = os.Getenv(variable+"_FSYNC") == "" // nor does its data outlive the machine
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
		os.Exit(0) // like a crash: nobody is left to want a tidy end
	}()
	return <-e.Err()
}
