package tooltest

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Double builds one of the servers of gateway/internal/doubles, which stand in for the real ones in tests, and returns
// the path of the program. They are a module of their own, so that the product does not require an etcd server or a
// certificate authority because its tests do; building them needs only Go. Only the first call on a machine is slow: the
// program is kept in Go's build cache.
func Double(name string) (string, error) {
	root, err := output("", "list", "-m", "-f", "{{.Dir}}", "github.com/corsgate/corsgate")
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	program, err := output(filepath.Join(root, "gateway", "internal", "doubles"), "tool", "-n", name)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	return program, nil
}

// output runs the go command in a directory and returns the line that it prints.
func output(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}
