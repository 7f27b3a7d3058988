package gateway

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestBoundsAreTested: each test that the table of bounds names is there.
func TestBoundsAreTested(t *testing.T) {
	text, err := os.ReadFile("../deploy/bounds.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("grep", "-rhoE", "^func Test[A-Za-z0-9]+", "--include=*_test.go", "..").Output()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, line := range strings.Fields(string(out)) {
		there[line] = true
	}
	names := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1)
	if len(names) < 12 {
		t.Errorf("the table names %d tests", len(names))
	}
	for _, name := range names {
		if !there[name[1]] {
			t.Errorf("there is no %s", name[1])
		}
	}
}
