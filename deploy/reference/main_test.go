package main

import (
	"os"
	"reflect"
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
