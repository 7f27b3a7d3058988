package config

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file puts in what strings only refer to: "${env:NAME}", "${file:PATH}" and
// "${credential:NAME}". The rules are:
//
//   - a reference may stand in any string, more than once, and together with other text; "$${" is a literal "${";
//   - the inserted text is not expanded again: a "$" in it is literal, also where "$host" would be a variable;
//   - one line end at the end of a file is left out; a file is watched like any other that the configuration names;
//   - what there is not is a mistake of the configuration, and so is an empty name;
//   - what came so is a secret: it is shown as the reference wherever a configuration is, and in no message;
//   - what a fleet shares refers to files below [Fleet.Files] only: otherwise everyone who may
//     push could read any gateway's environment sent to a server of theirs.

// maxValueFile bounds what a reference stands for.
const maxValueFile ByteSize = 64 << 10

// maxReferences bounds the values that refer to something.
const maxReferences = 1000

// A given is a value with references.
type given struct {
	written string   // as it stands in the file
	escaped string   // as it is to stand where "$" begins a variable
	secrets []secret // what came from elsewhere; none: it has "$${" only
	byHand  bool     // nothing came from elsewhere: it is a URL with a password
}

// A secret is what a reference stands for.
type secret struct{ reference, content string }

// resolve puts in what the values refer to.
func (r *reader) resolve(values map[string]any, texts ...[]byte) {
	refers := func(text []byte) bool { return bytes.Contains(text, []byte("${")) || bytes.ContainsAny(text, `\@`) }
	if !slices.ContainsFunc(texts, refers) {
		return
	}
	fleet, _ := values["fleet"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(fleet)) { // first: it says which files others may name
		fleet[key] = r.resolveAt(joinKey("fleet", key), -1, fleet[key])
	}
	if files, ok := fleet["files"].(string); ok {
		r.cfg.Fleet = &Fleet{Files: files}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if key != "fleet" {
			values[key] = r.resolveAt(joinKey("", key), -1, values[key])
		}
	}
	r.cfg.hidden = r.cfg.secrets()
	r.cfg.resolved = true
}

// resolveAt returns a value with its references replaced. index is the index of the element of an
// array, or -1.
func (r *reader) resolveAt(path string, index int, value any) any {
	switch v := value.(type) {
	case string:
		return r.resolveString(path, index, v)
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			v[key] = r.resolveAt(joinKey(path, key), index, v[key])
		}
	case []any:
		for i, e := range v {
			v[i] = r.resolveAt(element(path, i), i, e)
		}
	case []map[string]any:
		for i, e := range v {
			r.resolveAt(element(path, i), i, e)
		}
	}
	return value
}

// element returns the path of an element of an array.
func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func (r *reader) resolveString(path string, index int, s string) string {
	if !strings.Contains(s, "${") {
		if password := passwordOf(s); password != "" && len(r.cfg.given) < maxReferences {
			r.cfg.note(path, given{written: s, escaped: s, secrets: []secret{{Masked, password}}, byHand: true})
		}
		return s
	}
	g := given{written: s}
	var value, escaped strings.Builder
	for rest := s; ; {
		before, after, found := strings.Cut(rest, "${")
		if before, literal := strings.CutSuffix(before, "$"); found && literal {
			value.WriteString(before + "${")
			escaped.WriteString(before + "$${")
			rest = after
			continue
		}
		value.WriteString(before)
		escaped.WriteString(before)
		if !found {
			break
		}
		reference, end, closed := strings.Cut(after, "}")
		content, f := r.refer(path, reference)
		if !closed {
			f = fault{`"${" begins a reference that is not closed by "}"`, referenceHint}
		}
		if f.message == "" && len(r.cfg.given) == maxReferences {
			f = faultf("more than %d values are references", maxReferences)
		}
		if r.given += len(content); f.message == "" && r.given > int(MaxFileSize) {
			f = faultf("the values that the configuration refers to are larger than %v", MaxFileSize)
		}
		if f.message != "" {
			key := path
			if index >= 0 {
				key = key[:strings.LastIndexByte(key, '[')]
			}
			r.problem(key, index, f)
			r.unresolved[key] = true
			return s
		}
		if content != "" {
			g.secrets = append(g.secrets, secret{"${" + reference + "}", content})
		}
		value.WriteString(content)
		escaped.WriteString(strings.ReplaceAll(content, "$", "$$"))
		rest = end
	}
	g.escaped = escaped.String()
	r.cfg.note(path, g)
	return value.String()
}

func (c *Config) note(path string, g given) {
	if c.given == nil {
		c.given = map[string]given{}
	}
	c.given[path] = g
}

const referenceHint = `write "${env:NAME}", "${file:PATH}" or "${credential:NAME}", or "$${" for a literal "${"`

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// refer returns what a reference in the value at a path stands for.
func (r *reader) refer(path, reference string) (content string, f fault) {
	kind, name, _ := strings.Cut(reference, ":")
	shared := r.cfg.fromFleet(path)
	switch {
	case shared && (kind == "env" || kind == "credential"):
		return "", faultf("${%s}: the shared configuration cannot refer to a gateway's environment or credentials, only to files below its fleet.files: ${file:…}", reference)
	case kind == "env" && variableName.MatchString(name):
		value, ok := os.LookupEnv(name)
		switch {
		case !ok:
			return "", faultf("${env:%s}: the environment has no such variable", name)
		case !utf8.ValidString(value):
			return "", faultf("${env:%s}: its value is not UTF-8", name)
		}
		return value, fault{}
	case kind == "file" && name != "":
		return r.referFile(path, reference, name)
	case kind == "credential" && name != "" && name != "." && name != ".." && !strings.ContainsAny(name, `/\`):
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", fault{fmt.Sprintf("${credential:%s}: this process has no credentials", name), "write LoadCredential= in the systemd unit"}
		}
		return r.referFile("", reference, filepath.Join(dir, name))
	}
	return "", fault{fmt.Sprintf("${%.80s} is not a reference", reference), referenceHint}
}

func (r *reader) referFile(path, reference, name string) (content string, f fault) {
	file, err := r.cfg.Named(path, name)
	if err != nil {
		return "", faultf("${%s}: %v", reference, err)
	}
	text, err := file.Read(maxValueFile)
	switch {
	case err != nil:
		return "", faultf("${%s}: %v", reference, err)
	case !utf8.Valid(text):
		return "", faultf("${%s}: %s is not UTF-8", reference, file.Path)
	}
	if r.cfg.valueFiles == nil {
		r.cfg.valueFiles = map[string][sha256.Size]byte{}
	}
	r.cfg.valueFiles[file.Path] = sha256.Sum256(text)
	if before, ok := strings.CutSuffix(string(text), "\n"); ok {
		return strings.TrimSuffix(before, "\r"), fault{}
	}
	return string(text), fault{}
}

// template returns the value at a path as it is to stand where "$" begins a variable.
func (t *table) template(key, value string) string {
	if g, ok := t.r.cfg.given[t.key(key)]; ok {
		return g.escaped
	}
	return value
}

// ValueFiles returns the files that values refer to, by path, with digests of what they held when
// they were read. The map is not modified afterwards.
func (c *Config) ValueFiles() map[string][sha256.Size]byte { return c.valueFiles }

// Again parses the texts again that c was parsed from: what they refer to may be something else now.
func (c *Config) Again() (*Config, error) { return parse(c.own, c.shared) }
