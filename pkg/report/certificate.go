package report

import (
	"fmt"
	"math"
	"slices"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// The certificate's thresholds. What goes beyond one is named, with the numbers
// that it makes doubtful.
const (
	// maxLateShare is how late the client may be, as a share of the median TTFT:
	// its sends (p99 of lag), its timers (p99 of wake), its longest garbage
	// collection. A tenth is what servers themselves differ by from run to run.
	// maxLateMS is late enough to be named whatever the share: timers of a busy
	// kernel are not better, and nobody feels a millisecond.
	maxLateShare = 0.10
	maxLateMS    = 1.0
	// maxMergedShare is the share of chunks whose arrival may be known only as an
	// upper limit: more would show in the 99th percentile of gaps.
	maxMergedShare = 0.01
	// maxCoalescedShare is the share of chunks that may have come in the read of
	// another one: more would show in the 95th percentile of gaps.
	maxCoalescedShare = 0.05
	// maxCPUShare is how much of the machine the client may use. Above it,
	// goroutines begin to wait for processors.
	maxCPUShare = 0.80
	// maxReconnectShare is the share of turns that may have been sent twice
	// because the server had closed the connection: more would show in the 99th
	// percentile of TTFT.
	maxReconnectShare = 0.01
)

// certify judges: what is measured goes in, the verdict and its reasons come
// out. Of turns it takes how many there were, and the median of ttft in ms
// (NaN: not known).
func certify(c record.Certificate, turns int, ttft float64) record.Certificate {
	c.Reasons = nil
	doubt := func(format string, args ...any) {
		c.Reasons = append(c.Reasons, fmt.Sprintf(format,
			args...))
	}
	late := max(maxLateMS, maxLateShare*ttft)
	if math.IsNaN(ttft) {
		late = maxLateMS
	}
	if c.Lag.N > 0 && c.Lag.P99 > late {
		doubt("turns were sent late, p99 %s ms (median TTFT %s ms): think times, request rate and "+
			"concurrency are not as asked; "+
			"latency from sent is still right", render.Short(c.Lag.P99), render.Short(ttft))
	}
	if c.Wake.N > 0 && c.Wake.P99 > late {
		doubt("the client's timers woke late, p99 %s ms: it had to wait for a processor, do not trust "+
			"think times%s",
			render.Short(c.Wake.P99), orTimes(c.Clocks))
	}
	if c.GCPauseMaxMS > late {
		doubt("garbage collection stopped the client for up to %s ms: do not trust maxima%s",
			render.Short(c.GCPauseMaxMS), orTimes(c.Clocks))
	}
	if c.CPUShare > maxCPUShare {
		doubt("the client used %.0f %% of the machine: throughput may be the client's limit, not the "+
			"server's%s", 100*c.CPUShare, orTimes(c.Clocks))
	}
	if share := ratio(c.Merged, c.Chunks); share > maxMergedShare {
		doubt("%.1f %% of chunks waited together to be read: of their arrivals only the last is known, "+
			"do not trust chunk_gap_ms and inter_token_ms",
			100*share)
	}
	if c.Reads > 0 {
		// Those that waited together are named above.
		if share := ratio(c.Chunks-c.Reads-c.Merged, c.Chunks); share > maxCoalescedShare {
			doubt("%.0f %% of chunks came in one read with another, as sent by the server or held up on "+
				"the way: chunk_gap_ms has zeros for them",
				100*share)
		}
	}
	if share := ratio(int64(c.Reconnects), int64(turns)); share > maxReconnectShare {
		doubt("%.1f %% of turns were sent twice because the server had closed the connection: their "+
			"TTFT holds the second try only", 100*share)
	}
	if c.DroppedWrites > 0 {
		doubt("%d records had to wait to be written: the disk slowed the client down", c.DroppedWrites)
	}
	c.Verdict = record.VerdictOK
	if len(c.Reasons) > 0 {
		c.Verdict = record.VerdictWarn
	}
	return c
}

// orTimes adds what else is doubtful when arrivals are stamped by a program
// that is itself late.
func orTimes(clocks record.ClockSource) string {
	if clocks == record.ClockKernel || clocks == record.ClockPackets {
		return ""
	}
	return ", and all times may be too long by as much"
}

func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// quantiles takes what a certificate holds of a sample.
func quantiles(s measure.Sample) record.Quantiles {
	if s.N() == 0 {
		return record.Quantiles{}
	}
	return record.Quantiles{N: s.N(), P50: s.Median(), P99: s.Percentile(99), Max: s.Max()}
}

// Certificate completes what the client measured of itself (wake, processor,
// memory, garbage collections, waits for the writer, clocks) with what its
// turns show (lag, reads, connections, requests in flight), and judges it.
func (c *Collector) Certificate(self record.Certificate) record.Certificate {
	var lag, readLate, ttft []float64
	var opened, reconnects int
	self.Chunks, self.Reads, self.Merged = 0, 0, 0
	c.settle()
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
		switch t.connection {
		case "new":
			opened++
		case "retried":
			opened++
			reconnects++
		}
		if t.measured {
			ttft = append(ttft, t.sample().TTFTMS)
		}
	}
	self.Lag, self.ReadLate = quantiles(measure.New(lag)), quantiles(measure.New(readLate))
	// The transport knows better, if it was asked: it also opens connections
	// before the first turn.
	self.Opened, self.Reconnects = max(self.Opened, opened), max(self.Reconnects, reconnects)
	self.MaxInFlight = maxInFlight(c.turns)
	return certify(self, len(c.turns), measure.New(ttft).Median())
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
