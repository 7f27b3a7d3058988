//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// write writes the three files, and the README's sections.
func write(r Report, o options, stdout io.Writer) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	var page strings.Builder
	if err := r.page(&page); err != nil {
		return err
	}
	tables := r.markdown()
	if len(r.Libraries) > 0 {
		tables += "\n### Libraries\n\n" + librariesMarkdown(r.Libraries)
	}
	for name, text := range map[string]string{"report.json": string(raw), "report.md": tables, "report.html": page.String()} {
		if err := os.WriteFile(filepath.Join(o.out, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := r.publish(o); err != nil {
		return err
	}
	for _, s := range r.findings() {
		fmt.Fprintln(stdout, "-", s)
	}
	fmt.Fprintf(stdout, "\n%s took %v\n", filepath.Join(o.out, "report.html"), r.Took.Round(time.Second))
	return nil
}

// publish writes pictures and the sections of the README and of results.md beside it, as the options say.
func (r Report) publish(o options) error {
	for _, name := range headlines {
		if o.plots == "" || !r.has(name) {
			continue
		}
		picture, err := r.headline(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(o.plots, name+".svg"), []byte(picture), 0o644); err != nil {
			return err
		}
	}
	if o.readme == "" {
		return nil
	}
	results := filepath.Join(filepath.Dir(o.readme), "results.md")
	if len(r.Results) > 0 {
		if err := insert(o.readme, "compare", r.summary()); err != nil {
			return err
		}
		if err := insert(results, "compare", r.sections()); err != nil {
			return err
		}
	}
	if len(r.Libraries) > 0 {
		return insert(results, "libraries", librariesMarkdown(r.Libraries))
	}
	return nil
}
