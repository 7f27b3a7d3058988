// Package config turns the text of a corsgate.toml into a [Config]: plain data with every default filled in.
//
// It is strict. An unknown key, a wrong type, a value out of range, and a reference to an undefined name are
// all refused. One run reports all of them, each with its file, line and full name.
// Origin patterns and methods of CORS policies are not checked here, but by the packages that compile a
// [Config]; they locate their errors with [Config.Problem].
package config

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// MaxFileSize bounds the text of a configuration, a file or a revision of a fleet. A larger one
// is refused before it is parsed. Longer lists of origins belong in separate files.
const MaxFileSize ByteSize = 4 << 20

// A Source is a text of configuration.
type Source struct {
	// Name is the source's name in messages: the file's, or "revision 12" for a shared
	// configuration.
	Name string
	// Text is not modified.
	Text []byte
}

// Load reads and parses the file at path. When the text can be read, its results are those of [Parse];
// when not, the Config is nil and the error names the file.
func Load(path string) (*Config, error) {
	s, err := Read(path)
	if err != nil {
		return nil, err
	}
	return Parse(s.Name, s.Text)
}

// Read reads the file at path. The error names the file.
func Read(path string) (Source, error) {
	text, err := readFile(path)
	return Source{Name: path, Text: text}, err
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory: give the name of the configuration file in it", path)
	}
	// The size that Stat reports is meaningless for pipes and /dev/stdin, which are accepted here.
	text, err := io.ReadAll(io.LimitReader(f, int64(MaxFileSize)+1))
	if err != nil {
		return nil, err
	}
	if len(text) > int(MaxFileSize) {
		return nil, fmt.Errorf("%s is larger than %v: a configuration file usually has a few kilobytes", path, MaxFileSize)
	}
	return text, nil
}

// Parse parses the text of a configuration file. The name of the file is only used in messages.
//
// The error, if any, is of type [Problems]. The Config is then still as complete as possible:
// an invalid value is replaced by its default or is left out, so that later stages can look for
// further problems in the same run. The Config is nil only when the text is not TOML, and there
// is nothing to look at. The text is retained.
//
// Of a file with a table [fleet] it is half of a configuration, without a route: see [ParseFleet].
func Parse(file string, text []byte) (*Config, error) { return parse(Source{file, text}, nil) }

// ParseFleet parses a gateway's own text and the one that it shares with its fleet as one
// configuration; see [Shared]. Each problem is located in its text. Else it is [Parse].
func ParseFleet(own, shared Source) (*Config, error) { return parse(own, &shared) }

func parse(own Source, shared *Source) (*Config, error) {
	r := &reader{cfg: &Config{File: own.Name, sum: sha256.Sum256(own.Text), own: own, shared: shared}, unresolved: map[string]bool{}}
	values, places := r.decode(own)
	if _, fleet := values["fleet"]; fleet || shared != nil {
		r.refuse(own.Name, values, places, Shared)
	}
	if shared != nil {
		r.cfg.Revision = shared.Name
		theirs, at := r.decode(*shared)
		r.refuse(shared.Name, theirs, at, func(section string) bool { return !Shared(section) })
		if at == nil {
			places = nil
		}
		if places != nil {
			maps.Copy(values, theirs)
			maps.Copy(places.at, at.at)
		}
	}
	if places == nil {
		return nil, r.problems
	}
	r.cfg.places = places
	texts := [][]byte{own.Text}
	if shared != nil {
		texts = append(texts, shared.Text)
	}
	r.resolve(values, texts...)
	r.read(values)
	if len(r.problems) == 0 {
		return r.cfg, nil
	}
	r.problems.sort()
	if r.more > 0 {
		last := r.problems[len(r.problems)-1]
		r.problems = append(r.problems, Problem{File: last.File, Line: last.Line, Message: fmt.Sprintf("and %d more mistakes", r.more)})
	}
	return r.cfg, r.problems
}

// decode returns what a text says, and where. If it is not TOML, it notes the reason, and there are
// no places.
func (r *reader) decode(s Source) (map[string]any, *places) {
	text := bytes.TrimPrefix(s.Text, []byte("\ufeff"))
	bad := func(p Problem) (map[string]any, *places) {
		r.problems = append(r.problems, p)
		return nil, nil
	}
	if line := invalidUTF8(text); line > 0 {
		return bad(Problem{File: s.Name, Line: line, Message: "the text is not UTF-8", Hint: "save the file as UTF-8"})
	}
	if len(text) > int(MaxFileSize) {
		return bad(Problem{File: s.Name, Line: 1, Message: fmt.Sprintf("the text is larger than %v", MaxFileSize)})
	}
	at := locate(text)
	if at.over.line > 0 {
		return bad(at.over.problem(s.Name))
	}
	values := map[string]any{}
	if err := decode(text, &values); err != nil {
		return bad(syntaxProblem(s.Name, text, at, err))
	}
	if at.twice.line > 0 {
		return bad(at.twice.problem(s.Name))
	}
	return values, at
}

// Sum returns the digest of the text of File.
func (c *Config) Sum() [sha256.Size]byte { return c.sum }

// Problem returns a Problem located at key, the full dotted name of a key or table such as "cors.app.origins".
// With index >= 0 it is located at that element of the array, which matters for arrays of several lines.
// A key that is not in the file is located at its table, or else at line 1.
func (c *Config) Problem(key string, index int, message, hint string) Problem {
	return c.mask(Problem{File: c.FileOf(key), Line: c.places.line(key, index), Key: key, Message: message, Hint: hint}, index)
}

// FileOf returns the name of the text that key is in, or would be in: File, or Revision.
func (c *Config) FileOf(key string) string {
	if c.fromFleet(key) {
		return c.Revision
	}
	return c.File
}

// Line returns the line of key, as [Config.Problem] does without an index.
func (c *Config) Line(key string) int { return c.places.line(key, -1) }

// Path returns where a file is that a gateway's own file names: a relative name is relative to
// the directory of File. For keys that a fleet may share see [Config.Named].
func (c *Config) Path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(c.File), name)
}

// Password reads the file of that name, which [Config.Path] finds. It is to hold a password, and
// behind it nothing but the end of its line. Without a name it is empty.
func (c *Config) Password(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	path := c.Path(name)
	b, err := NamedFile{Path: path}.Read(64 << 10)
	text := strings.TrimRight(string(b), "\r\n")
	switch {
	case err != nil:
		return "", err
	case text == "":
		return "", fmt.Errorf("%s is empty", path)
	case strings.ContainsAny(text, "\r\n"):
		return "", fmt.Errorf("%s has more than one line: it must contain only the password", path)
	}
	return text, nil
}

// invalidUTF8 returns the line of the first byte that is not UTF-8, or 0.
func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return 0
	}
	line := 1
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		if r == '\n' {
			line++
		}
		i += n
	}
	return line
}
