package report

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"multiturn/internal/limits"
	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// Window is the part of a run that its table, intervals and findings are of: the
// turns that were sent in it. The zero value is the whole run, but intervals and
// what follows from them are of the steady part if times are others there.
type Window struct {
	// All means that intervals are of the whole run too.
	All bool `json:"all,omitempty"`
	// Steady means the part in which the load was as it was meant to be; From and To
	// are 0 then.
	Steady bool `json:"steady,omitempty"`
	// From and To are seconds after the first turn was sent. To 0 is the end.
	From float64 `json:"from_sec,omitempty"`
	To   float64 `json:"to_sec,omitempty"`
}

// Names of windows.
const (
	windowAuto   = "auto"
	windowAll    = "all"
	windowSteady = "steady"
)

// ParseWindow reads "auto", "all", "steady", or FROM..TO in seconds after the first turn
// was sent. Either end may be left out.
func ParseWindow(s string) (Window, error) {
	var w Window
	switch s {
	case windowAuto:
		return w, nil
	case windowAll:
		return Window{All: true}, nil
	case windowSteady:
		return Window{Steady: true}, nil
	}
	from, to, ok := strings.Cut(s, "..")
	if ok {
		ok = seconds(from, &w.From) && seconds(to, &w.To) && (to == "" || w.To > w.From)
	}
	if !ok || w == (Window{}) {
		return Window{}, errors.New("want auto, all, steady, or FROM..TO in seconds, as in 10..60")
	}
	return w, nil
}

// seconds sets to to the time in s; nothing is 0.
func seconds(s string, to *float64) (ok bool) {
	if s == "" {
		return true
	}
	v, err := strconv.ParseFloat(s, 64)
	*to = v
	return err == nil && v >= 0 && v <= limits.Clock/1e9
}

// String returns the window as ParseWindow reads it.
func (w Window) String() string {
	switch {
	case w.Steady:
		return windowSteady
	case w.All:
		return windowAll
	case w == Window{}:
		return windowAuto
	}
	to := ""
	if w.To > 0 {
		to = strconv.FormatFloat(w.To, 'f', -1, 64)
	}
	return strconv.FormatFloat(w.From, 'f', -1, 64) + ".." + to
}

// whole reports whether the table is of the whole run.
func (w Window) whole() bool { return w.All || w == Window{} }

// period is a part of the run, from <= time < to.
type period struct{ from, to record.Clock }

// always is the whole run.
var always = period{math.MinInt64, math.MaxInt64}

func (p period) contains(at record.Clock) bool { return p.from <= at && at < p.to }

// load returns when the measured load began and ended; ok is false if there was
// none. The turns are in the order of their sending.
func (c *Collector) load() (all period, ok bool) {
	for i := range c.turns {
		t := &c.turns[i]
		if t.warmup || !t.sent.OK() {
			continue
		}
		if !ok {
			all.from, ok = t.sent, true
		}
		all.to = max(all.to, t.end, t.sent+1)
	}
	return all, ok
}

// clip leaves the turns outside of the window out of what is measured. It returns
// the window's part of the run; ok is false if it is the whole run, or empty.
func (c *Collector) clip(w Window) (l period, ok bool) {
	all, ok := c.load()
	switch {
	case !ok || w.whole():
		return period{}, false
	case w.Steady:
		if l, ok = c.steady(); !ok {
			return period{}, false
		}
	default:
		l = period{all.from + record.Clock(w.From*1e9), all.to}
		if w.To > 0 {
			l.to = min(all.to, all.from+record.Clock(w.To*1e9))
		}
	}
	for i := range c.turns {
		if t := &c.turns[i]; !l.contains(t.sent) {
			t.outside, t.measured = true, false
		}
	}
	return l, l.from < l.to
}

// steady returns the steady part. A run that plays its arms in
// batches has none: each batch has a start and an end.
func (c *Collector) steady() (period, bool) {
	var spans []measure.Span
	for i := range c.turns {
		t := &c.turns[i]
		if t.batch > 0 {
			return period{}, false
		}
		if !t.warmup && t.sent.OK() && t.end > t.sent {
			spans = append(spans, measure.Span{
				Group: t.conversation + "\x00" + t.arm, Start: float64(t.sent), End: float64(t.end),
			})
		}
	}
	from, to, ok := measure.Steady(spans)
	return period{record.Clock(from), record.Clock(to)}, ok
}
