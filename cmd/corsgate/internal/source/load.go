// Package source reads configurations from where commands find them: a file, standard input, a
// revision of a fleet, or the copy of a revision on disk.
package source

import (
	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
)

// Load reads the configuration file at path (see [Read]), and returns its text as well. The error is of type
// config.Problems and holds what all stages found, or says why the file cannot be read; see [Problems].
func Load(path string) (config.Source, *config.Config, error) {
	own, err := Read(path)
	if err != nil {
		return own, nil, err
	}
	cfg, err := Compose(own, nil)
	return own, cfg, err
}

// LoadWhole is Load, for a gateway in a fleet together with the shared configuration: the file
// at shared, or if that is "" the copy that the gateway keeps on disk.
func LoadWhole(path, shared string) (*config.Config, error) {
	own, cfg, err := Load(path)
	if err != nil || cfg.Fleet == nil && shared == "" {
		return cfg, err
	}
	if shared != "" {
		text, err := Read(shared)
		if err != nil {
			return nil, err
		}
		return Compose(own, &text)
	}
	name, err := MemberName(cfg)
	if err != nil {
		return nil, err
	}
	number, text, err := LastGood(cfg, name).Read()
	if err != nil {
		return nil, cfg.Problem("fleet", -1, "this gateway's copy of the fleet's configuration cannot be read: "+err.Error(), "name a file with --fleet, or ask the gateway: /explain on its admin address")
	}
	return Compose(own, Revision(number, string(text)))
}

// Compose parses the text of a file and, unless it is nil, the configuration that a fleet
// shares. The error is of type config.Problems and holds what all stages found.
func Compose(own config.Source, shared *config.Source) (*config.Config, error) {
	cfg, err := Parse(own, shared)
	if err == nil {
		return cfg, nil
	}
	problems, _ := Problems(err)
	if cfg == nil {
		return nil, problems
	}
	// Errors of the parser must not hide those of the later stages.
	more, _ := gateway.Check(cfg)
	return nil, Merge(problems, more)
}

// Parse is the first stage of Compose. It returns the configuration also if there are problems, unless they are too
// basic.
func Parse(own config.Source, shared *config.Source) (*config.Config, error) {
	if shared == nil {
		return config.Parse(own.Name, own.Text)
	}
	return config.ParseFleet(own, *shared)
}
