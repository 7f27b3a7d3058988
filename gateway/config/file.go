package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// This file opens the files that a configuration names. The rules are:
//
//   - the content of a file is in no message, log line, metric or page, whatever is wrong with it;
//   - only regular files are read, up to a bound;
//   - what a gateway's own file names may be anywhere, and symbolic links are followed:
//     Kubernetes puts a link in the place of each key of a ConfigMap, and its author must not
//     be able to read every file that corsgate can read;
//   - what a fleet shares is written elsewhere, so it names files below [Fleet.Files] only, and
//     no link leads out of that. The kernel resolves the name (openat2, or component by
//     component): there is no time between a check and its use.

// A NamedFile is a file that a configuration names.
type NamedFile struct {
	// Path is where it is, for messages and to be watched.
	Path string
	// Below is the directory that it may not lead out of; "": none.
	Below string
}

// Named returns the file of that name, the value of a key: of what a gateway's own file says as
// [Config.Path] does. The error says why what a fleet shares may not name it. It does not look
// whether there is such a file.
func (c *Config) Named(key, name string) (NamedFile, error) {
	if !c.fromFleet(key) {
		return NamedFile{Path: c.Path(name)}, nil
	}
	below := ""
	if c.Fleet != nil && c.Fleet.Files != "" {
		below = filepath.Clean(c.Path(c.Fleet.Files))
	}
	if below == "" {
		return NamedFile{}, errors.New("the shared configuration may only name files below fleet.files, which this gateway does not set")
	}
	path := filepath.Clean(name)
	if !filepath.IsAbs(path) {
		path = filepath.Join(below, path)
	}
	if inside, err := filepath.Rel(below, path); err != nil || !filepath.IsLocal(inside) || inside == "." {
		return NamedFile{}, fmt.Errorf("%q is not below %s, this gateway's fleet.files: the shared configuration may not name other files", name, below)
	}
	return NamedFile{path, below}, nil
}

// fromFleet reports whether a key is in the text that a fleet shares.
func (c *Config) fromFleet(key string) bool {
	section, _, _ := strings.Cut(key, ".")
	return c.Revision != "" && Shared(section)
}

// Open opens f, if it is a regular file. The error names the file.
func (f NamedFile) Open() (*os.File, error) {
	file, err := f.open()
	if err != nil {
		return nil, f.explain(err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%s is a directory: name a file in it", f.Path)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a regular file, so its changes cannot be noticed", f.Path)
	default:
		return file, nil
	}
	file.Close() // nothing was written
	return nil, f.explain(err)
}

// open does not wait for the other end of a pipe.
func (f NamedFile) open() (*os.File, error) {
	const flags = os.O_RDONLY | syscall.O_NONBLOCK
	if f.Below == "" {
		return os.OpenFile(f.Path, flags, 0)
	}
	root, err := os.OpenRoot(f.Below)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	inside, err := filepath.Rel(f.Below, f.Path)
	if err != nil {
		return nil, err
	}
	return root.OpenFile(inside, flags, 0)
}

// explain says why f cannot be read, without the name of the system call.
func (f NamedFile) explain(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return fmt.Errorf("cannot read %s: %w", f.Path, e.Err)
	}
	return err
}

// Read returns the content of f. The error names the file; it is one if the content is longer than most.
func (f NamedFile) Read(most ByteSize) ([]byte, error) {
	file, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, int64(most)+1))
	if err == nil && len(text) > int(most) {
		err = fmt.Errorf("%s is larger than %v", f.Path, most)
	}
	return text, f.explain(err)
}
