package report

import (
	"fmt"
	"strings"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// ttftMS is the name of the time to the first token.
const ttftMS = "ttft_ms"

// timeMetrics are the times that have intervals.
var timeMetrics = []struct {
	name string
	of   func(*record.Sample) float64
}{
	{ttftMS, func(s *record.Sample) float64 { return s.TTFTMS }},
	{"tpot_ms", func(s *record.Sample) float64 { return s.TPOTMS }},
	{"latency_ms", func(s *record.Sample) float64 { return s.LatencyMS }},
}

// Intervals are the 95 % intervals of a metric's numbers.
type Intervals struct {
	Name          string     `json:"name"`
	Conversations int        `json:"conversations"`
	Estimates     []Estimate `json:"estimates"`
	// Needed is the number of conversations for an interval of the mean of +-5 %, if
	// more are like these; 0 if unknown.
	Needed int `json:"needed_conversations"`
	// Max is the largest value, and Unseen the share of turns that may be above it
	// without one having been seen (measure.Series.Unseen).
	Max    Number `json:"max"`
	Unseen Number `json:"unseen_share"`

	series *measure.Series // for findings
}

// Estimate is a number and its 95 % interval. An end is infinite if there are too
// few samples for a bound on that side.
type Estimate struct {
	Name  string `json:"name"` // mean, 50%, ...
	Value Number `json:"value"`
	Low   Number `json:"low"`
	High  Number `json:"high"`
}

// intervals returns the intervals of the measured turns, of which samples are.
func (c *Collector) intervals(samples []record.Sample) []Intervals {
	var (
		out   []Intervals
		names = make([]string, len(samples))
		index = make([]int, 0, len(samples))
	)
	for i := range samples {
		names[i] = samples[i].Conversation
	}
	for i := range c.turns {
		if t := &c.turns[i]; t.measured {
			index = append(index, int(t.index))
		}
	}
	for _, m := range timeMetrics {
		values := make([]float64, len(samples))
		for i := range samples {
			values[i] = m.of(&samples[i])
		}
		series := measure.NewSeries(values, names, index)
		if series.Clusters() >= measure.MinClusters {
			out = append(out, intervalsOf(m.name, series, c.o.Bootstrap.Level))
		}
	}
	return out
}

func intervalsOf(name string, s *measure.Series, level float64) Intervals {
	mean := s.Mean(level)
	in := Intervals{
		Name: name, Conversations: s.Clusters(), Needed: mean.Needed(precise), Max: Number(s.Max()),
		Unseen: Number(s.Unseen()), series: s,
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
	return fmt.Sprintf("no %s above %s ms was seen: up to %s %% of turns may be above (95 %%)",
		metricName(in.Name), render.Short(float64(in.Max)), fixed(100*in.Unseen, 1))
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
func (c *Collector) bootstrap(samples int) measure.Bootstrap {
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
