package main

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
)

// This file shows a configuration to operators in the terms of the file it was read from. The
// rules are:
//
//   - keys are those of the file; a test holds that against config.Example;
//   - durations and sizes are strings as one would write them, and what is not set is "";
//   - secrets would be masked here. No key of this version holds one: certificates, keys and passwords are
//     named by their files.

// effective returns cfg as encoding/json is to show it.
func effective(cfg *config.Config, generation uint64) any {
	return map[string]any{
		"file":       cfg.File,
		"revision":   cfg.Revision,
		"generation": generation,
		"listener":   named(cfg.Listeners),
		"tls":        plain(reflect.ValueOf(cfg.TLS)),
		"admin":      plain(reflect.ValueOf(cfg.Admin)),
		"log":        plain(reflect.ValueOf(cfg.Log)),
		"trust":      plain(reflect.ValueOf(cfg.Trust)),
		"limits":     plain(reflect.ValueOf(cfg.Limits)),
		"timeouts":   plain(reflect.ValueOf(cfg.Timeouts)),
		"cache":      plain(reflect.ValueOf(cfg.Cache)),
		"cors":       named(cfg.CORS),
		"upstream":   named(cfg.Upstreams),
		"trace":      plain(reflect.ValueOf(cfg.Trace)),
		"fleet":      plain(reflect.ValueOf(cfg.Fleet)),
		"limit":      named(cfg.RateLimits),
		"redis":      plain(reflect.ValueOf(cfg.Redis)),
		"route":      named(cfg.Routes),
	}
}

// named returns tables with a field Name by their names.
func named[T any](tables []T) map[string]any {
	byName := make(map[string]any, len(tables))
	for _, t := range tables {
		table := plain(reflect.ValueOf(t)).(map[string]any)
		name := table["name"].(string)
		delete(table, "name")
		byName[name] = table
	}
	return byName
}

// plain returns a value of a configuration as maps, slices, strings, numbers and booleans.
func plain(v reflect.Value) any {
	switch value := v.Interface().(type) {
	case config.Endpoint:
		return value.URL
	case time.Duration:
		if value == config.Auto {
			return "auto"
		}
		return value.String()
	case slog.Level:
		return strings.ToLower(value.String())
	case fmt.Stringer: // sizes, networks
		if v.Kind() != reflect.Pointer {
			return value.String()
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return plain(v.Elem())
	case reflect.Struct:
		table := make(map[string]any, v.NumField())
		for i := range v.NumField() {
			table[config.Key(v.Type().Field(i).Name)] = plain(v.Field(i))
		}
		return table
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	case reflect.Map:
		table := make(map[string]any, v.Len())
		for _, key := range v.MapKeys() {
			table[key.String()] = plain(v.MapIndex(key))
		}
		return table
	case reflect.Float64: // shares are the only ones
		return fmt.Sprintf("%g%%", 100*v.Float())
	}
	return v.Interface()
}
