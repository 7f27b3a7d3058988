package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
)

// Usual lists the files that are tried, in this order, if the command line names none: in the working directory, and where
// the package installs it. Tests replace it.
var Usual = []string{"corsgate.toml", "/etc/corsgate/corsgate.toml"}

// Read reads the configuration file at path: for "" the usual one, for "-" standard input. The error says why it cannot
// be read.
func Read(path string) (config.Source, error) {
	switch path {
	case "-":
		text, err := io.ReadAll(io.LimitReader(os.Stdin, int64(config.MaxFileSize)+1))
		if err == nil && len(text) > int(config.MaxFileSize) {
			err = fmt.Errorf("standard input is larger than %v: a configuration file is text of some kilobytes", config.MaxFileSize)
		}
		return config.Source{Name: "stdin", Text: text}, err
	case "":
		for _, usual := range Usual {
			if _, err := os.Stat(usual); !errors.Is(err, fs.ErrNotExist) {
				return Read(usual)
			}
		}
		return config.Source{}, fmt.Errorf("there is neither %s (to begin with one: corsgate init > %s): name a file with --config",
			strings.Join(Usual, " nor "), Usual[0])
	}
	text, err := config.Read(path)
	if err != nil {
		err = unreadable(path, err)
	}
	return text, err
}

// unreadable explains why a configuration file cannot be read.
func unreadable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no such file (to begin with one: corsgate init > %s)", path, path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: permission denied (ask as root, or as a member of the file's group)", path)
	}
	return err
}
