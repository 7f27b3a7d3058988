package gateway

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/route"
)

// A compiledPolicy is a table [cors.NAME] and what became of it.
type compiledPolicy struct {
	table    config.CORS
	file     *originsFile // nil: no origins_file
	policy   *cors.Policy // nil: it will not do
	problems []cors.Problem
}

// compilePolicy compiles a table, or takes over what prev made of an equal one: a policy of a million origins is the work
// of a second, and most reloads are about something else. The error says why the file of origins cannot be read.
func compilePolicy(cfg *config.Config, c *config.CORS, prev *snapshot) (*compiledPolicy, error) {
	p := &compiledPolicy{table: *c}
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
	if prev != nil {
		if old := prev.policies[c.Name]; old != nil && old.same(p) {
			return old, nil
		}
	}
	settings := policyConfig(c)
	settings.FileOrigins = patterns
	p.policy, p.problems = cors.New(settings)
	return p, nil
}

// same reports whether p and what q is to become are the same policy.
func (p *compiledPolicy) same(q *compiledPolicy) bool {
	if p.file != nil && q.file != nil && (p.file.file != q.file.file || p.file.sum != q.file.sum) {
		return false
	}
	return (p.file == nil) == (q.file == nil) && reflect.DeepEqual(p.table, q.table)
}

// locate returns a problem of p with its place in the configuration file, or in the file of origins.
func (p *compiledPolicy) locate(cfg *config.Config, problem cors.Problem) config.Problem {
	at := p.at(cfg, problem.Key, problem.Index)
	if at.Key == "" {
		at.Message, at.Hint = problem.Message, problem.Hint // of a file: its text is no secret of the configuration
	} else {
		at = cfg.Problem(at.Key, problem.Index, problem.Message, problem.Hint)
	}
	if problem.OtherKey != "" {
		at.Message += ", at " + p.at(cfg, problem.OtherKey, problem.OtherIndex).Place()
	}
	return at
}

// at returns the place of a key of p's table, or of an element of it.
func (p *compiledPolicy) at(cfg *config.Config, key string, index int) config.Problem {
	if key == "origins_file" && index >= 0 {
		return p.file.place(index)
	}
	path := config.Join("cors", p.table.Name)
	if key, field, ok := strings.Cut(key, "."); ok {
		return cfg.Problem(config.Join(path+"."+key, field), index, "", "")
	}
	return cfg.Problem(path+"."+key, index, "", "")
}

// pattern returns the text and the place of an origin pattern of p, by the number that cors.Policy.AllowedOrigin gives.
func (p *compiledPolicy) pattern(cfg *config.Config, i int) (text, place string) {
	if n := len(p.table.Origins); i >= n {
		at := p.file.place(i - n)
		return originsLine(p.file.file, at.Line), at.Place()
	}
	shown, _ := cfg.Shown(config.Element("cors."+p.table.Name+".origins", i), p.table.Origins[i])
	return shown, p.at(cfg, "origins", i).Place()
}

// compilePolicies compiles all policies that the parser has not refused.
func (s *snapshot) compilePolicies(cfg *config.Config, prev *snapshot) (problems, warnings config.Problems) {
	var wrong, odd config.Findings
	for i := range cfg.CORS {
		c := &cfg.CORS[i]
		if len(c.Origins) == 0 && c.OriginsFile == "" {
			continue // the parser has said so
		}
		p, err := compilePolicy(cfg, c, prev)
		if err != nil {
			wrong.Add(func() config.Problem { return cfg.Problem("cors."+c.Name+".origins_file", -1, fmt.Sprint(err), "") })
			continue
		}
		s.policies[c.Name] = p
		for _, found := range p.problems {
			list := &wrong
			if found.Warning {
				list = &odd
			}
			list.Add(func() config.Problem { return p.locate(cfg, found) })
		}
	}
	return wrong.All("mistakes"), odd.All("warnings")
}

// policyFor returns the policy that shares what is said of a request for which no route is responsible: the one that the
// configuration names, or else that of the routes which are nearest; see [route.Table.Nearest]. It may be nil.
func (s *snapshot) policyFor(host, path []byte) *cors.Policy {
	if s.unrouted != nil {
		return s.unrouted
	}
	if i := s.table.Nearest(host, path); i != route.None {
		if p := s.policies[s.config.CORS[i-1].Name]; p != nil {
			return p.policy
		}
	}
	return nil
}
