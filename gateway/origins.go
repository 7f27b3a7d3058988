package gateway

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
)

// This file reads files of origins, the rules are:
//
//   - one pattern a line; blanks around it, empty lines and comments are skipped. A comment begins with '#', at the start
//     of a line or behind a blank: no pattern holds one;
//   - lines end in LF or CRLF, and a byte order mark is skipped;
//   - a file that changes while it is read, or in which there is no pattern, is refused: it is more likely to be half
//     written than meant.

// Bounds, in bytes.
const (
	maxOriginsFile = 256 << 20
	maxOriginsLine = 1 << 10 // more than three times the longest pattern; what is longer is cut, and wrong either way
)

// An originsFile is what is remembered of a file of origins. The patterns themselves are not: they are in the set.
type originsFile struct {
	path string
	sum  [sha256.Size]byte
	// lines are those of the patterns, counted from 1.
	lines []uint32
}

// place returns where a pattern stands, by its number from 0.
func (f *originsFile) place(i int) config.Problem {
	return config.Problem{File: f.path, Line: int(f.lines[i])}
}

// readOrigins reads the file of origins at path. The patterns share memory; they are not parsed.
func readOrigins(path string) (f *originsFile, patterns []string, err error) {
	text, err := readStill(path)
	if err != nil {
		return nil, nil, err
	}
	f = &originsFile{path: path, sum: sha256.Sum256(text)}
	s := string(text)
	if strings.HasPrefix(s, "\xff\xfe") || strings.HasPrefix(s, "\xfe\xff") {
		return nil, nil, fmt.Errorf("%s is UTF-16: save it as UTF-8", path)
	}
	lines := strings.Count(s, "\n") + 1
	f.lines, patterns = make([]uint32, 0, lines), make([]string, 0, lines)
	number := uint32(0)
	for line := range strings.SplitSeq(strings.TrimPrefix(s, "\ufeff"), "\n") {
		number++
		if pattern := patternOf(line); pattern != "" {
			f.lines, patterns = append(f.lines, number), append(patterns, pattern)
		}
	}
	if len(patterns) == 0 {
		return nil, nil, fmt.Errorf("%s holds no pattern: if that is meant, remove the key", path)
	}
	return f, patterns, nil
}

// patternOf returns the pattern of a line, or "".
func patternOf(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			line = line[:i]
			break
		}
	}
	line = strings.Trim(line, " \t\r")
	return line[:min(len(line), maxOriginsLine)]
}

// readStill reads a file that does not change meanwhile.
func readStill(path string) ([]byte, error) {
	before, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, explainFile(err)
	case before.IsDir():
		return nil, fmt.Errorf("%s is a directory: name a file in it", path)
	case !before.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file, so nobody can tell when it changes", path)
	case before.Size() > maxOriginsFile:
		return nil, fmt.Errorf("%s is larger than %v", path, config.ByteSize(maxOriginsFile))
	}
	text, err := readUpTo(path, before.Size()+1)
	if err != nil {
		return nil, explainFile(err)
	}
	after, err := os.Stat(path)
	if err != nil {
		return nil, explainFile(err)
	}
	if int64(len(text)) != before.Size() || stampOf(before) != stampOf(after) || !os.SameFile(before, after) {
		return nil, fmt.Errorf("%s %w", path, errWritten)
	}
	return text, nil
}

// errWritten is returned by readStill for a file that changes while it is read.
var errWritten = errors.New("is being written to")

// readUpTo reads a file, but no more than n bytes of it.
func readUpTo(path string, n int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text := make([]byte, n)
	read, err := io.ReadFull(file, text)
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		err = nil
	}
	return text[:read], err
}

// explainFile says why a file cannot be read, without the name of the system call.
func explainFile(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return fmt.Errorf("cannot read %s: %w", e.Path, e.Err)
	}
	return err
}

// originsLine returns the pattern at a line of a file of origins, as the file is now, or "".
func originsLine(path string, number int) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	r := bufio.NewReader(file)
	for at := 1; ; at++ {
		line, err := r.ReadString('\n')
		if at == number {
			return patternOf(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "\ufeff"))
		}
		if err != nil {
			return ""
		}
	}
}
