package deploy_test

import (
	"os"
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
