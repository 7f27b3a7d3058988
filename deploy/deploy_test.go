// Package deploy_test checks what is deployed: files that no compiler reads.
package deploy_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/corsgate/corsgate/gateway/tooltest"
	"go.yaml.in/yaml/v3"
)

// run runs a program and returns what it says. It must exit with 0.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// asRoot is run for what only root may do: whoever is not root is it in a namespace of his own.
func asRoot(t *testing.T, name string, args ...string) string {
	t.Helper()
	if os.Getuid() == 0 {
		return run(t, name, args...)
	}
	namespace := []string{"--user", "--map-root-user", "--net"}
	unshare := tooltest.Find(t, "unshare")
	if err := exec.CommandContext(t.Context(), unshare, append(namespace, "true")...).Run(); err != nil {
		tooltest.Missing(t, "only root can do this, and users may have no namespaces here: %v", err)
	}
	return run(t, unshare, append(append(namespace, name), args...)...)
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestUnit: systemd takes the units, and finds little to complain about.
func TestUnit(t *testing.T) {
	analyze := tooltest.Find(t, "systemd-analyze")
	out := run(t, analyze, "security", "--offline=true", "--threshold=15", "systemd/corsgate.service")
	t.Log(out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:])

	// It looks for the binary, so the unit gets one that is here.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"corsgate.service", "corsgate.socket"} {
		text := strings.ReplaceAll(read(t, "systemd/"+name), "/usr/bin/corsgate", self)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"corsgate.service", "corsgate.socket"} {
		if said := run(t, analyze, "verify", "--man=no", filepath.Join(dir, name)); strings.Contains(said, name+":") {
			t.Errorf("systemd-analyze verify: %s", said)
		}
	}
}

// TestUnitRestarts: Go ends a process with status 2 after a panic, and after SIGABRT, which the watchdog sends. Such a
// process is to be started again.
func TestUnitRestarts(t *testing.T) {
	unit := read(t, "systemd/corsgate.service")
	if regexp.MustCompile(`(?m)^RestartPreventExitStatus=.*\b2\b`).MatchString(unit) {
		t.Error("the service stays down after a panic")
	}
	for _, want := range []string{"Restart=on-failure", "StartLimitBurst=10", "StartLimitIntervalSec=60"} {
		if !strings.Contains(unit, "\n"+want+"\n") {
			t.Errorf("the unit lacks %s", want)
		}
	}
}

