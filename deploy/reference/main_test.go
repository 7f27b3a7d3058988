package main

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

const source, made = "../../gateway/config", "../configuration.md"

// TestFresh: the reference is what the comments say.
func TestFresh(t *testing.T) {
	var b strings.Builder
	if err := write(&b, source); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("deploy/configuration.md is stale: go run ./deploy/reference gateway/config > deploy/configuration.md")
	}
}

// TestComplete: every key of every table is in it, with more than its name.
func TestComplete(t *testing.T) {
	tables, err := typesOf(source)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, table := range tables {
		for _, f := range table.fields {
			have[f.key] = true
			if len(f.doc) < len(f.key)+10 {
				t.Errorf("%s %s says nothing: %q", table.name, f.key, f.doc)
			}
		}
	}
	var walk func(reflect.Type)
	walk = func(s reflect.Type) {
		for i := range s.NumField() {
			f := s.Field(i)
			kind := f.Type
			for kind.Kind() == reflect.Slice || kind.Kind() == reflect.Pointer {
				kind = kind.Elem()
			}
			ofTable := f.Name == "Name" && s != reflect.TypeFor[config.Fleet]()
			if !f.IsExported() || f.Name == "File" || f.Name == "Revision" || ofTable {
				continue
			}
			if kind.Kind() == reflect.Struct && kind.PkgPath() == s.PkgPath() && !notTables[kind.Name()] {
				walk(kind)
			} else if !have[config.Key(f.Name)] {
				t.Errorf("%s.%s is not in the reference", s.Name(), f.Name)
			}
		}
	}
	walk(reflect.TypeFor[config.Config]())
}

// TestNoGo holds that the reference says nothing of Go: no nil, no Type.Field, no link, and no name of a type or a field
// that could not be a word.
func TestNoGo(t *testing.T) {
	text := reference(t)
	camel := regexp.MustCompile(`[a-z][A-Z]|[A-Z]{2}[a-z]`)
	names := map[string]bool{"nil": true}
	var walk func(reflect.Type)
	walk = func(s reflect.Type) {
		for i := range s.NumField() {
			kind := s.Field(i).Type
			for kind.Kind() == reflect.Slice || kind.Kind() == reflect.Pointer {
				kind = kind.Elem()
			}
			for _, name := range []string{s.Field(i).Name, kind.Name()} {
				if camel.MatchString(name) {
					names[name] = true
				}
			}
			if kind.Kind() == reflect.Struct && kind.PkgPath() == s.PkgPath() && s.Field(i).IsExported() {
				walk(kind)
			}
		}
	}
	walk(reflect.TypeFor[config.Config]())
	if !names["MaxConnections"] || !names["RateLimit"] || names["Path"] {
		t.Fatalf("the names that are looked for are not those of the types: %v", names)
	}
	for _, w := range regexp.MustCompile(`\w+`).FindAllString(text, -1) {
		if names[w] {
			t.Errorf("the reference says %s, which is a word of Go", w)
		}
	}
	if m := regexp.MustCompile(`\b[A-Z]\w*[.][A-Z]\w*|\[[A-Z]\w*\]`).FindAllString(text, -1); m != nil {
		t.Errorf("the reference names types and fields of Go: %q", m)
	}
}

// TestWholeSentences holds that each text of the reference is made of whole sentences.
func TestWholeSentences(t *testing.T) {
	tables, err := typesOf(source)
	if err != nil {
		t.Fatal(err)
	}
	cut := regexp.MustCompile(`[,;:(] ?[.,;:)]|[ ][.,;:)]|[.][.]|\(\)|  |\b(see|the|a|of|as|by|and|or)[.,;:]`)
	quoted := regexp.MustCompile(`"[^"]*"`)
	begins := regexp.MustCompile(`[.] [^A-Z0-9"'$\x60(>]`)
	for _, table := range tables {
		docs := []string{table.doc}
		for _, f := range table.fields {
			docs = append(docs, f.doc)
		}
		for _, doc := range docs {
			if doc == "" {
				continue
			}
			plain := quoted.ReplaceAllString(doc, "Q")
			if m := cut.FindString(plain); m != "" {
				t.Errorf("%s: %q is cut at %q", table.name, doc, m)
			}
			if m := begins.FindString(plain); m != "" {
				t.Errorf("%s: %q has a sentence that begins with %q", table.name, doc, m)
			}
			if !strings.HasSuffix(doc, ".") || strings.Count(doc, "(") != strings.Count(doc, ")") || strings.Count(doc, "`")%2 != 0 {
				t.Errorf("%s: %q does not end", table.name, doc)
			}
		}
	}
}

// TestOneLine: only whole sentences are left out.
func TestOneLine(t *testing.T) {
	for _, c := range []struct{ doc, want string }{
		{"File is a file. Default none.", "File is a file. Default none."},
		{"File is a file.\nAs written: see [Config.Path]. Default \"\": none.", "File is a file. Default \"\": none."},
		{"File is a file. As written: see [Config.Path].", "File is a file."},
		{"File is \"a.b\", as [Config.Path] says. Default none.", "Default none."},
	} {
		if got := oneLine(c.doc); got != c.want {
			t.Errorf("oneLine(%q)\n got %q\nwant %q", c.doc, got, c.want)
		}
	}
}

// reference returns the reference as the sources have it.
func reference(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b, source); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
