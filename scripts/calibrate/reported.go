package main

import (
	"math"

	"multiturn/pkg/measure"
	"multiturn/pkg/report"
)

// intervals are the statistics of TTFT in a summary.
type intervals struct {
	statistics     []measure.Estimated
	steady         bool // they are of the steady part
	autocorrelated bool // there is such a finding
}

func reportedIntervals(s *report.Summary) intervals {
	out := intervals{statistics: make([]measure.Estimated, len(statistics))}
	for k := range out.statistics {
		out.statistics[k].Interval = measure.Interval{Low: math.NaN(), High: math.NaN()}
	}
	for _, metric := range s.Details.Intervals {
		if metric.Name != "ttft_ms" {
			continue
		}
		out.steady = metric.Window == "steady"
		for _, e := range metric.Estimates {
			for k, p := range statistics {
				if e.Name == statisticName(p) {
					out.statistics[k] = measure.Estimated{Value: float64(e.Value), Interval: interval(e)}
				}
			}
		}
	}
	for _, f := range s.Details.Findings {
		out.autocorrelated = out.autocorrelated || f.Kind == "autocorrelated"
	}
	return out
}

// compared is what a summary says of its arms, over later turns.
type compared struct {
	pairs      int              // of batches
	ratio      measure.Interval // measured by control
	difference bool             // the interval of the difference in ms excludes 0
	rows       bool             // a row by turn differs by more than chance
}

func reportedArms(s *report.Summary) compared {
	if s.Details.Arms == nil || len(s.Details.Arms.Effects) == 0 {
		return compared{}
	}
	e := &s.Details.Arms.Effects[0]
	c := compared{pairs: e.Batches, ratio: interval(e.Later.Ratio)}
	c.difference = interval(e.Later.Difference).OK() && !interval(e.Later.Difference).Contains(0)
	for i := range e.Turns {
		c.rows = c.rows || e.Turns[i].P < 0.05
	}
	return c
}

func interval(e report.Estimate) measure.Interval {
	return measure.Interval{Low: float64(e.Low), High: float64(e.High)}
}

// fitted is what a summary says of costs.
type fitted struct {
	fit          bool
	base, token  measure.Estimated
	saved, whole measure.Estimated // in ms, over all turns
	decoding     float64           // requests beside which base is
	terms        string            // optional ones
	outliers     int
}

func reportedCosts(s *report.Summary) fitted {
	m := s.Details.Cost
	if m == nil || !m.Fit {
		return fitted{}
	}
	of := func(e report.Estimate, factor float64) measure.Estimated {
		return measure.Estimated{
			Value:    factor * float64(e.Value),
			Interval: measure.Interval{Low: factor * float64(e.Low), High: factor * float64(e.High)},
		}
	}
	f := fitted{
		fit: true, base: of(m.Terms[0], 1), token: of(m.Terms[1], 1),
		saved: of(m.Saved, 1000), whole: of(m.Whole, 1000),
		decoding: float64(m.Decoding), outliers: m.Outliers,
	}
	for _, t := range m.Terms[2:] {
		if t.Name != "cpu" {
			f.terms += "+" + t.Name
		}
	}
	return f
}
