package plan

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/render"
)

// Size of the picture and of its two panels, in pixels.
const (
	svgWidth, svgHeight = 820, 560
	panelLeft           = 70
	panelWidth          = 700
	panelHeight         = 190
	curveTop, setTop    = 50, 320
)

// SVG draws the summary: hits against capacity, with the capacities that were
// stated, and the working set. The picture stands alone: no scripts, no fonts,
// nothing from elsewhere.
func SVG(w io.Writer, s *Summary) error {
	d := &drawing{Summary: s}
	d.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" `+
		`font-size="11" fill="#222">`, svgWidth, svgHeight)
	d.add(`<rect width="%d" height="%d" fill="#fff"/>`, svgWidth, svgHeight)
	d.text(panelLeft, 20, "start", s.Name+": hit rate of prompt tokens against the capacity of an "+
		"LRU cache")
	d.curve()
	d.text(panelLeft, setTop-25, "start",
		"Working set in tokens: used so far and to be used again "+
			"(blue), all used so far (grey), of running requests (red)")
	d.set()
	d.add(`</svg>`)
	_, err := w.Write(d.b)
	return err
}

type drawing struct {
	*Summary
	b []byte
}

func (d *drawing) add(format string, args ...any) { d.b = fmt.Appendf(d.b, format+"\n", args...) }

func (d *drawing) text(x, y float64, anchor, s string) {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(human.Visible(s))) // a strings.Builder takes everything
	d.add(`<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, escaped.String())
}

func (d *drawing) line(x1, y1, x2, y2 float64, style string) {
	d.add(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>`, x1, y1, x2, y2, style)
}

func (d *drawing) path(points [][2]float64, style string) {
	var b strings.Builder
	for i, p := range points {
		fmt.Fprintf(&b, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], p[0], p[1])
	}
	d.add(`<path d="%s" %s/>`, b.String(), style)
}

const (
	gridStyle = `stroke="#ddd"`
	blueStyle = `fill="none" stroke="#1f5fb4" stroke-width="2"`
	greyStyle = `fill="none" stroke="#999" stroke-width="1.5"`
	redStyle  = `fill="none" stroke="#c0392b" stroke-width="1.5"`
)

// scale draws the horizontal lines of a panel and returns where a value lies.
func (d *drawing) scale(top float64, most float64,
	label func(float64) string) func(float64) float64 {
	y := func(v float64) float64 { return top + panelHeight*(1-v/most) }
	for i := range 5 {
		v := most * float64(i) / 4
		d.line(panelLeft, y(v), panelLeft+panelWidth, y(v), gridStyle)
		d.text(panelLeft-6, y(v)+4, "end", label(v))
	}
	return y
}

func (d *drawing) curve() {
	if len(d.points) == 0 {
		d.text(panelLeft, curveTop+panelHeight/2, "start", "nothing is ever used again")
		return
	}
	y := d.scale(curveTop, max(0.2, math.Ceil(d.Possible.Rate*5)/5), render.Percent)
	low := math.Log10(float64(max(1, d.points[0].Capacity)))
	high := math.Log10(float64(max(2, 2*d.Possible.Blocks)))
	x := func(blocks int) float64 {
		at := (math.Log10(float64(max(1, blocks))) - low) / (high - low)
		return panelLeft + panelWidth*max(0, min(1, at))
	}
	// Labels at capacities of 1, 2 and 5 tokens times a power of ten, as many
	// as there is room for.
	last := math.Inf(-1)
	for decade := 1.0; decade <= 1e15; decade *= 10 {
		for _, n := range []float64{1, 2, 5} {
			tokens := n * decade
			blocks := tokens / float64(d.BlockSize)
			at := panelLeft + panelWidth*(math.Log10(max(blocks, 1e-9))-low)/(high-low)
			if at < panelLeft || at > panelLeft+panelWidth || at < last+75 {
				continue
			}
			last = at
			d.line(at, curveTop, at, curveTop+panelHeight, gridStyle)
			d.text(at, curveTop+panelHeight+15, "middle", short(tokens))
			if d.blockBytes > 0 {
				gib := blocks * float64(d.blockBytes) / (1 << 30)
				d.text(at, curveTop+panelHeight+29, "middle", size(gib)+" GiB")
			}
		}
	}
	d.text(panelLeft-6, curveTop+panelHeight+15, "end", "tokens")
	rate := func(tokens int64) float64 { return float64(tokens) / float64(max(1, d.PromptTokens)) }
	var line [][2]float64
	for i, p := range d.points {
		if i > 0 {
			// it rises in steps
			line = append(line, [2]float64{x(p.Capacity), line[len(line)-1][1]})
		}
		line = append(line, [2]float64{x(p.Capacity), y(rate(p.HitTokens))})
	}
	line = append(line, [2]float64{panelLeft + panelWidth, line[len(line)-1][1]})
	d.path(line, blueStyle)
	if d.Prediction == nil {
		return
	}
	blocks := 0
	for _, t := range d.Prediction.Tiers {
		if t.Blocks < 0 {
			break
		}
		if d.Prediction.Exclusive {
			blocks += t.Blocks
		} else {
			blocks = max(blocks, t.Blocks)
		}
		d.line(x(blocks), curveTop-8, x(blocks), curveTop+panelHeight,
			`stroke="#c0392b" stroke-dasharray="4 3"`)
		d.text(x(blocks)+3, curveTop-10, "start", t.Tier)
	}
}

func (d *drawing) set() {
	n := len(d.WorkingSet)
	if n == 0 {
		return
	}
	most := 1
	for _, p := range d.WorkingSet {
		most = max(most, p.LiveBlocks, p.RunningBlocks)
	}
	y := d.scale(setTop, round(float64(most*d.BlockSize)), short)
	at := func(p WorkingSet) float64 {
		if p.AtMS != nil {
			return *p.AtMS
		}
		return float64(p.Requests)
	}
	end := max(at(d.WorkingSet[n-1]), 1e-9)
	var all, live, running [][2]float64
	for _, p := range d.WorkingSet {
		x := panelLeft + panelWidth*at(p)/end
		point := func(blocks int) [2]float64 {
			return [2]float64{x, y(float64(blocks * d.BlockSize))}
		}
		if len(all) == len(live) && p.UniqueBlocks <= most {
			all = append(all, point(p.UniqueBlocks))
		}
		live, running = append(live, point(p.LiveBlocks)), append(running, point(p.RunningBlocks))
	}
	// The line ends where it would leave the panel: nothing else could be seen
	// otherwise.
	if len(all) > 0 {
		d.path(all, greyStyle)
	}
	d.path(live, blueStyle)
	d.path(running, redStyle)
	d.text(panelLeft, setTop+panelHeight+15, "middle", "0")
	label := human.Thousands(d.Requests) + " requests"
	if d.WorkingSet[n-1].AtMS != nil {
		label = seconds(end)
	}
	d.text(panelLeft+panelWidth, setTop+panelHeight+15, "end", label)
}

// round is the next number of one digit 1, 2, 4 or 8 and zeros, whose quarters
// read well.
func round(v float64) float64 {
	for n := 1.0; ; n *= 10 {
		for _, digit := range []float64{1, 2, 4, 8} {
			if digit*n >= v {
				return digit * n
			}
		}
	}
}

// short writes a number of tokens with a unit: 1.5M.
func short(v float64) string {
	for _, u := range []struct {
		n    float64
		unit string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= u.n {
			return fmt.Sprintf("%.3g%s", v/u.n, u.unit)
		}
	}
	return fmt.Sprintf("%.3g", v)
}
