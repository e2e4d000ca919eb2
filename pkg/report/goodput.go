package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"multiturn/pkg/record"
)

// Limits are what a turn must stay within to count towards goodput; 0 = no limit.
type Limits struct {
	TTFTMS    float64 `json:"ttft_ms,omitempty"`
	TPOTMS    float64 `json:"tpot_ms,omitempty"`
	LatencyMS float64 `json:"latency_ms,omitempty"`
}

// ParseLimits reads limits in milliseconds, as in "ttft:200 tpot:50 latency:5000".
// Commas may separate them too.
func ParseLimits(s string) (Limits, error) {
	var l Limits
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, value, _ := strings.Cut(part, ":")
		ms, err := strconv.ParseFloat(value, 64)
		if err != nil || !(ms > 0) || math.IsInf(ms, 0) {
			return l, fmt.Errorf("limit %q: want a name and milliseconds above 0, as in ttft:200", part)
		}
		switch name {
		case "ttft":
			l.TTFTMS = ms
		case "tpot":
			l.TPOTMS = ms
		case "latency", "e2el":
			l.LatencyMS = ms
		default:
			return l, fmt.Errorf("limit %q: the names are ttft, tpot and latency", part)
		}
	}
	return l, nil
}

// OK reports whether there is any limit.
func (l Limits) OK() bool { return l != Limits{} }

// String returns the limits as ParseLimits reads them.
func (l Limits) String() string {
	var parts []string
	for _, p := range []struct {
		name string
		ms   float64
	}{{"ttft", l.TTFTMS}, {"tpot", l.TPOTMS}, {"latency", l.LatencyMS}} {
		if p.ms > 0 {
			parts = append(parts, p.name+":"+strconv.FormatFloat(p.ms, 'f', -1, 64))
		}
	}
	return strings.Join(parts, " ")
}

// met reports whether a measured turn stays within all limits. An answer in one
// chunk has no tpot to exceed.
func (l Limits) met(s record.Sample) bool {
	return within(s.TTFTMS, l.TTFTMS) && within(s.TPOTMS, l.TPOTMS) && within(s.LatencyMS, l.LatencyMS)
}

func within(v, limit float64) bool { return limit == 0 || !(v > limit) }

// Goodput is the turns that met all limits. Failed turns count against it, and so
// do turns that were not sent because an earlier one failed.
type Goodput struct {
	Limits Limits `json:"limits"`
	Good   int    `json:"good"`
	Of     int    `json:"of"`
	Share  Number `json:"share"`
	PerSec Number `json:"good_per_sec"`
}

func (c *Collector) goodput(d *Details) *Goodput {
	if !c.o.Goodput.OK() {
		return nil
	}
	g := &Goodput{Limits: c.o.Goodput, Share: unknown, PerSec: unknown}
	for i := range c.turns {
		t := &c.turns[i]
		if t.warmup || t.outside || t.arm != c.arm {
			continue
		}
		g.Of++
		if t.measured && g.Limits.met(t.sample()) {
			g.Good++
		}
	}
	if d.Arms == nil && c.o.Window.whole() {
		g.Of += d.Work.Turns.Abandoned // else it is unknown of which arm or window they are
	}
	if g.Of > 0 {
		g.Share = Number(float64(g.Good) / float64(g.Of))
	}
	if d.Throughput.Seconds.OK() {
		g.PerSec = Number(float64(g.Good)) / d.Throughput.Seconds
	}
	return g
}
