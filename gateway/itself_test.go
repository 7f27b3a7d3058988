package gateway_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// itself runs a test in a process of its own, with environment variables that tell it so. It returns the child's standard input;
// its standard output behind the first line; that line, which is where the child serves; and the child's id. When the
// calling test ends, the input does, and the child is to exit.
func itself(t *testing.T, test string, env ...string) (stdin io.Writer, stdout *bufio.Reader, first string, pid int) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^"+test+"$")
	child.Env = append(os.Environ(), env...)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	t.Cleanup(func() { in.Close(); io.Copy(io.Discard, out); child.Wait() })
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return in, out, strings.TrimSpace(line), child.Process.Pid
}

// byItself runs a test of this package in a process of its own, with some variables more in its environment, and fails as it does.
func byItself(t *testing.T, test string, env ...string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s in a process of its own: %v\n%s", test, err, out)
	}
}
