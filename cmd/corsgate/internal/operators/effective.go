package operators

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
)

// This file shows a configuration to operators in the terms of the file that it was read from. The rules are:
//
//   - keys are those of the file; a test compares them with config.Example;
//   - durations and sizes are strings, as in the file, and a key that is not set is "";
//   - secrets are masked: a value from the environment or from a file is shown as its reference, and the value of a field
//     such as Authorization is not shown; certificates, keys and passwords are named by their files.

// A view shows one configuration.
type view struct{ cfg *config.Config }

// Effective returns cfg as a value for encoding/json.
func Effective(cfg *config.Config, generation uint64) any {
	e := &view{cfg}
	return map[string]any{
		"file":         cfg.File,
		"revision":     cfg.Revision,
		"generation":   generation,
		"default_cors": cfg.DefaultCORS,
		"listener":     named(e, "listener", cfg.Listeners),
		"tls":          e.plain("tls", reflect.ValueOf(cfg.TLS)),
		"admin":        e.plain("admin", reflect.ValueOf(cfg.Admin)),
		"log":          e.plain("log", reflect.ValueOf(cfg.Log)),
		"trust":        e.plain("trust", reflect.ValueOf(cfg.Trust)),
		"limits":       e.plain("limits", reflect.ValueOf(cfg.Limits)),
		"timeouts":     e.plain("timeouts", reflect.ValueOf(cfg.Timeouts)),
		"cache":        e.plain("cache", reflect.ValueOf(cfg.Cache)),
		"cors":         named(e, "cors", cfg.CORS),
		"upstream":     named(e, "upstream", cfg.Upstreams),
		"trace":        e.plain("trace", reflect.ValueOf(cfg.Trace)),
		"fleet":        e.plain("fleet", reflect.ValueOf(cfg.Fleet)),
		"auth":         named(e, "auth", cfg.Auths),
		"limit":        named(e, "limit", cfg.RateLimits),
		"redis":        e.plain("redis", reflect.ValueOf(cfg.Redis)),
		"route":        named(e, "route", cfg.Routes),
	}
}

// named returns tables with a field Name by their names.
func named[T any](e *view, section string, tables []T) map[string]any {
	byName := make(map[string]any, len(tables))
	for _, t := range tables {
		v := reflect.ValueOf(t)
		name := v.FieldByName("Name").String()
		table := e.plain(config.Join(section, name), v).(map[string]any)
		delete(table, "name")
		byName[name] = table
	}
	return byName
}

// plain returns the value at a path of a configuration as maps, slices, strings, numbers and booleans.
func (e *view) plain(path string, v reflect.Value) any {
	text := ""
	if v.Kind() == reflect.String {
		text = v.String()
	}
	if shown, ok := e.cfg.Shown(path, text); ok {
		return shown
	}
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
	case fmt.Stringer: // sizes and networks
		if v.Kind() != reflect.Pointer {
			return value.String()
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return e.plain(path, v.Elem())
	case reflect.Struct:
		table := make(map[string]any, v.NumField())
		for i := range v.NumField() {
			key := config.Key(v.Type().Field(i).Name)
			table[key] = e.plain(config.Join(path, key), v.Field(i))
		}
		return table
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = e.plain(config.Element(path, i), v.Index(i))
		}
		return list
	case reflect.Map:
		table := make(map[string]any, v.Len())
		for _, key := range v.MapKeys() {
			table[key.String()] = e.plain(config.Join(path, key.String()), v.MapIndex(key))
		}
		return table
	case reflect.Float64: // shares are the only ones
		return fmt.Sprintf("%g%%", 100*v.Float())
	}
	return v.Interface()
}
