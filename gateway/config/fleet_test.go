package config_test

import (
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const ownText = `[listener.http]
address = "127.0.0.1:8081"
[fleet]
prefix = "/corsgate/test/"
`

func parseFleet(own, shared string) (*config.Config, error) {
	return config.ParseFleet(config.Source{Name: "own.toml", Text: []byte(own)}, config.Source{Name: "revision 12", Text: []byte(shared)})
}

// What two texts say together is what one text would say.
func TestFleetIsOneConfiguration(t *testing.T) {
	got, err := parseFleet(ownText, "# first line\n\n"+minimal)
	if err != nil {
		t.Fatal(err)
	}
	want := mustParse(t, "[listener.http]\naddress = \"127.0.0.1:8081\"\n"+minimal)
	ignore := cmpopts.IgnoreFields(config.Config{}, "File", "Revision", "Fleet")
	if d := cmp.Diff(want, got, ignorePlaces, ignore); d != "" {
		t.Errorf("-one text +two:\n%s", d)
	}
	f := func(key, want string) {
		t.Helper()
		if got := got.Problem(key, -1, "", "").Place(); got != want {
			t.Errorf("%s is at %s, want %s", key, got, want)
		}
	}
	f("listener.http.address", "own.toml:2")
	f("fleet.prefix", "own.toml:4")
	f("limits.connections", "own.toml:1")
	f("cors.app.origins", "revision 12:4")
	f("cors.app.methods", "revision 12:3")
	f("limit.none", "revision 12:1")
	if got := got.Path("origins.txt"); got != "origins.txt" {
		t.Errorf("the file of a revision is at %s", got)
	}
}

// The own file alone is half of a configuration, and says so only to who asks.
func TestFleetAlone(t *testing.T) {
	cfg := mustParse(t, ownText)
	want := &config.Fleet{Etcd: []string{"https://127.0.0.1:2379"}, Prefix: "/corsgate/test/", StartTimeout: 5e9}
	if d := cmp.Diff(want, cfg.Fleet); d != "" {
		t.Errorf("defaults (-want +got):\n%s", d)
	}
	if len(cfg.Routes) != 0 || cfg.Revision != "" {
		t.Errorf("routes %v of %q", cfg.Routes, cfg.Revision)
	}
}

// Each problem is located in its own text, and all are reported.
func TestFleetProblems(t *testing.T) {
	f := func(what, own, shared string, want ...string) {
		t.Helper()
		_, err := parseFleet(own, shared)
		if err == nil {
			t.Errorf("%s: accepted", what)
			return
		}
		if d := cmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	f("both wrong", "[limits]\nconnections = -1\n"+ownText, strings.Replace(minimal, "upstream = \"api\"", "upstream = \"apj\"", 1),
		"own.toml:2: limits.connections: -1 is out of range: 0 to 10000000",
		"revision 12:7: route.api.upstream: there is no upstream \"apj\": the only one is \"api\"")
	f("in the wrong text", ownText+minimal, "[listener.b]\n[log]\n[rout.a]\n"+minimal,
		"own.toml:5: cors: with [fleet] this belongs in the shared configuration, not in the file of a gateway (move it there: corsgate fleet edit)",
		"own.toml:7: upstream: with [fleet] this belongs in the shared configuration, not in the file of a gateway (move it there: corsgate fleet edit)",
		"own.toml:9: route: with [fleet] this belongs in the shared configuration, not in the file of a gateway (move it there: corsgate fleet edit)",
		"revision 12:1: listener: this belongs in each gateway's own file: the shared configuration has only default_cors, [cors.NAME], [upstream.NAME], [auth.NAME], [limit.NAME], [route.NAME] (move it there)",
		"revision 12:2: log: this belongs in each gateway's own file: the shared configuration has only default_cors, [cors.NAME], [upstream.NAME], [auth.NAME], [limit.NAME], [route.NAME] (move it there)",
		"revision 12:3: rout: unknown key (did you mean route?)")
	f("no route", ownText, "", "revision 12:1: route: there is no route, so every request would be answered 404 (add [route.api] with upstream = \"api\", and [upstream.api] with endpoints = [\"http://127.0.0.1:9001\"])")
	f("neither is TOML", ownText+"[", minimal+"\xff",
		"own.toml:5: column 2: a name of a table, or a part of it, is empty",
		"revision 12:8: the text is not UTF-8 (save the file as UTF-8)")
	f("the own one is not", "]", minimal+"x = 1", `own.toml:1: column 1: the name of a key is followed by "=" (write key = "value")`)
	f("twice, and unlike", ownText, minimal+"[route.b]\nupstream = \"api\"\ncors = \"ap\"\n",
		"revision 12:10: route.b.cors: there is no policy \"ap\": the only one is \"app\"")
}

// What any two texts say is what their sections say in one text, and no problem is lost between them.
func FuzzFleet(f *testing.F) {
	f.Add(ownText, minimal)
	f.Add("", minimal)
	f.Add(minimal, ownText)
	f.Add("fleet = 7\n[cors]", "route.api.respond = {}\n'' = 1")
	f.Fuzz(func(t *testing.T, own, shared string) {
		cfg, err := parseFleet(own, shared)
		if err == nil && cfg == nil {
			t.Fatal("neither a configuration nor a problem")
		}
		if _, alone := config.Parse("revision 12", []byte(shared)); err == nil && alone != nil {
			t.Errorf("in a fleet there is nothing wrong, and alone there is: %v", alone)
		}
	})
}

func TestFleetName(t *testing.T) {
	for name, ok := range map[string]bool{"gate-1.fra": true, "": false, "a/b": false, "ä": false, ".hidden": false,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false} {
		if got := config.FleetName(name); (got == "") != ok {
			t.Errorf("FleetName(%q) = %q", name, got)
		}
	}
}

func TestStateDirectory(t *testing.T) {
	f := func(state, systemd, want string) {
		t.Helper()
		t.Setenv("STATE_DIRECTORY", systemd)
		cfg, err := config.Parse("/etc/corsgate/own.toml", []byte("[fleet]\nstate = \""+state+"\"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.StateDirectory(); got != want {
			t.Errorf("state = %q, $STATE_DIRECTORY %q: %s, want %s", state, systemd, got, want)
		}
	}
	f("", "", "/var/lib/corsgate")
	f("", "/var/lib/a:/var/lib/b", "/var/lib/a")
	f("here", "/var/lib/a", "/etc/corsgate/here")
	f("/there", "", "/there")
}
