package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

// fleetOf returns the configuration of a gateway whose files are below dir/shared, with a revision that says no more than it must.
func fleetOf(t *testing.T, dir, fleet string) *config.Config {
	t.Helper()
	cfg, err := config.ParseFleet(config.Source{Name: filepath.Join(dir, "own.toml"), Text: []byte("[fleet]\n" + fleet)},
		config.Source{Name: "revision 1", Text: []byte("[route.a]\nrespond = {}\n")})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// What a fleet shares names files below fleet.files, and reads nothing else by any way.
func TestFilesOfAFleet(t *testing.T) {
	dir := t.TempDir()
	shared := filepath.Join(dir, "shared")
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(target, path string) {
		t.Helper()
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "secret"), "s3cr3t")
	write(filepath.Join(shared, "a.txt"), "ok")
	write(filepath.Join(shared, "deep", "b.txt"), "ok")
	write(filepath.Join(shared, "..2026", "c.txt"), "ok")
	link("..2026", filepath.Join(shared, "..data")) // as Kubernetes does
	link("..data/c.txt", filepath.Join(shared, "c.txt"))
	link("../secret", filepath.Join(shared, "out"))
	link(filepath.Join(dir, "secret"), filepath.Join(shared, "absolute"))
	link("..", filepath.Join(shared, "up"))
	link("/", filepath.Join(shared, "root"))
	link("a.txt", filepath.Join(shared, "again"))
	link("loop", filepath.Join(shared, "loop"))
	if err := syscall.Mkfifo(filepath.Join(shared, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := fleetOf(t, dir, "files = \"shared\"\n")
	f := func(name, want string) {
		t.Helper()
		file, err := cfg.Named("cors.app.origins_file", name)
		var text []byte
		if err == nil {
			text, err = file.Read(100)
		}
		if want == "" && (err != nil || string(text) != "ok") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %q, %v, want %q", name, text, err, want)
		}
	}
	for _, name := range []string{"a.txt", "./a.txt", "deep/b.txt", "deep/../a.txt", "c.txt", "..data/c.txt", "again", filepath.Join(shared, "a.txt")} {
		f(name, "")
	}
	for _, name := range []string{"../secret", "deep/../../secret", filepath.Join(dir, "secret"), "/etc/passwd", "", ".", "..", shared, shared + "/../secret", shared + "2/a", "/"} {
		f(name, " is not below "+shared)
	}
	for _, name := range []string{"out", "absolute", "up/secret", "up/shared/a.txt", "root/etc/passwd", "loop"} {
		f(name, "cannot read "+filepath.Join(shared, name)+": ")
	}
	f("none", "no such file")
	f("deep", "is a directory")
	f("pipe", "is not a regular file")
	f("a\x00b", "cannot read")
	if file, err := cfg.Named("tls.client_ca", "/etc/passwd"); err != nil || file.Path != "/etc/passwd" || file.Below != "" {
		t.Errorf("the gateway's own: %+v, %v", file, err)
	}

	_, err := fleetOf(t, dir, "").Named("upstream.api.tls_ca", "a.txt")
	if want := "which this gateway does not set"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("without fleet.files: %v, want %s", err, want)
	}
	if file, err := mustParse(t, minimal).Named("cors.app.origins_file", "/x/a.txt"); err != nil || file.Path != "/x/a.txt" {
		t.Errorf("in no fleet: %+v, %v", file, err)
	}
}

// A revision cannot turn a gateway into a door to the sockets of its machine.
func TestSocketsOfAFleet(t *testing.T) {
	f := func(fleet, socket, want string) {
		t.Helper()
		_, err := config.ParseFleet(config.Source{Name: "own.toml", Text: []byte("[fleet]\n" + fleet)},
			config.Source{Name: "revision 1", Text: []byte("[upstream.a]\nendpoints = [\"http://a\",\n\"unix:" + socket + "\"]\n[route.a]\nupstream = \"a\"\n")})
		if (want == "") != (err == nil) || err != nil && err.Error() != want {
			t.Errorf("%q %s: %v, want %q", fleet, socket, err, want)
		}
	}
	f(`files = "/run/shared"`, "/run/shared/api.sock", "")
	f(`files = "/run/shared"`, "/run/docker.sock", `revision 1:3: upstream.a.endpoints: a socket is a file: "/run/docker.sock" is not below /run/shared, this gateway's fleet.files: the shared configuration may not name other files`)
	f(`files = "/run/shared"`, "/run/shared/../docker.sock", `revision 1:3: upstream.a.endpoints: a socket is a file: "/run/shared/../docker.sock" is not below /run/shared, this gateway's fleet.files: the shared configuration may not name other files`)
	f("", "/run/docker.sock", "revision 1:3: upstream.a.endpoints: a socket is a file: the shared configuration may only name files below fleet.files, which this gateway does not set")
}