// TestUsersAndFiles makes the user and the directories in a root of their own.
func TestUsersAndFiles(t *testing.T) {
	sysusers, tmpfiles := tooltest.Find(t, "systemd-sysusers"), tooltest.Find(t, "systemd-tmpfiles")
	root, err := filepath.Abs(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(root+"/etc", 0o755); err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs("systemd")
	if err != nil {
		t.Fatal(err)
	}
	asRoot(t, sysusers, "--root="+root, here+"/corsgate.sysusers")
	if passwd := read(t, root+"/etc/passwd"); !strings.Contains(passwd, "corsgate:") || !strings.Contains(passwd, "/usr/sbin/nologin") {
		t.Errorf("users: %s", passwd)
	}
	if os.Getuid() != 0 { // of the users of this namespace there is only root
		for _, file := range []string{"/etc/passwd", "/etc/group"} {
			text := regexp.MustCompile(`(?m)^(corsgate:[^:]*):.*$`).ReplaceAllString(read(t, root+file), "$1:0:0::/:/")
			if err := os.WriteFile(root+file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	asRoot(t, tmpfiles, "--root="+root, "--create", here+"/corsgate.tmpfiles")
	if info, err := os.Stat(root + "/etc/corsgate/tls"); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("/etc/corsgate/tls: %v, %v", info, err)
	}
	// Of the gateway alone: keys of certificates by ACME are there.
	if info, err := os.Stat(root + "/var/lib/corsgate"); err != nil || info.Mode().Perm() != 0o700 || os.Getuid() == 0 && info.Sys().(*syscall.Stat_t).Uid == 0 {
		t.Errorf("/var/lib/corsgate: %v, %v", info, err)
	}
}

// TestFirewall: nft takes the rules.
func TestFirewall(t *testing.T) {
	asRoot(t, tooltest.Find(t, "nft"), "--check", "--file", "network/nftables.conf")
}

// TestBird: bird takes the configuration.
func TestBird(t *testing.T) { run(t, tooltest.Find(t, "bird"), "-p", "-c", "network/bird.conf") }

// TestKeepalived: keepalived finds nothing wrong. Its exit status does not tell: having read a configuration without a
// fault it ends by SIGTERM where it may not look at network interfaces.
func TestKeepalived(t *testing.T) {
	keepalived := tooltest.Find(t, "keepalived")
	check := func(path string) string {
		t.Helper()
		said := filepath.Join(t.TempDir(), "said")
		c := exec.CommandContext(t.Context(), keepalived, "--config-test="+said, "--use-file", path)
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it signals its group
		c.Run()                                            // as above
		b, err := os.ReadFile(said)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(b)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.conf")
	if err := os.WriteFile(wrong, []byte("vrrp_instance x {\n\tnonsense 1\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := check(wrong); !strings.Contains(said, "nonsense") {
		t.Errorf("keepalived does not say that the wrong one is wrong: %q", said)
	}
	path, err := filepath.Abs("network/keepalived.conf")
	if err != nil {
		t.Fatal(err)
	}
	if said := check(path); strings.Contains(said, "keyword") || strings.Contains(said, "must") {
		t.Errorf("keepalived: %s", said)
	}
}

// TestSysctl: each line sets a key once, has a reason before it, and no key that this kernel does not know.
func TestSysctl(t *testing.T) {
	seen := map[string]bool{}
	commented := false
	for line := range strings.Lines(read(t, "kernel/90-corsgate.conf")) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, " = ")
		switch {
		case strings.HasPrefix(line, "#"):
			commented = true
		case line == "":
			commented = false
		case !ok || value == "" || seen[key] || !commented:
			t.Errorf("%q is no setting, or the second of its kind, or without a reason", line)
		default:
			seen[key] = true
		}
	}
	if len(seen) == 0 {
		t.Error("there are no settings")
	}
}

// TestLogrotate: logrotate understands the file. Users of this machine it cannot know, so root stands in for corsgate's.
func TestLogrotate(t *testing.T) {
	logrotate := tooltest.Find(t, "logrotate")
	check := func(text string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "corsgate")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return run(t, logrotate, "--debug", "--state", filepath.Join(t.TempDir(), "state"), path)
	}
	text := strings.Replace(read(t, "package/corsgate.logrotate"), "\tsu corsgate corsgate\n", "", 1)
	if said := check(text); strings.Contains(said, "error:") || !strings.Contains(said, "Handling 1 logs") {
		t.Errorf("logrotate: %s", said)
	}
	if said := check(strings.Replace(text, "daily", "nonsense", 1)); !strings.Contains(said, "error:") {
		t.Errorf("logrotate takes nonsense: %s", said)
	}
}

// TestScripts: the shell takes them.
func TestScripts(t *testing.T) {
	sh := tooltest.Find(t, "sh")
	for _, script := range []string{"network/corsgate-anycast", "package/preinstall", "package/postinstall", "package/preremove"} {
		run(t, sh, "-n", script)
		if info, err := os.Stat(script); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s cannot be run: %v", script, err)
		}
	}
}

// TestPackage: what the package is made of is there.
func TestPackage(t *testing.T) {
	var p struct {
		Contents []struct{ Src, Dst string }
		Scripts  map[string]string
	}
	if err := yaml.Unmarshal([]byte(read(t, "package/nfpm.yaml")), &p); err != nil {
		t.Fatal(err)
	}
	files := slices.Collect(maps.Values(p.Scripts))
	for _, c := range p.Contents {
		files = append(files, c.Src)
	}
	for _, f := range files {
		if _, err := os.Stat("../" + f); err != nil && !strings.HasPrefix(f, "bin/") {
			t.Error(err)
		}
	}
}

// TestReadme: it names every file of this directory.
func TestReadme(t *testing.T) {
	readme := read(t, "README.md")
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".go") || path == "README.md" ||
			strings.HasPrefix(path, "runbooks/") || strings.HasPrefix(path, "testdata/") || strings.HasSuffix(path, "_test.yml") {
			return err
		}
		if !strings.Contains(readme, path) && !strings.Contains(readme, filepath.Dir(path)+"/`") {
			t.Errorf("README.md does not name %s", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
