//go:build linux

package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// This file draws the plots with gonum/plot, as SVG to stand inside the page. Its rules are:
//
//   - colours are tokens that the page's style sheet resolves, so that one picture serves light and dark;
//   - a gateway has the same colour and mark in every plot, and the page one legend for all;
//   - scales that span much are logarithmic, and say so by their ticks.

const (
	plotWidth  = 460 // points
	plotHeight = 270
)

// series are the gateways in the order of their colours.
var series = []string{"corsgate", "corsgate (fasthttp)", "nginx", "HAProxy", "Caddy", "cached", "computed"}

// token returns a colour that stands for the style sheet's --NAME: gonum wants numbers, the page wants names.
func token(n int) color.Color { return color.RGBA{0xfe, 0xdc, byte(n), 0xff} }

const ink, faint = 0xf0, 0xf1 // tokens beside those of series

// themed replaces the tokens in an SVG by the style sheet's colours, and its fonts by the page's.
func themed(svg []byte) string {
	pairs := []string{"#FEDCF0", "var(--ink)", "#FEDCF1", "var(--grid)", "#fedcf0", "var(--ink)", "#fedcf1", "var(--grid)",
		"font-family:Liberation Sans", "font-family:inherit"}
	for i := range series {
		pairs = append(pairs, fmt.Sprintf("#FEDC%02X", i), fmt.Sprintf("var(--s%d)", i), fmt.Sprintf("#fedc%02x", i), fmt.Sprintf("var(--s%d)", i))
	}
	_, picture, _ := strings.Cut(string(svg), "<svg ")
	// The page scales it by its viewBox.
	_, rest, _ := strings.Cut(picture, "viewBox")
	return strings.NewReplacer(pairs...).Replace(`<svg role="img" viewBox` + rest)
}

// draw returns a plot of one metric of a result, or "" if there is nothing to draw.
func (r Result) draw(m Metric) (string, error) {
	xs := r.xs()
	if len(xs) == 0 {
		return "", nil
	}
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Label.Text, p.Y.Label.Text = r.Axis, m.title()
	low, high := math.Inf(1), 0.0
	for _, row := range r.Rows {
		v := row.median(m)
		low, high = min(low, v), max(high, v)
	}
	p.Add(grid())
	p.Y.Min, p.Y.Max, p.Y.Tick.Marker = 0, high*1.08, plain{plot.DefaultTicks{}}
	if low > 0 && high/low > 12 {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, decades{}
		p.Y.Min, p.Y.Max = low*0.8, high*1.25
	}
	place, ticks := positions(xs)
	p.X.Tick.Marker, p.X.Min, p.X.Max = ticks, place(xs[0])-0.15, place(xs[len(xs)-1])+0.15
	style(&p.X)
	style(&p.Y)
	for _, name := range r.gateways() {
		if err := r.line(p, name, m, place); err != nil {
			return "", err
		}
	}
	c := vgsvg.NewWith(vgsvg.UseWH(plotWidth, plotHeight))
	p.Draw(draw.Crop(draw.New(c), 0, -4, 4, -4))
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		return "", fmt.Errorf("draw %s: %w", r.Name, err)
	}
	return themed(out.Bytes()), nil
}

// line adds one gateway.
func (r Result) line(p *plot.Plot, name string, m Metric, place func(int) float64) error {
	var points plotter.XYs
	for _, x := range r.xs() {
		if row := r.row(name, x); row != nil {
			points = append(points, plotter.XY{X: place(x), Y: row.median(m)})
		}
	}
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return fmt.Errorf("plot %s of %s: %w", name, r.Name, err)
	}
	shapes := []draw.GlyphDrawer{draw.CircleGlyph{}, draw.RingGlyph{}, draw.SquareGlyph{}, draw.PyramidGlyph{}, draw.BoxGlyph{}, draw.CircleGlyph{}, draw.SquareGlyph{}}
	i := number(name)
	line.Color, line.Width = token(i), vg.Points(1.8)
	dots.Color, dots.Radius, dots.Shape = token(i), vg.Points(3), shapes[i]
	if i == 1 {
		line.Dashes = []vg.Length{vg.Points(5), vg.Points(3)}
	}
	p.Add(line, dots)
	return nil
}

// number returns the place of a name in series; of names that it lacks the last one.
func number(name string) int {
	for i, s := range series {
		if s == name {
			return i
		}
	}
	return len(series) - 1
}

// positions returns where each X stands, and its ticks: evenly, in order, each with its number. What is measured
// is a handful of X, mostly decades apart; a true scale would set 0 apart, and leave ticks without a measurement.
func positions(xs []int) (place func(int) float64, ticks plot.ConstantTicks) {
	at := map[int]float64{}
	for i, x := range xs {
		at[x] = float64(i)
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: short(x)})
	}
	return func(x int) float64 { return at[x] }, ticks
}

// short writes 1000000 as 1M, and 65536 as 64Ki.
func short(x int) string {
	for _, u := range []struct {
		unit int
		name string
	}{{1 << 20, "Mi"}, {1_000_000, "M"}, {1000, "k"}, {1 << 10, "Ki"}} {
		if x >= u.unit && x%u.unit == 0 {
			return strconv.Itoa(x/u.unit) + u.name
		}
	}
	return strconv.Itoa(x)
}

func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color = nil
	g.Horizontal.Color, g.Horizontal.Width = token(faint), vg.Points(0.8)
	return g
}

func style(a *plot.Axis) {
	a.Color, a.Width, a.Padding = token(faint), vg.Points(0.8), 0
	a.Tick.Color, a.Tick.Length = token(faint), vg.Points(3)
	for _, t := range []*text.Style{&a.Label.TextStyle, &a.Tick.Label} {
		t.Color = token(ink)
		t.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(10)}
	}
	a.Label.Padding = vg.Points(4)
}

// plain writes ticks without needless digits.
type plain struct{ plot.Ticker }

func (p plain) Ticks(low, high float64) []plot.Tick {
	list := p.Ticker.Ticks(low, high)
	for i, t := range list {
		if t.Label != "" {
			list[i].Label = strconv.FormatFloat(t.Value, 'g', 4, 64)
		}
	}
	return list
}

// decades are ticks for a logarithmic scale, at 1, 2 and 5.
type decades struct{}

func (decades) Ticks(low, high float64) (list []plot.Tick) {
	few := high/low > 2000 // then only the powers of ten are named
	for e := math.Floor(math.Log10(low)); e <= math.Log10(high); e++ {
		for _, f := range []float64{1, 2, 5} {
			if v := f * math.Pow(10, e); v >= low && v <= high && (f == 1 || !few) {
				list = append(list, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
			}
		}
	}
	return list
}

// figure writes v with as many digits as mean something.
func figure(v float64) string {
	digits := 0
	switch abs := math.Abs(v); {
	case abs == 0 || abs >= 100:
	case abs >= 10:
		digits = 1
	case abs >= 0.1:
		digits = 2
	default:
		digits = 3
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	for i := len(s) - 3; i > 0 && digits == 0 && len(s) > 4; i -= 3 { // thousands apart
		s = s[:i] + " " + s[i:]
	}
	return s
}
