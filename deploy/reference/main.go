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

Every key of corsgate.toml with its meaning, unit and default. This file is generated from the doc comments of
gateway/config by ` + "`go run ./deploy/reference gateway/config > deploy/configuration.md`" + `; do not edit it.

Tables have names (` + "`[cors.app]`, `[route.api]`" + `), which other tables, logs, metrics and messages use.
Durations are strings such as "250ms", "10s", "24h"; sizes are strings such as "16KiB", "10MiB". File names are relative to
the directory of corsgate.toml. Unknown keys, invalid values and references to tables that do not exist are errors.
` + "`corsgate check`" + ` reports all of them at once, with file, line and what to write instead. ` + "`corsgate init`" + ` prints a
commented file to start from.

## Values from elsewhere

In any string, ` + "`${env:NAME}`" + ` is replaced by an environment variable, ` + "`${file:PATH}`" + ` by the content of a file without
its final newline, and ` + "`${credential:NAME}`" + ` by a systemd credential (` + "`LoadCredential=`" + `). Files are watched, and all values
are read again at each reload. A missing value is an error with its line. Dollar signs in such a value are literal, and
` + "`$${`" + ` is a literal ` + "`${`" + `. Such values are secret: ` + "`/config`" + `, metric labels, explain and messages show the reference
instead. The shared configuration of a fleet may refer only to files below ` + "`fleet.files`" + `; otherwise a revision could send a
gateway's environment to another server. (The log contains the address of an endpoint that cannot be reached.)

The contents of files that keys name are never shown either. Symbolic links are followed where a gateway's own file names them.

## Bounds

A configuration is TOML 1.1 of at most 4 MiB. The full name of a key has at most 10 parts and 256 bytes; values are nested at
most 32 deep. A section has at most 1000 tables (5000 routes, 100 limits). All upstreams and splits together have at most 10000
endpoints and shares, and at most 1000 values may be references. A report lists the first 100 mistakes and the number of others.
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
	for _, f := range body.Fields.List {
		for _, name := range f.Names {
			text := oneLine(f.Doc.Text())
			inFile := spec.Name.Name != wholeFile || strings.Contains(text, "Default ")
			if name.IsExported() && text != "Name is the table's name." && inFile {
				t.fields = append(t.fields, field{config.Key(name.Name), sentence(spec.Name.Name, name.Name, text)})
			}
		}
	}
	return t
}

// oneLine returns a comment as one line, without the sentences that refer to the methods of [config.Config]: those are for
// programmers. Only whole sentences are left out.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	var kept []string
	for len(text) > 0 {
		first, rest := text, ""
		if at := sentenceEnd.FindStringIndex(text); at != nil {
			first, rest = text[:at[0]+1], text[at[1]:]
		}
		if !strings.Contains(first, "[Config.") {
			kept = append(kept, first)
		}
		text = rest
	}
	return strings.Join(kept, " ")
}

var sentenceEnd = regexp.MustCompile(`[.] `)

// tables are the names of the tables that exist once, by their types: their keys are shown with the table's name.
var tables = map[string]string{
	"TLS": "tls", "Admin": "admin", "Log": "log", "Trust": "trust", "Limits": "limits", "Timeouts": "timeouts",
	"Cache": "cache", "Redis": "redis", "Trace": "trace", "Fleet": "fleet",
}

var link = regexp.MustCompile(`\[([A-Z]\w*)[.]([A-Z]\w*)\]`)

// sentence returns the comment of a field of type owner with keys for the names of fields.
func sentence(owner, name, text string) string {
	rest, found := strings.CutPrefix(text, name)
	if !found {
		rest = " " + text
	}
	rest = link.ReplaceAllStringFunc(rest, func(w string) string {
		part := link.FindStringSubmatch(w)
		if table := tables[part[1]]; table != "" && part[1] != owner {
			return "`" + table + "." + config.Key(part[2]) + "`"
		}
		return "`" + config.Key(part[2]) + "`"
	})
	return "`" + config.Key(name) + "`" + rest
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
