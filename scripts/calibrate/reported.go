package main

import (
	"math"
	"strings"

	"multiturn/pkg/measure"
	"multiturn/pkg/report"
)

// reportedIntervals returns the statistics of TTFT in a summary, and whether it
// has the finding that turns are autocorrelated.
func reportedIntervals(s *report.Summary) ([]measure.Estimated, bool) {
	out := make([]measure.Estimated, len(statistics))
	for k := range out {
		out[k].Interval = measure.Interval{Low: math.NaN(), High: math.NaN()}
	}
	for _, metric := range s.Details.Intervals {
		if metric.Name != "ttft_ms" {
			continue
		}
		for _, e := range metric.Estimates {
			for k, p := range statistics {
				if e.Name == statisticName(p) {
					out[k] = measure.Estimated{
						Value:    float64(e.Value),
						Interval: measure.Interval{Low: float64(e.Low), High: float64(e.High)},
					}
				}
			}
		}
	}
	found := false
	for _, f := range s.Details.Findings {
		found = found || strings.Contains(string(f.Kind), "autocorrelat")
	}
	return out, found
}
