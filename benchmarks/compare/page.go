//go:build linux

package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

//go:embed page.html
var pageHTML string

// pageResult is a Result with what is drawn of it.
type pageResult struct {
	Result
	Pictures []template.HTML
	Sheets   []Table
	Missing  []string
}

type legendEntry struct {
	Name   string
	Number int
	Dashed bool
}

type configText struct{ Name, Text string }

// page writes the report as one HTML file that refers to nothing outside itself.
func (r Report) page(w io.Writer) error {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("parse page.html: %w", err)
	}
	var data struct {
		Report   Report
		Took     time.Duration
		Findings []string
		Facts    [][2]string
		Legend   []legendEntry
		Configs  []configText
		Results  []pageResult
	}
	data.Report, data.Took, data.Findings, data.Facts = r, r.Took.Round(time.Second), r.findings(), r.facts()
	for _, name := range r.legend() {
		data.Legend = append(data.Legend, legendEntry{name, number(name), number(name) == 1})
	}
	for _, result := range r.Results {
		p := pageResult{Result: result, Sheets: result.tables(), Missing: result.absences()}
		for _, m := range result.Plots {
			picture, err := result.draw(m)
			if err != nil {
				return err
			}
			if picture != "" {
				p.Pictures = append(p.Pictures, template.HTML(picture))
			}
		}
		data.Results = append(data.Results, p)
	}
	if t := libraryTables(r.Libraries); len(t) > 0 {
		data.Results = append(data.Results, pageResult{Result: Result{Scenario: Scenario{Name: "libraries", Title: "Libraries", Note: libraryNote}}, Sheets: t})
	}
	if data.Configs, err = exampleConfigs(); err != nil {
		return err
	}
	return t.Execute(w, data)
}

// exampleConfigs returns the configurations of the zero Setup, as they are used but for folders and ports.
func exampleConfigs() (list []configText, err error) {
	v := Setup{}.values("DIR")
	v.Port, v.Upstream = 8080, 9000
	for _, name := range []string{"corsgate.toml", "nginx.conf", "nginx-route.inc", "haproxy.cfg", "Caddyfile", "upstream.conf"} {
		var text strings.Builder
		if err := render(&text, name, v); err != nil {
			return nil, err
		}
		list = append(list, configText{name, text.String()})
	}
	return list, nil
}
