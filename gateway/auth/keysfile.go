package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
)

// This file reads files of API keys. The rules are:
//
//   - a line is NAME SHA256-HEX [key=value …]; blanks around it, empty lines and comments, which begin with '#', are skipped;
//   - the gateway never has the keys: it has their hashes, and finds them by the hash of what a request brings, so that the time
//     that takes says nothing of any of them;
//   - a name may have several keys; one hash in two lines is a mistake, because the second would never count.

// KeyPrefix is what keys begin with that corsgate makes, so that scanners for secrets can know them.
const KeyPrefix = "cgk_"

const (
	maxKeyLine   = 4 << 10
	maxKeyValues = 32
	maxKeyLength = 4 << 10
)

// keyLines are a file of keys.
type keyLines map[[sha256.Size]byte]*Identity

// parseKeys reads a file of keys. The error is located as "PATH:LINE: …", and holds nothing of what is there.
func (t *Table) parseKeys(path, text string) (keyLines, error) {
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		return nil, fmt.Errorf("%s is UTF-16: save it as UTF-8", path)
	}
	keys, at := keyLines{}, map[[sha256.Size]byte]int{}
	number := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		number++
		line = strings.Trim(line, " \t\r")
		if line == "" || line[0] == '#' {
			continue
		}
		sum, identity, wrong := t.parseKeyLine(line)
		if earlier := at[sum]; wrong == "" && earlier > 0 {
			wrong = fmt.Sprintf("the key is in line %d already", earlier)
		}
		if wrong != "" {
			return nil, fmt.Errorf("%s:%d: %s", path, number, wrong)
		}
		keys[sum], at[sum] = identity, number
	}
	return keys, nil
}

// parseKeyLine returns what is wrong with a line, or "".
func (t *Table) parseKeyLine(line string) (sum [sha256.Size]byte, identity *Identity, wrong string) {
	words := strings.Fields(line)
	switch {
	case len(line) > maxKeyLine:
		return sum, nil, "the line is longer than 4 KiB"
	case !ValidKeyName(words[0]):
		return sum, nil, "the name of a key is up to 64 of a-z, A-Z, 0-9, '.', '_', '-', '@' and ':'"
	case len(words) < 2:
		return sum, nil, `the hash of the key is missing: write NAME SHA256-HEX, as "corsgate key NAME" prints it`
	case len(words) > 2+maxKeyValues:
		return sum, nil, fmt.Sprintf("more than %d values", maxKeyValues)
	}
	n, err := hex.Decode(sum[:], []byte(words[1][:min(len(words[1]), 2*len(sum))]))
	if err != nil || n != len(sum) || len(words[1]) != 2*len(sum) {
		return sum, nil, `the second word is not a SHA-256 in 64 hexadecimal digits: "corsgate key NAME" prints the line`
	}
	values := map[string]string{"name": words[0]}
	for _, word := range words[2:] {
		if word[0] == '#' {
			break
		}
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" || value == "" {
			return sum, nil, "what follows the hash is key=value, such as plan=pro"
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < '!' || r == 0x7f }) {
			return sum, nil, "a value holds a control character"
		}
		values["key."+name] = value
	}
	return sum, t.newIdentity(words[0], words[0], func(variable string) string { return values[variable] }), ""
}

// ValidKeyName reports whether a name can stand in a file of keys.
func ValidKeyName(name string) bool {
	for i := range len(name) {
		c := name[i] | 0x20
		if (c < 'a' || c > 'z') && (name[i] < '0' || name[i] > '9') && strings.IndexByte("._-@:", name[i]) < 0 {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// find returns who has a key, or nil. It allocates nothing.
func (k keyLines) find(key []byte) *Identity { return k[sha256.Sum256(key)] }

// readFile reads a file that a table names, whose content is never shown.
func readFile(cfg *config.Config, key, name string) (path string, text []byte, err error) {
	named, err := cfg.Named(key, name)
	if err != nil {
		return "", nil, err
	}
	text, err = read(named)
	return named.Path, text, err
}

// CheckKeyLine says what is wrong with a line of a file of keys that was made of a name and values, or is "".
func CheckKeyLine(line string, words []string) string {
	for _, word := range words {
		if strings.ContainsAny(word, " \t\r\n#") || word == "" {
			return "a name and a value have no blanks and no '#'"
		}
	}
	_, _, wrong := new(Table).parseKeyLine(line)
	return wrong
}
