// Package lastgood keeps on disk the last good revision of a fleet's shared configuration, and
// a mark of the one being tried.
package lastgood

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"

	"github.com/corsgate/corsgate/gateway/fleet"
)

// A File keeps what the fleet shares, for when etcd cannot be reached. Its
// first line says what it is, with a checksum over all that matters; the rest is the text.
type File struct {
	Path   string
	Prefix string // of the fleet: the text of another one is of no use here
}

var firstLine = regexp.MustCompile(`^# corsgate: revision (\d+) of the fleet (\S+), kept for when etcd cannot be reached. sha256: ([0-9a-f]{64})\n`)

func (k File) head(number int64, text []byte) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%d %s\n", number, k.Prefix)
	sum.Write(text)
	return fmt.Sprintf("# corsgate: revision %d of the fleet %s, kept for when etcd cannot be reached. sha256: %x\n", number, k.Prefix, sum.Sum(nil))
}

// Write replaces the file. Whenever the machine stops, there is the old one or the new one.
func (k File) Write(number int64, text []byte) error {
	dir := filepath.Dir(k.Path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(k.Path)+".*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it has another name by then, or is of no use
	defer f.Close()
	if _, err := f.Write(append([]byte(k.head(number, text)), text...)); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close(), os.Rename(f.Name(), k.Path)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Read returns the revision that was written, or fs.ErrNotExist. A file that is damaged, or of
// another fleet, is refused.
func (k File) Read() (number int64, text []byte, err error) {
	all, err := os.ReadFile(k.Path)
	if err != nil {
		return 0, nil, err
	}
	head := firstLine.FindSubmatch(all)
	if head == nil {
		return 0, nil, fmt.Errorf("%s is not a copy of a fleet's configuration: remove it", k.Path)
	}
	if prefix := string(head[2]); prefix != k.Prefix {
		return 0, nil, fmt.Errorf("%s is of the fleet %s, and this gateway is in %s: remove it", k.Path, prefix, k.Prefix)
	}
	number, err = strconv.ParseInt(string(head[1]), 10, 64)
	text = all[len(head[0]):]
	if err != nil || !bytes.Equal(head[0], []byte(k.head(number, text))) {
		return 0, nil, fmt.Errorf("%s is damaged: its checksum does not match. Remove it, or copy it from another gateway", k.Path)
	}
	return number, text, nil
}

// This is the mark of a revision that is tried: its number, its checksum, and the process.
const markFormat = "%d %s %d\n"

func (k File) markPath() string { return k.Path + ".trying" }

// Mark notes that a revision is about to be tried.
func (k File) Mark(number int64, sum string) error {
	if err := os.MkdirAll(filepath.Dir(k.Path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(k.markPath(), fmt.Appendf(nil, markFormat, number, sum, os.Getpid()), 0o600)
}

// Unmark notes that it has been tried.
func (k File) Unmark() {
	os.Remove(k.markPath()) // then there is none, or it is overwritten by the next
}

// Ended returns number and checksum of the revision that an earlier process tried and did not
// survive, or zeros. What is kept was in force once: that a process ended while it tried that
// again was for another reason.
func (k File) Ended() (r fleet.Revision) {
	text, err := os.ReadFile(k.markPath())
	if err != nil {
		return r
	}
	pid := 0
	if _, err := fmt.Sscanf(string(text), markFormat, &r.Number, &r.Sum, &pid); err != nil || r.Number < 1 {
		return fleet.Revision{}
	}
	if pid != os.Getpid() && pid > 0 && syscall.Kill(pid, 0) == nil {
		return fleet.Revision{} // it is still at it: this process is its successor
	}
	if number, text, err := k.Read(); err == nil && number == r.Number && fmt.Sprintf("%x", sha256.Sum256(text)) == r.Sum {
		return fleet.Revision{}
	}
	return r
}
