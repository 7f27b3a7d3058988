// Package policy compiles a [cors.NAME]: the policy, its file of origins, its shadow, and the location of each mistake. It is
// internal to corsgate.
package policy

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/files"
)

// A Policy is a table [cors.NAME] and what became of it. It is never written to once it was compiled.
type Policy struct {
	Table    config.CORS
	CORS     *cors.Policy // nil: it will not do
	file     *originsFile // nil: no origins_file
	problems []cors.Problem
}

// A Set has the policies of a configuration by name.
type Set map[string]*Policy

// Compile compiles all policies that the parser has not refused. It takes over from prev, which may be nil, those whose tables
// and files of origins are the same.
func Compile(cfg *config.Config, prev Set) (s Set, problems, warnings config.Problems) {
	s = Set{}
	var wrong, odd config.Findings
	for i := range cfg.CORS {
		c := &cfg.CORS[i]
		if len(c.Origins) == 0 && c.OriginsFile == "" {
			continue // the parser has said so
		}
		p, err := compile(cfg, c, prev)
		if err != nil {
			wrong.Add(func() config.Problem { return cfg.Problem("cors."+c.Name+".origins_file", -1, fmt.Sprint(err), "") })
			continue
		}
		s[c.Name] = p
		for _, found := range p.problems {
			list := &wrong
			if found.Warning {
				list = &odd
			}
			list.Add(func() config.Problem { return p.locate(cfg, found) })
		}
	}
	return s, wrong.All("mistakes"), odd.All("warnings")
}

// Files returns the files of origins by path, with their digests.
func (s Set) Files() map[string]files.Digest {
	all := map[string]files.Digest{}
	for _, p := range s {
		if p.file != nil {
			all[p.file.path] = p.file.sum
		}
	}
	return all
}

// compile compiles a table, or takes over what prev made of an equal one: a policy of a million origins is the work
// of a second, and most reloads are about something else. The error says why the file of origins cannot be read.
func compile(cfg *config.Config, c *config.CORS, prev Set) (*Policy, error) {
	p := &Policy{Table: *c}
	var patterns []string
	if c.OriginsFile != "" {
		named, err := cfg.Named("cors."+c.Name+".origins_file", c.OriginsFile)
		if err != nil {
			return p, err
		}
		if p.file, patterns, err = readOrigins(named); err != nil {
			return p, err
		}
	}
	if old := prev[c.Name]; old != nil && old.same(p) {
		return old, nil
	}
	settings := Settings(c)
	settings.FileOrigins = patterns
	p.CORS, p.problems = cors.New(settings)
	return p, nil
}

// same reports whether p and what q is to become are the same policy.
func (p *Policy) same(q *Policy) bool {
	if p.file != nil && q.file != nil && (p.file.file != q.file.file || p.file.sum != q.file.sum) {
		return false
	}
	return (p.file == nil) == (q.file == nil) && reflect.DeepEqual(p.Table, q.Table)
}

// locate returns a problem of p with its place in the configuration file, or in the file of origins.
func (p *Policy) locate(cfg *config.Config, problem cors.Problem) config.Problem {
	at := p.at(cfg, problem.Key, problem.Index)
	if at.Key == "" {
		at.Message, at.Hint = problem.Message, problem.Hint // from a file: its text is not a secret of the configuration
	} else {
		at = cfg.Problem(at.Key, problem.Index, problem.Message, problem.Hint)
	}
	if problem.OtherKey != "" {
		at.Message += ", at " + p.at(cfg, problem.OtherKey, problem.OtherIndex).Place()
	}
	return at
}

// at returns the place of a key of p's table, or of an element of it.
func (p *Policy) at(cfg *config.Config, key string, index int) config.Problem {
	if key == "origins_file" && index >= 0 {
		return p.file.place(index)
	}
	path := config.Join("cors", p.Table.Name)
	if key, field, ok := strings.Cut(key, "."); ok {
		return cfg.Problem(config.Join(path+"."+key, field), index, "", "")
	}
	return cfg.Problem(path+"."+key, index, "", "")
}

// Pattern returns the text and the place of an origin pattern of p, by the number that cors.Policy.AllowedOrigin gives.
func (p *Policy) Pattern(cfg *config.Config, i int) (text, place string) {
	if n := len(p.Table.Origins); i >= n {
		at := p.file.place(i - n)
		return originsLine(p.file.file, at.Line), at.Place()
	}
	shown, _ := cfg.Shown(config.Element("cors."+p.Table.Name+".origins", i), p.Table.Origins[i])
	return shown, p.at(cfg, "origins", i).Place()
}

// Settings returns what package cors makes a policy of. The contents of a file of origins are not
// part of it.
func Settings(c *config.CORS) cors.Config {
	return cors.Config{
		Origins:              c.Origins,
		Methods:              c.Methods,
		RequestHeaders:       c.RequestHeaders,
		ExposeHeaders:        c.ExposeHeaders,
		Credentials:          c.Credentials,
		MaxAge:               c.MaxAge,
		PreflightStatus:      c.PreflightStatus,
		DeniedBlock:          c.Denied == "block",
		UpstreamCORS:         c.UpstreamCORS,
		PreflightHeaders:     literals(c.PreflightHeaders),
		RefusedPreflight:     c.RefusedPreflight,
		ExposeOnPreflight:    c.ExposeOnPreflight,
		PrivateNetwork:       c.PrivateNetwork,
		TimingAllowOrigin:    c.TimingAllowOrigin,
		ResourcePolicy:       c.ResourcePolicy,
		WebSocketOriginCheck: c.WebSocketOriginCheck,
		AllowNullOrigin:      c.DangerouslyAllowNullOrigin,
		AllowFileOrigin:      c.DangerouslyAllowFileOrigin,
		AllowHTTPOrigins:     c.DangerouslyAllowHTTPOrigins,
		AllowPublicSuffixes:  c.DangerouslyAllowPublicSuffixes,
		ReflectAnyOrigin:     c.DangerouslyReflectAnyOrigin,
	}
}

// literals returns fields whose values have no variables, with "$" for "$$".
func literals(fields map[string]string) map[string]string {
	values := make(map[string]string, len(fields))
	for name, value := range fields {
		values[name] = config.Parts(value)[0].Text
	}
	return values
}
