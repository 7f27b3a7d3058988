package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

const (
	valid = `[cors.app]
origins = ["https://a.example"]
[upstream.api]
endpoints = ["http://127.0.0.1:9"]
[route.api]
cors = "app"
upstream = "api"
`
	// One problem for the parser in line 2, one for the policy in line 4.
	invalid = `[timeouts]
header = 5
[cors.app]
origins = ["https://A.example"]
[route.api]
cors = "app"
respond = { status = 200 }
`
	// A warning in line 2.
	warned = `[cors.app]
origins = ["https://a.example", "https://a.example"]
[route.api]
cors = "app"
respond = { status = 200 }
`
	member = `[listener.public]
address = "127.0.0.1:0"
[fleet]
etcd = ["http://127.0.0.1:9"]
prefix = "/edge/"
name = "one"
`
)

// TestInspect holds what is counted, in which order problems and warnings are listed, and whether strictness matters.
func TestInspect(t *testing.T) {
	f := func(own, shared string, want string, ok, strict bool) {
		t.Helper()
		var revision *config.Source
		if shared != "" {
			revision = &config.Source{Name: "revision 7", Text: []byte(shared)}
		}
		_, r := InspectTexts(config.Source{Name: "f.toml", Text: []byte(own)}, revision)
		got := fmt.Sprintf("%d routes, %d policies, %d upstreams", r.Routes, r.Policies, r.Upstreams)
		if r.Fleet != "" {
			got += " fleet " + r.Fleet
		}
		for _, p := range r.Problems {
			got += fmt.Sprintf("; %s:%d %s", p.File, p.Line, p.Key)
		}
		for _, w := range r.Warnings {
			got += fmt.Sprintf("; warning %s:%d %s", w.File, w.Line, w.Key)
		}
		if got != want {
			t.Errorf("InspectTexts reports %q, want %q", got, want)
		}
		if r.Judge(false) != ok || r.Valid != ok {
			t.Errorf("Judge(false) sets Valid to %v, want %v", r.Valid, ok)
		}
		if r.Judge(true) != strict || r.Valid != strict {
			t.Errorf("Judge(true) sets Valid to %v, want %v", r.Valid, strict)
		}
	}
	f(valid, "", "1 routes, 1 policies, 1 upstreams", true, true)
	f(invalid, "", "1 routes, 1 policies, 0 upstreams; f.toml:2 timeouts.header; f.toml:4 cors.app.origins", false, false)
	f(warned, "", "1 routes, 1 policies, 0 upstreams; warning f.toml:2 cors.app.origins", true, false)
	f("[", "", "0 routes, 0 policies, 0 upstreams; f.toml:1 ", false, false) // not TOML
	f(member, "", "0 routes, 0 policies, 0 upstreams fleet /edge/", true, true)
	f(member, valid, "1 routes, 1 policies, 1 upstreams", true, true)
	f(member, invalid, "1 routes, 1 policies, 0 upstreams; revision 7:1 timeouts; revision 7:4 cors.app.origins", false, false)
	f(member+`tls_ca = "none.pem"`+"\n", valid, "1 routes, 1 policies, 1 upstreams; f.toml:7 fleet.tls_ca", false, false)
}

// TestInspectFiles holds that a file that cannot be read is a problem like others, under its own name.
func TestInspectFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, own, missing := write("good.toml", valid), write("own.toml", member), filepath.Join(dir, "missing.toml")
	f := func(path, shared, file, message string) {
		t.Helper()
		r := Inspect(path, shared)
		if r.File != path {
			t.Errorf("Inspect(%q, %q) reports about %q", path, shared, r.File)
		}
		switch {
		case message == "" && len(r.Problems) > 0:
			t.Errorf("Inspect(%q, %q) finds %+v, want nothing", path, shared, r.Problems)
		case message != "" && (len(r.Problems) != 1 || r.Problems[0].File != file || r.Problems[0].Line != 0 ||
			!strings.Contains(r.Problems[0].Message, message)):
			t.Errorf("Inspect(%q, %q) finds %+v, want one problem of %s with %q", path, shared, r.Problems, file, message)
		}
	}
	f(good, "", "", "")
	f(own, good, "", "")
	f(missing, "", missing, "no such file")
	f(own, missing, missing, "no such file")
	f(dir, "", dir, "is a directory")
}

// TestWriteText holds what is printed where: problems and warnings on stderr in the order of their lines, and a line about a
// valid configuration on stdout.
func TestWriteText(t *testing.T) {
	f := func(r Report, wantOut, wantErr string) {
		t.Helper()
		var out, errs bytes.Buffer
		r.WriteText(&out, &errs)
		if out.String() != wantOut || errs.String() != wantErr {
			t.Errorf("WriteText prints\n%s\nand on stderr\n%s\nwant\n%s\nand\n%s", &out, &errs, wantOut, wantErr)
		}
	}
	at := func(line int, message string) Finding {
		return Finding{File: "f", Line: line, Key: "k", Message: message}
	}
	f(Report{File: "f", Valid: true, Routes: 1, Policies: 2}, "f: valid: 1 route, 2 policies, 0 upstreams\n", "")
	f(Report{File: "f", Valid: true, Fleet: "/edge/"}, "f: valid: what it shares with the fleet /edge/ is not looked at (see --fleet)\n", "")
	f(Report{File: "f", Problems: []Finding{at(9, "b")}, Warnings: []Finding{at(2, "w")}}, "", "f:2: k: warning: w\nf:9: k: b\n")
	f(Report{File: "f", Valid: true, Warnings: []Finding{at(2, "w")}}, "f: valid: 0 routes, 0 policies, 0 upstreams\n", "f:2: k: warning: w\n")
	f(Report{File: "f", Warnings: []Finding{at(2, "w")}}, "", "f:2: k: warning: w\nf: 1 warning, and --strict admits none\n")
	f(Report{File: "f", Problems: []Finding{{File: "f", Message: "f: no such file"}}}, "", "corsgate: f: no such file\n")
	f(Report{File: "f", Problems: []Finding{{File: "f", Line: 2, Key: "k", Message: "m", Hint: "write x"}}}, "", "f:2: k: m (write x)\n")
}

// TestJSON: programs find an array of problems and of warnings, also where there are none.
func TestJSON(t *testing.T) {
	_, r := InspectTexts(config.Source{Name: "f.toml", Text: []byte(valid)}, nil)
	r.Judge(false)
	for _, r := range []*Report{r, Inspect(filepath.Join(t.TempDir(), "missing.toml"), "")} {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "null") || !strings.Contains(string(text), `"warnings":[]`) {
			t.Errorf("got %s, want empty arrays instead of null", text)
		}
	}
}
