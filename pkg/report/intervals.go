package report

import (
	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// Intervals are the 95 % intervals of a metric's numbers.
type Intervals struct {
	Name          string     `json:"name"`
	Conversations int        `json:"conversations"`
	Estimates     []Estimate `json:"estimates"`
}

// Estimate is a number and its 95 % interval.
type Estimate struct {
	Name  string `json:"name"` // mean, 50%, ...
	Value Number `json:"value"`
	Low   Number `json:"low"`
	High  Number `json:"high"`
}

func (c *Collector) intervals(samples []record.Sample) []Intervals {
	var (
		out   []Intervals
		names = make([]string, len(samples))
		boot  = c.bootstrap(len(samples))
	)
	for i := range samples {
		names[i] = samples[i].Conversation
	}
	for _, m := range []struct {
		name string
		of   func(*record.Sample) float64
	}{
		{"ttft_ms", func(s *record.Sample) float64 { return s.TTFTMS }},
		{"tpot_ms", func(s *record.Sample) float64 { return s.TPOTMS }},
		{"latency_ms", func(s *record.Sample) float64 { return s.LatencyMS }},
	} {
		values := make([]float64, len(samples))
		for i := range samples {
			values[i] = m.of(&samples[i])
		}
		clusters := measure.NewClusters(values, names)
		stats := []measure.Statistic{measure.Mean}
		for _, p := range detailPercentiles {
			stats = append(stats, measure.Percentile(p))
		}
		found := clusters.Intervals(boot, stats...)
		if !found[0].OK() {
			continue
		}
		sample := measure.New(values)
		e := []Estimate{{"mean", Number(sample.Mean()), Number(found[0].Low), Number(found[0].High)}}
		for i, p := range detailPercentiles {
			e = append(e, Estimate{Percentile{P: p}.name(), Number(sample.Percentile(p)),
				Number(found[i+1].Low), Number(found[i+1].High)})
		}
		out = append(out, Intervals{m.name, clusters.N(), e})
	}
	return out
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
