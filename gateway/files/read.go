// Package files reads files that other programs replace, never half written, and notices that they were replaced. It is internal to corsgate.
package files

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
)

// MaxSize bounds what Read reads, in bytes: a million origins are a tenth of it.
const MaxSize = 256 << 20

// A Digest is the SHA-256 of a file's content; zero: there was no file.
type Digest = [sha256.Size]byte

// ErrChanging is the reason of an error of Read for a file that changes while it is read.
var ErrChanging = errors.New("is being written to")

// A fileStamp is what os.Stat tells of a file's content.
type fileStamp struct {
	size     int64
	modified time.Time
}

func stampOf(info fs.FileInfo) fileStamp { return fileStamp{info.Size(), info.ModTime()} }

// Read returns the content of a file that does not change while it is read: half of a file that is being written is worse than
// an error. The error names the file.
func Read(named config.NamedFile) ([]byte, error) {
	file, err := named.Open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return nil, explain(err)
	}
	if before.Size() > MaxSize {
		return nil, fmt.Errorf("%s is larger than %v", named.Path, config.ByteSize(MaxSize))
	}
	text, err := readUpTo(file, before.Size()+1) // one more than there should be: it may grow
	if err != nil {
		return nil, explain(err)
	}
	after, err := file.Stat()
	if err != nil {
		return nil, explain(err)
	}
	if int64(len(text)) != before.Size() || stampOf(before) != stampOf(after) {
		return nil, fmt.Errorf("%s %w", named.Path, ErrChanging)
	}
	return text, nil
}

// readUpTo reads a file, but no more than n bytes of it.
func readUpTo(file io.Reader, n int64) ([]byte, error) {
	text := make([]byte, n)
	read, err := io.ReadFull(file, text)
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		err = nil
	}
	return text[:read], err
}

// explain says why a file cannot be read, without the name of the system call.
func explain(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return fmt.Errorf("cannot read %s: %w", e.Path, e.Err)
	}
	return err
}
