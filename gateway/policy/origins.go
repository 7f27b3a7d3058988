package policy

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/files"
	"github.com/corsgate/corsgate/matcher"
)

// This file reads files of origins, the rules are:
//
//   - one pattern a line; blanks around it, empty lines and comments are skipped. A comment begins with '#', at the start
//     of a line or behind a blank: no pattern holds one;
//   - lines end in LF or CRLF, and a byte order mark is skipped;
//   - a file that changes while it is read, or in which there is no pattern, is refused: it is more likely to be half
//     written than meant.

// maxOriginsLine bounds a line, in bytes: more than three times the longest pattern. What is longer is cut, and wrong
// either way.
const maxOriginsLine = 1 << 10

// An originsFile is what is remembered of a file of origins. The patterns themselves are not: they are in the set.
type originsFile struct {
	path string
	file config.NamedFile
	sum  [sha256.Size]byte
	// lines are those of the patterns, counted from 1.
	lines []uint32
}

// place returns where a pattern stands, by its number from 0.
func (f *originsFile) place(i int) config.Problem {
	return config.Problem{File: f.path, Line: int(f.lines[i])}
}

// readOrigins reads a file of origins. The patterns share memory; they are not parsed.
func readOrigins(file config.NamedFile) (f *originsFile, patterns []string, err error) {
	text, err := files.Read(file)
	if err != nil {
		return nil, nil, err
	}
	path := file.Path
	f = &originsFile{path: path, file: file, sum: sha256.Sum256(text)}
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

// originsLine returns the pattern at a line of a file of origins, as the file is now, or "": also
// if it is no longer a pattern, because the file may then be any file.
func originsLine(named config.NamedFile, number int) string {
	file, err := named.Open()
	if err != nil {
		return ""
	}
	defer file.Close()
	r := bufio.NewReader(io.LimitReader(file, files.MaxSize))
	for at := 1; ; at++ {
		line, err := r.ReadString('\n')
		if at == number {
			text := patternOf(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "\ufeff"))
			if _, err := matcher.ParsePattern(text); err != nil {
				return ""
			}
			return text
		}
		if err != nil {
			return ""
		}
	}
}
