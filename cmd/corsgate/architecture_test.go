package main

import (
	"go/parser"
	"go/token"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestArchitecture holds that the packages of this command import what the table in doc.go draws, no more and no less,
// and that its arrows point down.
func TestArchitecture(t *testing.T) {
	const module = "github.com/corsgate/corsgate/"
	const command = module + "cmd/corsgate"
	drawn, order := drawnImports(t)
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	short := func(path string) string {
		path = strings.TrimPrefix(strings.TrimPrefix(path, command+"/internal/"), module)
		return strings.TrimPrefix(path, "gateway/")
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name := short(words[0])
		if words[0] == command {
			name = "main"
		}
		want, known := drawn[name]
		if !known {
			t.Errorf("package %s is not in the table of doc.go", name)
			continue
		}
		delete(drawn, name)
		var inner, outer []string
		for _, path := range words[1:] {
			switch {
			case strings.HasPrefix(path, command+"/internal/"):
				inner = append(inner, short(path))
			case strings.HasPrefix(path, module):
				outer = append(outer, short(path))
			}
		}
		if !same(inner, want.inner) {
			t.Errorf("%s imports %v of this command's packages; doc.go draws %v", name, inner, want.inner)
		}
		if !same(outer, want.outer) {
			t.Errorf("%s imports %v of gateway's packages; doc.go draws %v", name, outer, want.outer)
		}
		for _, below := range inner {
			if slices.Index(order, below) < slices.Index(order, name) {
				t.Errorf("%s imports %s, which is above it in doc.go", name, below)
			}
		}
	}
	for name := range drawn {
		t.Errorf("doc.go draws package %s, which does not exist", name)
	}
}

// imports are the packages that one imports: of this command's, and of gateway's.
type imports struct{ inner, outer []string }

// drawnImports returns the table in doc.go, by package, and the packages from the top down.
func drawnImports(t *testing.T) (map[string]imports, []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	drawn := make(map[string]imports)
	var order []string
	row := regexp.MustCompile(`^\t(?:[├└]─ )?(\w*) +(?:[^→|]*[^→| ])?(?: +→ ([\w ]+))?(?: *\| ([\w ]+))?$`)
	for line := range strings.Lines(file.Doc.Text()) {
		m := row.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		name := m[1]
		if name == "" { // it continues the row above
			name = order[len(order)-1]
		} else {
			order = append(order, name)
		}
		i := drawn[name]
		drawn[name] = imports{append(i.inner, strings.Fields(m[2])...), append(i.outer, strings.Fields(m[3])...)}
	}
	if len(order) == 0 {
		t.Fatal("there is no table in doc.go")
	}
	return drawn, order
}

// same reports whether a and b have the same elements, in any order.
func same(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
