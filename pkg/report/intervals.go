package report

import (
	"fmt"
	"slices"
	"strings"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// ttftMS is the name of the time to the first token.
const ttftMS = "ttft_ms"

// timeMetric is a time that samples have.
type timeMetric struct {
	name string
	of   func(*record.Sample) float64
}

// values returns the times of the measured turns that are in a part of the run.
func (m *timeMetric) values(c *Collector, part period) []float64 {
	values := make([]float64, 0, len(c.turns))
	for i := range c.turns {
		if t := &c.turns[i]; t.measured && part.contains(t.sent) {
			s := t.sample()
			values = append(values, m.of(&s))
		}
	}
	return values
}

// timeMetrics are the times that have intervals.
var timeMetrics = []timeMetric{
	{ttftMS, func(s *record.Sample) float64 { return s.TTFTMS }},
	{"tpot_ms", func(s *record.Sample) float64 { return s.TPOTMS }},
	{"latency_ms", func(s *record.Sample) float64 { return s.LatencyMS }},
}

// Intervals are the 95 % intervals of a metric's numbers.
type Intervals struct {
	Name string `json:"name"`
	// Window is the part of the run that they are of: the one that was chosen, else
	// steady if the time to the first token is another there, else all.
	Window        string     `json:"window"`
	Conversations int        `json:"conversations"`
	Estimates     []Estimate `json:"estimates"`
	// Needed is the number of conversations for an interval of the mean of +-5 %, if
	// more are like these; 0 if unknown.
	Needed int `json:"needed_conversations"`
	// Max is the largest value, and Unseen the share of turns that may be above it
	// without one having been seen (measure.Series.Unseen).
	Max    Number `json:"max"`
	Unseen Number `json:"unseen_share"`

	// for findings
	auto measure.Autocorrelation
	n    int // turns
}

// Estimate is a number and its 95 % interval. An end is infinite if there are too
// few samples for a bound on that side.
type Estimate struct {
	Name  string `json:"name"` // mean, 50%, ...
	Value Number `json:"value"`
	Low   Number `json:"low"`
	High  Number `json:"high"`
}

// intervals returns the intervals of the measured turns.
func (c *Collector) intervals(steady *Steady) []Intervals {
	var (
		out    []Intervals
		o      = c.inTime()
		window = c.o.Window.String()
	)
	if c.o.Window == (Window{}) {
		window = windowAll
		if o.Part != nil && steady.otherTTFT() {
			window = windowSteady
		}
	}
	for _, m := range timeMetrics {
		o.Values = m.values(c, always)
		of := o
		if window == windowSteady {
			of = o.Steady()
		}
		series := measure.NewSeries(of)
		if series.Clusters() >= measure.MinClusters {
			out = append(out, intervalsOf(m.name, window, series, c.o.Bootstrap.Level))
		}
	}
	return out
}

// ttftIntervals returns the intervals of the time to the first token, nil if there
// are too few conversations for them.
func (d *Details) ttftIntervals() *Intervals {
	if len(d.Intervals) == 0 || d.Intervals[0].Name != ttftMS {
		return nil
	}
	return &d.Intervals[0]
}

// otherTTFT reports whether the time to the first token is another in the steady
// part, by its mean or 90th percentile.
func (s *Steady) otherTTFT() bool {
	return s != nil && slices.ContainsFunc(s.Rows, func(r SteadyRow) bool {
		return (r.Name == ttftMS+" mean" || r.Name == ttftMS+" 90%") && r.differs()
	})
}

// inTime returns what intervals need of the measured turns, without values. The work
// of a turn is what it had to compute, or its whole prompt if the cached tokens of
// some are unknown.
func (c *Collector) inTime() measure.Observations {
	allCached, allPrompts, n := true, true, 0
	for i := range c.turns {
		if t := &c.turns[i]; t.measured {
			allCached = allCached && t.cached >= 0
			allPrompts = allPrompts && t.count().input >= 0
			n++
		}
	}
	o := measure.Observations{
		Clusters: make([]string, 0, n), Index: make([]int32, 0, n), Part: c.parts(),
	}
	for i := range c.turns {
		t := &c.turns[i]
		if !t.measured {
			continue
		}
		o.Clusters, o.Index = append(o.Clusters, t.conversation), append(o.Index, t.index)
		if !allPrompts {
			continue
		}
		work := t.count().input
		if allCached {
			work -= int(t.cached)
		}
		o.Work = append(o.Work, float64(work))
	}
	return o
}

// parts returns where each measured turn was sent: at the start (-1), in the steady
// part (0) or at the end (1). It returns nil if the steady part does not have most
// of them: then there is no level that the start differs from.
func (c *Collector) parts() []int8 {
	l, ok := c.steady()
	if !ok {
		return nil
	}
	var out []int8
	steady := 0
	for i := range c.turns {
		t := &c.turns[i]
		switch {
		case !t.measured:
		case t.sent < l.from:
			out = append(out, -1)
		case t.sent >= l.to:
			out = append(out, 1)
		default:
			out = append(out, 0)
			steady++
		}
	}
	if 2*steady <= len(out) {
		return nil
	}
	return out
}

func intervalsOf(name, window string, s *measure.Series, level float64) Intervals {
	mean := s.Mean(level)
	in := Intervals{
		Name: name, Window: window, Conversations: s.Clusters(), Needed: mean.Needed(precise),
		Max: Number(s.Max()), Unseen: Number(s.Unseen()), auto: s.Autocorrelation(), n: s.N(),
	}
	add := func(name string, e measure.Estimated) {
		in.Estimates = append(in.Estimates,
			Estimate{name, Number(e.Value), Number(e.Low), Number(e.High)})
	}
	add("mean", mean)
	for _, p := range detailPercentiles {
		add(Percentile{P: p}.name(), s.Percentile(p, level))
	}
	return in
}

// unseenText says what a run of this length may have missed.
func (in *Intervals) unseenText() string {
	if !in.Max.OK() || !in.Unseen.OK() {
		return ""
	}
	where := ""
	if in.Window == windowSteady {
		where = " there"
	}
	return fmt.Sprintf("no %s above %s ms was seen%s: up to %s %% of turns may be above (95 %%)",
		metricName(in.Name), render.Short(float64(in.Max)), where, fixed(100*in.Unseen, 1))
}

// metricName returns what a sentence calls a metric.
func metricName(name string) string {
	name = strings.TrimSuffix(name, "_ms")
	if name == "latency" {
		return name
	}
	return strings.ToUpper(name)
}

// bootstrap returns how intervals of a number of samples are computed.
func (c *Collector) bootstrap(samples int) Bootstrap {
	boot := c.o.Bootstrap
	if boot.Seed == 0 && c.run != nil {
		boot.Seed = uint64(c.run.Seed)
	}
	if boot.Resamples == 0 {
		// A resample takes time for each sample; this bounds the total. Fewer than
		// 200 resamples would make the ends of an interval noisy.
		boot.Resamples = max(200, min(1000, 50_000_000/max(1, samples)))
	}
	return boot
}
