//go:build linux

package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// This file makes the pictures that stand in READMEs: plots of the page, with what they have of the page (colours, the legend)
// put inside.

// headlines are the scenarios of the pictures.
var headlines = []string{"forward", "h2-forward"}

const legendHeight = 36 // points

// has reports whether a scenario was measured.
func (r Report) has(scenario string) bool {
	return slices.ContainsFunc(r.Results, func(result Result) bool { return result.Name == scenario && len(result.Rows) > 0 })
}

// headline returns the plot of a scenario as an SVG file of its own.
func (r Report) headline(scenario string) (string, error) {
	i := slices.IndexFunc(r.Results, func(result Result) bool { return result.Name == scenario })
	if i < 0 {
		return "", errors.New("the scenario " + scenario + " was not measured")
	}
	result := r.Results[i]
	picture, err := result.draw(CPU)
	if err != nil {
		return "", err
	}
	var legend strings.Builder
	for at, name := range result.gateways() {
		x, y := 60+at%3*130, at/3*14-18
		fmt.Fprintf(&legend, `<circle cx="%d" cy="%d" r="4" style="fill:var(--s%d)"/><text x="%d" y="%d" style="fill:var(--ink);font-size:10px">%s</text>`+"\n",
			x, y-3, number(name), x+8, y, name)
	}
	picture = strings.Replace(picture, fmt.Sprintf(`viewBox="0 0 %d %d"`, plotWidth, plotHeight), fmt.Sprintf(`viewBox="0 -%d %d %d"`, legendHeight, plotWidth, plotHeight+legendHeight), 1)
	picture = strings.Replace(picture, "<svg ", fmt.Sprintf(`<svg width="%d" height="%d" style="font-family:system-ui,sans-serif" `, plotWidth*3/2, (plotHeight+legendHeight)*3/2), 1)
	at := strings.Index(picture, ">") + 1
	return picture[:at] + "\n" + colours() + picture[at:strings.LastIndex(picture, "</svg>")] + legend.String() + "</svg>\n", nil
}

// colours returns the page's colours, light and dark, as an SVG's style.
func colours() string {
	lines := regexp.MustCompile(`(?m)^ +--.*$`).FindAllString(pageHTML, -1)
	half := len(lines) / 2
	return "<style>svg {" + strings.Join(lines[:half], "") + " background: var(--page) }\n@media (prefers-color-scheme: dark) { svg {" +
		strings.Join(lines[half:], "") + " } }</style>\n"
}
