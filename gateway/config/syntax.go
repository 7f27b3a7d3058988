package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// This file explains errors in a text that is not TOML. The library quotes the text where it
// stopped, which may be a secret written without quotes, or a line of a file that is not a
// configuration. So its messages are never passed on: they only select one of ours, which says what
// is expected, and the place is given by line and column.

const inQuotes = `write text in quotes: key = "text"`

// syntax maps a part of the library's message to the explanation. The first match counts.
var syntax = []struct {
	part string
	fault
}{
	{"end with a newline", fault{"the line must end after a value", inQuotes}},
	{"delimiter ']'", fault{`the name of an array of tables ends in "]]"`, ""}},
	{"table names cannot be empty", fault{"a name of a table, or a part of it, is empty", ""}},
	{"'.' or ']' to end table name", fault{`the name of a table continues with "." or ends in "]"`, ""}},
	{"'.' or '='", fault{`the name of a key is followed by "="`, `write key = "value"`}},
	{"key separator '='", fault{`the name of a key is followed by "="`, `write key = "value"`}},
	{"unexpected '='", fault{`there is no key before "="`, ""}},
	{"keys cannot start with a '.'", fault{"the name of a key, or a part of it, is empty", ""}},
	{"unexpected '.'", fault{"the name of a key, or a part of it, is empty", ""}},
	{"unexpected comma", fault{`there is no value before ","`, ""}},
	{"array terminator", fault{`a value of an array is followed by "," or "]"`, inQuotes}},
	{"inline table terminator", fault{`a value of an inline table is followed by "," or "}"`, inQuotes}},
	{"within inline tables", fault{"an inline table ends on the line that it begins on", ""}},
	{"strings cannot contain newlines", fault{"a string in quotes ends on the line that it begins on", `write the closing quote, or """ at both ends`}},
	{`unexpected EOF; expected "`, fault{"the text ends within a string", "write the closing quote"}},
	{`unexpected EOF; expected '`, fault{"the text ends within a string", "write the closing quote"}},
	{`unexpected '""""""'`, fault{"a string ends in too many quotes", ""}},
	{`unexpected "''''''"`, fault{"a string ends in too many quotes", ""}},
	{"hexadecimal digits after", fault{`\x is followed by two hexadecimal digits, \u by four, \U by eight`, `write \\ for a backslash`}},
	{"escape", fault{"a backslash in a string begins no escape that TOML has", `write \\ for a backslash, or the string in single quotes`}},
	{"is not valid UTF-8", fault{"an escape in a string does not stand for a character", ""}},
	{"control characters", fault{"a control character is not allowed here", ""}},
	{"datetime", fault{"this is neither a date nor a number", inQuotes}},
	{"out of range", fault{"the number is too large", ""}},
	{"out of the safe", fault{"the number is too large", ""}},
	{"integer", fault{"this is not a number", inQuotes}},
	{"float", fault{"this is not a number", inQuotes}},
	{"number", fault{"this is not a number", inQuotes}},
	{"expected a digit", fault{"this is not a number", inQuotes}},
	{"expected value", fault{"a value is expected: a string in quotes, a number, true, false, an array or a table", inQuotes}},
	{"unexpected EOF", fault{"the text ends too early", ""}},
}

// decode parses TOML into maps, slices and scalars. It does not decode into structs, because the library then
// matches keys in any case and stops at the first value of a wrong type.
func decode(text []byte, values *map[string]any) (err error) {
	defer func() {
		// The library panics where its parser contradicts itself. A configuration file must not take down a
		// gateway that reloads it.
		if p := recover(); p != nil {
			err = errors.New("")
		}
	}()
	_, err = toml.Decode(string(text), values)
	return err
}

// syntaxProblem turns an error of the TOML library into a Problem.
func syntaxProblem(file string, text []byte, places *places, err error) Problem {
	parse := toml.ParseError{}
	if !errors.As(err, &parse) {
		return Problem{File: file, Line: 1, Message: "this is not TOML"}
	}
	// The library may point past a final newline.
	last := bytes.Count(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) + 1
	line := min(max(parse.Position.Line, 1), last)
	if rest, ok := strings.CutPrefix(parse.Message, "Key '"); ok { // it is TOML, and the name of a key is not a secret
		key, _, _ := strings.Cut(rest, "'")
		p := Problem{File: file, Line: line, Message: fmt.Sprintf("key '%s' has already been defined", key)}
		if first := places.line(key, -1); first < line {
			p.Hint = fmt.Sprintf("first at line %d", first)
		}
		return p
	}
	f := fault{message: "this is not TOML"}
	for _, s := range syntax {
		if strings.Contains(parse.Message, s.part) {
			f = s.fault
			break
		}
	}
	f.message = fmt.Sprintf("column %d: %s", column(text, line, parse.Position.Start), f.message)
	return Problem{File: file, Line: line, Message: f.message, Hint: f.hint}
}

// column returns the number of the character at an offset, in its line, from 1. An offset
// before the line counts as its first character, one after it as its end.
func column(text []byte, line, offset int) int {
	for ; line > 1; line-- {
		end := bytes.IndexByte(text, '\n')
		text, offset = text[end+1:], offset-end-1
	}
	if end := bytes.IndexByte(text, '\n'); end >= 0 {
		text = text[:end]
	}
	return utf8.RuneCount(text[:min(max(offset, 0), len(text))]) + 1
}
