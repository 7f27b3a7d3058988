package deploy_test

import (
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestContributing holds that the files and the names that .github/CONTRIBUTING.md leads to exist.
func TestContributing(t *testing.T) {
	text := strings.ReplaceAll(read(t, "../.github/CONTRIBUTING.md"), "\n", " ")
	files := regexp.MustCompile("`([A-Za-z_.]+/[A-Za-z0-9_./-]+|[a-z_]+[.]mod)`").FindAllStringSubmatch(text, -1)
	for _, m := range files {
		if _, err := os.Stat(path.Join("..", m[1])); err != nil {
			t.Errorf("CONTRIBUTING.md names %s, which does not exist", m[1])
		}
	}
	names := regexp.MustCompile("`([A-Za-z]+)` in  *`([a-z_/]+[.]go)`").FindAllStringSubmatch(text, -1)
	for _, m := range names {
		declared := regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |var |const |\t)` + m[1] + `\b`)
		if !declared.MatchString(read(t, path.Join("..", m[2]))) {
			t.Errorf("CONTRIBUTING.md says that %s is in %s: it is not declared there", m[1], m[2])
		}
	}
	if len(files) < 20 || len(names) < 10 {
		t.Errorf("found %d files and %d names, want at least 20 and 10", len(files), len(names))
	}
}

// TestDrawing holds that each package is in the drawing of .github/CONTRIBUTING.md, unless it is for tests, and imports
// only packages further down, or those that an arrow on its line points to.
func TestDrawing(t *testing.T) {
	const module, internal = "github.com/corsgate/corsgate/", "cmd/corsgate/internal/"
	packages := packageImports(t, module)
	// The lines of packages; those for tests are not drawn.
	drawn := make(map[string]int)
	place := func(line int, short string) string {
		for _, name := range []string{internal + short, "gateway/" + short, short} {
			_, exists := packages[name]
			_, taken := drawn[name]
			if exists && !taken {
				drawn[name] = line
				return name
			}
		}
		t.Errorf("CONTRIBUTING.md draws %q, which is not a package, or is drawn twice", short)
		return short
	}
	row := regexp.MustCompile(`(?m)^    (?:  [├└]── )?([a-z0-9/]+(?:, [a-z0-9/]+)*)(?: → ([a-z0-9/]+(?:, [a-z0-9/]+)*))?(?:  .*)?$`)
	pointed := make(map[[2]string]bool) // from one package to another on its line
	for line, m := range row.FindAllStringSubmatch(after(read(t, "../.github/CONTRIBUTING.md"), "## The packages"), -1) {
		var left []string
		for short := range strings.SplitSeq(m[1], ", ") {
			left = append(left, place(line, short))
		}
		for short := range strings.SplitSeq(m[2], ", ") {
			if short == "" {
				continue
			}
			right := place(line, short)
			for _, name := range left {
				pointed[[2]string{name, right}] = true
			}
		}
	}
	for name, imports := range packages {
		line, known := drawn[name]
		switch {
		case known:
		case strings.HasSuffix(name, "test"), strings.HasPrefix(name, "deploy"), name == "gateway/internal/vectors", name == internal+"browser":
			continue
		default:
			t.Errorf("CONTRIBUTING.md does not draw package %s", name)
			continue
		}
		for _, below := range imports {
			if drawn[below] <= line && !pointed[[2]string{name, below}] {
				t.Errorf("%s imports %s, which is not below it in CONTRIBUTING.md, nor pointed to", name, below)
			}
		}
	}
}

// packageImports returns the packages of a module, and for each those of the module that it imports.
func packageImports(t *testing.T, module string) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := make(map[string][]string)
	for line := range strings.Lines(string(out)) {
		paths := strings.Fields(line)
		name := strings.TrimPrefix(paths[0], module)
		packages[name] = nil
		for _, path := range paths[1:] {
			if below, ours := strings.CutPrefix(path, module); ours {
				packages[name] = append(packages[name], below)
			}
		}
	}
	return packages
}

// after returns the part of text that follows heading, up to the next heading.
func after(text, heading string) string {
	_, text, _ = strings.Cut(text, heading)
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// TestForms: GitHub can read the forms and the workflow, and the workflow runs what a pull request has to pass.
func TestForms(t *testing.T) {
	for _, file := range []string{"ISSUE_TEMPLATE/bug.yml", "ISSUE_TEMPLATE/refused-by-cors.yml"} {
		var form struct {
			Name, Description string
			Body              []struct {
				Type, ID   string
				Attributes map[string]any
			}
		}
		if err := yaml.Unmarshal([]byte(read(t, "../.github/"+file)), &form); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if form.Name == "" || form.Description == "" || len(form.Body) == 0 {
			t.Errorf("%s lacks a name, a description or a body", file)
		}
		for _, b := range form.Body {
			if b.Type != "markdown" && (b.ID == "" || b.Attributes["label"] == nil) {
				t.Errorf("%s: a %s lacks its id or its label", file, b.Type)
			}
		}
	}
	var workflow struct {
		Jobs map[string]struct{ Steps []struct{ Run string } }
	}
	if err := yaml.Unmarshal([]byte(read(t, "../.github/workflows/ci.yml")), &workflow); err != nil {
		t.Fatal(err)
	}
	runs := false
	for _, s := range workflow.Jobs["run"].Steps {
		runs = runs || s.Run == "bash .ci/run"
	}
	if !runs {
		t.Error("the workflow does not run .ci/run")
	}
}
