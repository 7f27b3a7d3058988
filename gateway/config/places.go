package config

import (
	"strconv"
	"strings"
)

// place is where a key or table stands.
type place struct {
	line     int
	order    int   // rank of the first mention among all places
	explicit bool  // named by a header or a key, not only implied
	elements []int // the line of each element, if the value is an array
}

// places is the result of locate. A nil *places knows no key.
type places struct {
	at    map[string]*place
	over  lineFault // the bound that the text exceeds; its line is 0 if it exceeds none
	twice lineFault // the first table or key that is defined although it may not be; as above
}

// A lineFault is a fault and where it is.
type lineFault struct {
	line int
	fault
}

func (f lineFault) problem(file string) Problem {
	return Problem{File: file, Line: f.line, Message: f.message, Hint: f.hint}
}

// line returns the line of key, or the line of its element index if index >= 0 and there is one.
// For a key that is not there it is the line of the nearest table around it, or else 1.
func (p *places) line(key string, index int) int {
	if p == nil {
		return 1
	}
	for {
		if at := p.at[key]; at != nil {
			if index >= 0 && index < len(at.elements) {
				return at.elements[index]
			}
			return at.line
		}
		dot := strings.LastIndexByte(key, '.')
		if dot < 0 {
			return 1
		}
		key, index = key[:dot], -1
	}
}

// has reports whether key is in the file.
func (p *places) has(key string) bool { return p.at[key] != nil }

// drop forgets sections and their contents.
func (p *places) drop(sections map[string]bool) {
	for key := range p.at {
		if sections[section(key)] {
			delete(p.at, key)
		}
	}
}

// section returns the first part of a path.
func section(path string) string {
	if strings.HasPrefix(path, `"`) {
		if quoted, err := strconv.QuotedPrefix(path); err == nil {
			return quoted
		}
	}
	first, _, _ := strings.Cut(path, ".")
	return first
}

// order returns the rank of key's first mention in the file. Keys that are not there come last.
func (p *places) order(key string) int {
	if at := p.at[key]; at != nil {
		return at.order
	}
	return len(p.at)
}

// keep reduces the element lines of key to those of the given indices, in rising order.
func (p *places) keep(key string, indices []int) {
	at := p.at[key]
	if at == nil {
		return
	}
	var lines []int
	for _, i := range indices {
		if i < len(at.elements) {
			lines = append(lines, at.elements[i])
		}
	}
	at.elements = lines
}

// joinKey appends a key to the path of its table.
func joinKey(path, key string) string {
	if !isName(key) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
