package report

import (
	"math"
	"slices"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// Certificate completes what the client measured of itself (wake, processor,
// memory, garbage collections, waits for the writer, clocks) with what its
// turns show (lag, reads, connections, requests in flight), and judges it.
func (c *Collector) Certificate(self record.Certificate) record.Certificate {
	c.settle()
	self.Chunks, self.Reads, self.Merged, self.MergedLate = 0, 0, 0, 0
	var lag, readLate []float64
	var opened, reconnects int
	for i := range c.turns {
		t := &c.turns[i]
		if late := since(t.sent, t.scheduled); !math.IsNaN(late) {
			lag = append(lag, late)
		}
		if t.readLateUS > 0 {
			readLate = append(readLate, float64(t.readLateUS)/1000)
		}
		self.Chunks += int64(t.chunks)
		self.Reads += int64(t.reads)
		self.Merged += int64(t.merged)
		self.MergedLate += int64(t.mergedLate)
		switch t.connection {
		case record.ConnectionNew:
			opened++
		case record.ConnectionRetried:
			opened++
			reconnects++
		}
	}
	self.Lag, self.ReadLate = quantiles(measure.New(lag)), quantiles(measure.New(readLate))
	// The transport knows better, if it was asked: it also opens connections
	// before the first turn.
	self.Opened, self.Reconnects = max(self.Opened, opened), max(self.Reconnects, reconnects)
	self.MaxInFlight = maxInFlight(c.turns)
	self.Verdicts = c.judge(&self).all()
	self.Verdict = record.WorstVerdict(self.Verdicts)
	return self
}

// judge collects what the verdicts depend on.
func (c *Collector) judge(self *record.Certificate) *judge {
	j := &judge{Certificate: self, pauseMS: shortestPause(loadOf(c.run))}
	if c.run != nil {
		j.old = slices.Contains(versionsWithoutFirst, c.run.Version)
	}
	for i := range c.turns {
		t := &c.turns[i]
		late, took := since(t.sent, t.scheduled), since(t.end, t.sent)
		if !t.warmup && !math.IsNaN(late+took) {
			j.lag = append(j.lag, late)
			j.lostMS += max(0, late)
			j.busyMS += max(0, took)
		}
		if t.measured {
			j.add(t)
		}
	}
	if g := c.gaps[c.arm]; g != nil && g.chunk.N() > 0 {
		j.gapMS = g.chunk.Percentile(50) / 1000
	}
	return j
}

// versionsWithoutFirst are the versions of records that do not say which chunks
// waited for the client.
var versionsWithoutFirst = []string{"1.0", "1.1"}

// shortestPause returns the mean of the shorter pauses that a load has: think
// times, or the rests of a request rate. It is 0 if it has none.
func shortestPause(l record.Load) float64 {
	pause := l.ThinkMS
	if l.Rate > 0 && (pause == 0 || 1000/l.Rate < pause) {
		pause = 1000 / l.Rate
	}
	return pause
}

// quantiles takes what a certificate holds of a sample.
func quantiles(s measure.Sample) record.Quantiles {
	if s.N() == 0 {
		return record.Quantiles{}
	}
	return record.Quantiles{N: s.N(), P50: s.Median(), P99: s.Percentile(99), Max: s.Max()}
}

func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// maxInFlight is how many requests were open at once.
func maxInFlight(turns []turn) int {
	type edge struct {
		at   record.Clock
		step int
	}
	edges := make([]edge, 0, 2*len(turns))
	for i := range turns {
		if t := &turns[i]; t.sent.OK() && t.end.OK() {
			edges = append(edges, edge{t.sent, 1}, edge{t.end, -1})
		}
	}
	// An answer that ends when another begins is not in flight with it.
	slices.SortFunc(edges, func(a, b edge) int {
		if a.at != b.at {
			if a.at < b.at {
				return -1
			}
			return 1
		}
		return a.step - b.step
	})
	var now, most int
	for _, e := range edges {
		now += e.step
		most = max(most, now)
	}
	return most
}
