package config

import "strings"

// This file checks TOML's rules about defining a table or key twice, which the library checks only
// in part. See TOML 1.0, "Table", "Inline Table" and "Array of Tables". The rules are:
//
//   - a header may define what other headers have only implied, and each table once;
//   - a dotted key defines the tables on its way, in the table that it stands in and nowhere else: it cannot reach into a
//     table that a header has defined or implied, and no header can define its tables again, though it may add to them;
//   - the value of a key, an inline table or an array too, is complete where it ends.

// How a name came to be defined.
type definedBy uint8

const (
	byImplication definedBy = iota // as a part of a header's name
	byHeader
	byDottedKey
	byArrayHeader
	byValue
)

// A definition is a table, or a value.
type definition struct {
	by      definedBy
	line    int
	element int32 // the table that further names are looked for in; of an array of tables its last element
}

// A definedName is a name in a table.
type definedName struct {
	table int32
	name  string
}

// definitions are those of one text. Tables are numbered; 0 is the root.
type definitions struct {
	at     map[definedName]*definition
	tables int32
	first  lineFault // its line is 0 if the text has no such fault
}

func newDefinitions() definitions { return definitions{at: map[definedName]*definition{}} }

// inline returns the number of a table that no name leads to.
func (d *definitions) inline() int32 {
	d.tables++
	return d.tables
}

func (d *definitions) define(table int32, name string, by definedBy, line int) *definition {
	n := &definition{by, line, d.inline()}
	d.at[definedName{table, name}] = n
	return n
}

// complain notes that the parts up to an index cannot be defined at a line, because of an earlier definition.
func (d *definitions) complain(parts []string, i, line int, earlier *definition) {
	if d.first.line > 0 {
		return
	}
	name := ""
	for _, part := range parts[:i+1] {
		name = joinKey(name, part)
	}
	is := map[definedBy]string{
		byImplication: "is a table already", byHeader: "is a table already", byDottedKey: "is defined by dotted keys already",
		byArrayHeader: "is an array of tables already", byValue: "has a value already",
	}[earlier.by]
	f := faultf("%s %s, at line %d", name, is, earlier.line)
	f.hint = "write it in one place"
	if strings.Contains(is, "value") {
		f.hint = "an inline table cannot be extended later: write all of it there"
	}
	d.first = lineFault{line, f}
}

// header defines what [a.b], or [[a.b]], defines, and returns the table that follows.
func (d *definitions) header(parts []string, array bool, line int) (table int32) {
	for i, part := range parts {
		n := d.at[definedName{table, part}]
		last := i == len(parts)-1
		switch {
		case n == nil && !last:
			n = d.define(table, part, byImplication, line)
		case n == nil && array:
			n = d.define(table, part, byArrayHeader, line)
		case n == nil:
			n = d.define(table, part, byHeader, line)
		case !last && n.by != byValue:
		case last && array && n.by == byArrayHeader:
			n.element = d.inline()
		case last && !array && n.by == byImplication:
			n.by, n.line = byHeader, line
		default:
			d.complain(parts, i, line, n)
			return d.inline()
		}
		table = n.element
	}
	return table
}

// assign defines what a.b = … defines in a table, and returns the number of b.
func (d *definitions) assign(table int32, parts []string, line int) int32 {
	for i, part := range parts {
		n := d.at[definedName{table, part}]
		last := i == len(parts)-1
		switch {
		case n == nil && last:
			n = d.define(table, part, byValue, line)
		case n == nil:
			n = d.define(table, part, byDottedKey, line)
		case last || n.by != byDottedKey:
			d.complain(parts, i, line, n)
			return d.inline()
		}
		table = n.element
	}
	return table
}
