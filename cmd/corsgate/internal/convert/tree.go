package convert

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"go.yaml.in/yaml/v3"
)

// This file reads YAML, JSON and TOML into trees of maps, slices and scalars.

// maxDocuments bounds the documents of a YAML stream, and maxNodes all nodes, aliases followed:
// who repeats an alias of aliases cannot make a tree without end.
const (
	maxDocuments = 1000
	maxNodes     = 200000
)

// readYAML returns the documents of a YAML stream; JSON is YAML, too.
func readYAML(text string) (documents []any, err error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	nodes := 0
	for len(documents) < maxDocuments {
		var node yaml.Node
		if err := decoder.Decode(&node); err != nil {
			if err.Error() == "EOF" {
				return documents, nil
			}
			return nil, yamlError(err)
		}
		v, err := plain(&node, &nodes, 0)
		if err != nil {
			return nil, err
		}
		documents = append(documents, v)
	}
	return documents, nil
}

// yamlError returns an error of the library with its line.
func yamlError(err error) error {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		number, reason, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); err == nil {
			return &lineError{n, "the YAML is malformed: " + oneLine(reason)}
		}
	}
	return fmt.Errorf("the YAML is malformed: %s", oneLine(message))
}

// plain returns a node as maps, slices and strings: a scalar's text is enough, whatever its type.
func plain(n *yaml.Node, count *int, depth int) (any, error) {
	if *count++; *count > maxNodes || depth > 100 {
		return nil, &lineError{n.Line, "the YAML is too large, or nested too deep"}
	}
	switch n.Kind {
	case yaml.DocumentNode, yaml.AliasNode:
		next := n.Alias
		if n.Kind == yaml.DocumentNode {
			if len(n.Content) == 0 {
				return nil, nil
			}
			next = n.Content[0]
		}
		return plain(next, count, depth+1)
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			v, err := plain(c, count, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, err := plain(n.Content[i+1], count, depth+1)
			if err != nil {
				return nil, err
			}
			m[n.Content[i].Value] = v
		}
		return m, nil
	}
	if n.Tag == "!!null" {
		return nil, nil
	}
	return n.Value, nil
}

// readTOML returns a TOML file as readYAML does.
func readTOML(text string) (any, error) {
	var m map[string]any
	if _, err := toml.Decode(text, &m); err != nil {
		if e, ok := err.(toml.ParseError); ok { // the library does not wrap it
			return nil, &lineError{max(e.Position.Line, 1), "the TOML is malformed: " + oneLine(e.Message)}
		}
		return nil, fmt.Errorf("the TOML is malformed: %s", oneLine(err.Error()))
	}
	return scalars(m), nil
}

// scalars turns the scalars of TOML into strings.
func scalars(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = scalars(v[k])
		}
		return v
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = scalars(v[i])
		}
		return list
	case []any:
		for i := range v {
			v[i] = scalars(v[i])
		}
		return v
	case string:
		return v
	}
	return fmt.Sprint(v)
}

// walk calls visit for each map of a tree, with its path; those that stand around it come
// first. Keys are visited in order.
func walk(v any, path []string, around []map[string]any, visit func(m map[string]any, path []string, around []map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v, path, around)
		inner := append(slices.Clone(around), v)
		for _, k := range sortedKeys(v) {
			walk(v[k], append(slices.Clone(path), k), inner, visit)
		}
	case []any:
		for i, e := range v {
			walk(e, append(slices.Clone(path), strconv.Itoa(i)), around, visit)
		}
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// folded returns m by lower-case keys without '_' and '-'.
func folded(m map[string]any) map[string]any {
	f := make(map[string]any, len(m))
	for k, v := range m {
		f[strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(k))] = v
	}
	return f
}

// text returns a scalar's text, or "".
func text(v any) string {
	s, _ := v.(string)
	return s
}

// texts returns the scalars of a list, or the members of a comma-separated scalar.
func texts(v any) (list []string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if s := text(e); s != "" {
				list = append(list, s)
			}
		}
	case string:
		return split(v)
	}
	return list
}

// maxShown bounds the part of a tree that is shown.
const maxShown = 400

// shown returns a tree as a person may recognize it in a comment.
func shown(v any) string {
	b, err := json.Marshal(v)
	switch {
	case err != nil:
		return "?"
	case len(b) > maxShown:
		return strings.ToValidUTF8(string(b[:maxShown]), "") + " …"
	}
	return string(b)
}
