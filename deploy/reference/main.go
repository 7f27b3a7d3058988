// Command reference writes the reference of the configuration, in Markdown, from the doc comments of the types in package
// config:
//
//	go run ./deploy/reference gateway/config > deploy/configuration.md
//
// A test fails when that file is not what the comments say.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: reference DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

const head = `# Configuration reference

Every key of corsgate.toml: what it means, its unit, its default. This file is made from the doc comments of
gateway/config by ` + "`go run ./deploy/reference gateway/config > deploy/configuration.md`" + `; do not edit it.

Tables are named (` + "`[cors.app]`, `[route.api]`" + `): NAME is how other tables, logs, metrics and messages refer to the thing.
Durations are strings such as "250ms", "10s", "24h", sizes such as "16KiB", "10MiB". Names of files are relative to the
directory of corsgate.toml. A key that is not known, a value that
makes no sense and a name that leads nowhere are errors, all of them reported at once by ` + "`corsgate check`" + `, which prints
file, line and what to write instead. ` + "`corsgate init`" + ` prints a commented file to start from.

## Values from elsewhere

In any string ` + "`${env:NAME}`" + ` stands for an environment variable, ` + "`${file:PATH}`" + ` for the content of a file, without one
final line end, and ` + "`${credential:NAME}`" + ` for a credential of systemd (` + "`LoadCredential=`" + `). Files are watched; all of it is
read again at each reload. What is not there is an error with its line. A dollar sign in such a value is literal, and
` + "`$${`" + ` is a literal ` + "`${`" + `. Such values are secret: ` + "`/config`" + `, labels of metrics, explain and messages show the
reference. What a fleet shares may refer to files below ` + "`fleet.files`" + ` only: a revision could have a gateway's environment
sent to another server. (The address that an endpoint leads to is in the log where it cannot be reached.)

The content of a file that a key names is shown nowhere either. Symbolic links in the names that a gateway's own file gives are
followed.

## Bounds

A text is TOML 1.1 of at most 4 MiB. The name of a key, with those of its tables, has at most 10 parts and 256 bytes; values are
nested at most 32 deep. A section has at most 1000 tables (5000 routes, 100 limits), all upstreams and splits together 10000
endpoints and shares, and 1000 values may refer to something. A report lists 100 mistakes, and how many more there are.
`

// write writes the reference of the types that are declared in dir.
func write(w io.Writer, dir string) error {
	types, err := typesOf(dir)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(head)
	for _, t := range types {
		t.write(&b)
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// table is a table of the file, and the type that holds it.
type table struct {
	name   string // "`[route.NAME]`", or the first sentence of the comment
	doc    string // what the comment says beyond that
	fields []field
}

type field struct{ key, doc string }

// notTables are values that the file has in one string.
var notTables = map[string]bool{"Endpoint": true, "Rate": true}

// wholeFile is the type of the whole file. Its keys are the fields with a default; the others are tables, or no keys.
const wholeFile = "Config"

// isTable matches the first sentence of the comment of a type that is a table: "Route is [route.NAME].".
var isTable = regexp.MustCompile(`^\w+ is (\[[a-z_.A-Z]+\]|[a-z_]+ = \{ … \}[^.,]*)[.,]?\s*`)

// typesOf returns the tables in the order of the source.
func typesOf(dir string) ([]*table, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "types*.go"))
	if err != nil {
		return nil, err
	}
	var list []*table
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			if t := tableOf(d); t != nil {
				list = append(list, t)
			}
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no table is declared in %s", dir)
	}
	return list, nil
}

func tableOf(d ast.Decl) *table {
	g, ok := d.(*ast.GenDecl)
	if !ok || g.Tok != token.TYPE || g.Doc == nil {
		return nil
	}
	text := oneLine(g.Doc.Text())
	spec := g.Specs[0].(*ast.TypeSpec)
	body, ok := spec.Type.(*ast.StructType)
	if !ok || notTables[spec.Name.Name] {
		return nil
	}
	t := &table{}
	if spec.Name.Name == wholeFile {
		t.name = "Before the first table"
	} else if first := isTable.FindStringSubmatch(text); first != nil {
		t.name, t.doc = "`"+first[1]+"`", text[len(first[0]):]
	} else {
		t.name, t.doc, _ = strings.Cut(strings.TrimPrefix(text, spec.Name.Name+" is "), ". ")
		t.name = strings.ToUpper(t.name[:1]) + strings.TrimSuffix(t.name[1:], ".")
	}
	keys := map[string]string{}
	for _, f := range body.Fields.List {
		for _, name := range f.Names {
			keys[name.Name] = config.Key(name.Name)
		}
	}
	for _, f := range body.Fields.List {
		for _, name := range f.Names {
			if text := oneLine(f.Doc.Text()); name.IsExported() && text != "Name is the table's name." && (spec.Name.Name != wholeFile || strings.Contains(text, "Default ")) {
				t.fields = append(t.fields, field{keys[name.Name], sentence(name.Name, text, keys)})
			}
		}
	}
	return t
}

// forProgrammers matches what concerns users of the package only.
var forProgrammers = regexp.MustCompile(`( as it was written)?[,:] see \[Config\.Path\]|File names are as they were written; see \[Config\.Path\]\.`)

func oneLine(text string) string {
	return forProgrammers.ReplaceAllString(strings.Join(strings.Fields(text), " "), "")
}

var word = regexp.MustCompile(`\[?\b[A-Z]\w*(\.[A-Z]\w*)?\b\]?`)

// sentence returns a field's comment with its key for its name, and for those of its neighbours that nobody could take for
// words.
func sentence(name, text string, keys map[string]string) string {
	rest, found := strings.CutPrefix(text, name)
	if !found {
		rest = " " + text
	}
	rest = word.ReplaceAllStringFunc(rest, func(w string) string {
		if key, ok := keys[w]; ok && strings.Contains(key, "_") {
			return "`" + key + "`"
		}
		if link := strings.Trim(w, "[]"); link != w {
			return "`" + link + "`"
		}
		return w
	})
	return "`" + keys[name] + "`" + rest
}

func (t *table) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n", t.name)
	if t.doc != "" {
		fmt.Fprintf(b, "%s\n\n", strings.ToUpper(t.doc[:1])+t.doc[1:])
	}
	for _, f := range t.fields {
		fmt.Fprintf(b, "- %s\n", f.doc)
	}
}
