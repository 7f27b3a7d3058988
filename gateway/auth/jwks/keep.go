package jwks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/corsgate/corsgate/gateway/auth/token"
)

// This file keeps keys for the next start, when their server may be down. What is kept is as public as they are, but who can
// write to the file can sign tokens, so the directory is corsgate's alone.

// KeepIn returns the name of the file in a directory that keeps the keys from a URL.
func KeepIn(directory, url string) string {
	sum := sha256.Sum256([]byte(url))
	return filepath.Join(directory, "keys", hex.EncodeToString(sum[:12])+".json")
}

// load takes over what an earlier process kept, if there are no keys yet.
func (s *Source) load(log *slog.Logger) {
	if s.Keep == "" || s.Keys() != nil {
		return
	}
	text, err := readKept(s.Keep)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var keys *token.Keys
	if err == nil {
		keys, err = token.ParseKeys(text)
	}
	if err != nil {
		log.Warn("keys that were kept are of no use", "file", s.Keep, "error", err.Error())
		return
	}
	s.lastText = string(text)
	s.keys.Store(keys)
	log.Info("keys taken from what was kept, until they are fetched", "from", s.URL, "keys", keys.Len())
}

func readKept(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > token.MaxSet {
		return nil, errors.New("it is not a file of some kilobytes")
	}
	return os.ReadFile(path)
}

// save replaces what is kept. Whenever the machine stops there is the old one or the new one.
func (s *Source) save(text []byte, log *slog.Logger) {
	if s.Keep == "" {
		return
	}
	if err := replace(s.Keep, text); err != nil {
		log.Warn("keys are not kept for the next start", "file", s.Keep, "error", err.Error())
	}
}

func replace(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it has another name by then, or is of no use
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), os.Rename(f.Name(), path))
}
