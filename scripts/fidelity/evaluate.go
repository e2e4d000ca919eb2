package main

import (
	"math"
	"slices"
	"time"

	"multiturn/pkg/measure"
	"multiturn/pkg/sim"
)

// simLate is how late the server's own writes may be, at the 99th percentile,
// to count as on time: a tenth of the usual interval between tokens. The truth
// is when it wrote, late or not, so the errors hold either way. But a late
// server sends in bursts, and the load is not the intended one.
const simLate = 2 * time.Millisecond

// spread summarises a sample.
type spread struct {
	N    int     `json:"n"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
}

// spreadOf returns nil if there are no values.
func spreadOf(values []float64) *spread {
	s := measure.New(values)
	if s.N() == 0 {
		return nil
	}
	return &spread{s.N(), s.Mean(), s.Median(), s.Percentile(99), s.Min(), s.Max()}
}

// result is the result of a client at a point. Numbers that the client does not
// report are left out.
type result struct {
	Client  string `json:"client"`
	Skipped string `json:"skipped,omitempty"` // why it was not run
	Failed  string `json:"failed,omitempty"`  // why there are no numbers

	Turns int `json:"turns,omitempty"` // at the server
	// Errors counts turns that failed, Unmatched requests that only one side has or that cannot be
	// identified, Differing turns whose number of tokens is not the server's.
	Errors    int            `json:"errors"`
	Outcomes  map[string]int `json:"outcomes,omitempty"`
	Unmatched int            `json:"unmatched"`
	Differing int            `json:"differing"`
	ExitCode  int            `json:"exit_code"`

	// Errors of the client: its number minus the truth. First turns are the burst at the start.
	TTFT      *spread `json:"ttft_error_ms,omitempty"`
	FirstTTFT *spread `json:"ttft_error_first_turns_ms,omitempty"`
	LaterTTFT *spread `json:"ttft_error_later_turns_ms,omitempty"`
	Latency   *spread `json:"latency_error_ms,omitempty"`
	TPOT      *spread `json:"tpot_error_ms,omitempty"`
	// Gap is the absolute error of the times between two chunks. Turns whose chunks are not one
	// write of the server each are left out, and counted in GapsLeftOut.
	Gap         *spread `json:"gap_error_abs_ms,omitempty"`
	GapsLeftOut int     `json:"turns_without_gaps"`

	// Output tokens per second, by the client and by the truth, and the client's error.
	Throughput      float64  `json:"tokens_per_s,omitempty"`
	TrueThroughput  float64  `json:"tokens_per_s_truth,omitempty"`
	ThroughputError *float64 `json:"throughput_error_percent,omitempty"`

	Chunks int `json:"chunks,omitempty"`
	// from the first request to the last chunk, over both sides
	ChunksPerSec float64 `json:"chunks_per_s,omitempty"`
	// ChunksPerWrite is how many chunks the server wrote at a time.
	ChunksPerWrite float64 `json:"chunks_per_write,omitempty"`
	// share of chunks that arrived at an unknown time before their read
	MergedShare float64 `json:"merged_share"`

	// CPU in seconds per million chunks: of the run without its start-up, and of the whole process
	// with its children.
	RunCPU     float64 `json:"cpu_s_per_million_chunks,omitempty"`
	ProcessCPU float64 `json:"cpu_s_per_million_chunks_with_start,omitempty"`
	CPUSeconds float64 `json:"cpu_s,omitempty"` // of the whole process
	MemoryMiB  float64 `json:"peak_memory_mib,omitempty"`

	// FirstRequest is the time from the start of the process to the arrival of its first request,
	// NextRequest from the server's last write of an answer to the arrival of the conversation's
	// next request.
	FirstRequest float64 `json:"first_request_s,omitempty"`
	NextRequest  *spread `json:"next_request_ms,omitempty"`
	Open         int     `json:"open_at_once,omitempty"` // requests, by the truth

	Verdict string   `json:"verdict,omitempty"` // the client's own
	Clocks  string   `json:"clocks,omitempty"`  // source of its arrivals
	Reasons []string `json:"reasons,omitempty"`

	Server serverResult `json:"server"`
}

// serverResult is about the server itself.
type serverResult struct {
	OnTime  bool    `json:"on_time"`
	LateP50 float64 `json:"late_p50_ms"`
	LateP99 float64 `json:"late_p99_ms"`
	LateMax float64 `json:"late_max_ms"`
	// of the arrivals: kernel, or user if one of them was not stamped
	Clock  string  `json:"clock"`
	CPU    float64 `json:"cpu_s"`
	Memory float64 `json:"peak_memory_mib"`
}

func ms(m sim.Milliseconds) float64 { return float64(m) / 1e6 }

// evaluate compares a client's numbers with the truth.
func evaluate(name string, p point, run *played) result {
	r := result{Client: name, Turns: len(run.truth.Requests), ExitCode: run.out.exit,
		Outcomes: map[string]int{}}
	pairs, alone := match(run.truth.Requests, run.out.turns)
	r.Unmatched = alone
	r.errors(pairs)
	r.throughput(run)
	r.server(run)

	cpu := run.out.usage.CPU.Seconds()
	r.CPUSeconds = cpu
	r.MemoryMiB = float64(run.out.usage.Memory) / (1 << 20)
	if len(run.truth.Requests) > 0 {
		first := slices.MinFunc(run.truth.Requests, byArrival)
		at := run.truth.Start.Add(time.Duration(first.Arrived))
		r.FirstRequest = at.Sub(run.out.started).Seconds()
		started := run.out.usage.before(at).Seconds()
		r.Open = openAtOnce(run.truth.Requests)
		r.NextRequest = spreadOf(nextRequests(run.truth.Requests))
		if r.Chunks > 0 {
			r.RunCPU = (cpu - started) / float64(r.Chunks) * 1e6
			r.ProcessCPU = cpu / float64(r.Chunks) * 1e6
		}
	}
	if e := run.out.end; e != nil {
		c := &e.Certificate
		r.Verdict, r.Clocks = c.Verdict, string(c.Clocks)
		for _, v := range c.Verdicts {
			if v.Reason != "" {
				r.Reasons = append(r.Reasons, v.Kind+": "+v.Reason)
			}
		}
		if r.Chunks > 0 {
			r.RunCPU = e.Certificate.CPUSeconds / float64(r.Chunks) * 1e6
			r.MergedShare = float64(e.Certificate.Merged) / float64(r.Chunks)
		}
	}
	return r
}

func byArrival(a, b sim.Truth) int {
	switch {
	case a.Arrived < b.Arrived:
		return -1
	case a.Arrived > b.Arrived:
		return 1
	}
	return 0
}

// errors are the differences of all pairs.
func (r *result) errors(pairs []pair) {
	var ttft, first, later, latency, tpot, gaps []float64
	for _, p := range pairs {
		t, m := p.truth, p.turn
		r.Outcomes[string(m.outcome)]++
		if !m.outcome.OK() {
			r.Errors++
			continue
		}
		if m.tokens != t.CompletionTokens {
			r.Differing++
		}
		e := m.ttftMS - ms(t.First-t.Arrived)
		ttft = append(ttft, e)
		if m.number == 0 {
			first = append(first, e)
		} else {
			later = append(later, e)
		}
		latency = append(latency, m.latencyMS-ms(t.Last-t.Arrived))
		if n := t.CompletionTokens; n > 1 {
			tpot = append(tpot, (m.latencyMS-m.ttftMS-ms(t.Last-t.First))/float64(n-1))
		}
		if len(m.gapsUS) == 0 || len(m.gapsUS) != len(t.GapsUS) {
			r.GapsLeftOut++
			continue
		}
		for i, g := range m.gapsUS {
			gaps = append(gaps, math.Abs(float64(g-t.GapsUS[i]))/1000)
		}
	}
	r.TTFT, r.FirstTTFT, r.LaterTTFT = spreadOf(ttft), spreadOf(first), spreadOf(later)
	r.Latency, r.TPOT, r.Gap = spreadOf(latency), spreadOf(tpot), spreadOf(gaps)
}

// throughput compares output tokens per second from the first request to the
// last end.
func (r *result) throughput(run *played) {
	var own, truth float64
	from, to := math.Inf(1), math.Inf(-1)
	for i := range run.out.turns {
		t := &run.out.turns[i]
		r.Chunks += t.chunks
		if t.outcome.OK() {
			own += float64(t.tokens)
			from, to = min(from, t.startMS), max(to, t.startMS+t.latencyMS)
		}
	}
	writes := 0
	trueFrom, trueTo := math.Inf(1), math.Inf(-1)
	for i := range run.truth.Requests {
		t := &run.truth.Requests[i]
		writes += t.Writes
		if t.Outcome == "done" {
			truth += float64(t.CompletionTokens)
			trueFrom, trueTo = min(trueFrom, ms(t.Arrived)), max(trueTo, ms(t.Last))
		}
	}
	if to <= from || trueTo <= trueFrom || truth == 0 {
		return
	}
	r.Throughput, r.TrueThroughput = own/(to-from)*1000, truth/(trueTo-trueFrom)*1000
	percent := 100 * (r.Throughput/r.TrueThroughput - 1)
	r.ThroughputError = &percent
	r.ChunksPerSec = float64(r.Chunks) / max(to-from, trueTo-trueFrom) * 1000
	r.ChunksPerWrite = float64(r.Chunks) / float64(writes)
}

// server fills in the server's own numbers.
func (r *result) server(run *played) {
	s := &r.Server
	s.CPU, s.Memory = run.server.CPU.Seconds(), float64(run.server.Memory)/(1<<20)
	if e := run.truth.End; e != nil {
		s.LateP50 = float64(e.LateUS.P50) / 1000
		s.LateP99 = float64(e.LateUS.P99) / 1000
		s.LateMax = float64(e.LateUS.Max) / 1000
		s.OnTime = e.LateUS.P99 <= simLate.Microseconds()
	}
	s.Clock = "kernel"
	for i := range run.truth.Requests {
		if c := run.truth.Requests[i].Clock; c != "kernel" {
			s.Clock = c
		}
	}
}

// openAtOnce returns the largest number of requests that had arrived and whose
// answers had not ended.
func openAtOnce(requests []sim.Truth) int {
	type edge struct {
		at   sim.Milliseconds
		step int
	}
	edges := make([]edge, 0, 2*len(requests))
	for i := range requests {
		edges = append(edges, edge{requests[i].Arrived, 1},
			edge{max(requests[i].Last, requests[i].Arrived), -1})
	}
	slices.SortFunc(edges, func(a, b edge) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return a.step - b.step
	})
	open, most := 0, 0
	for _, e := range edges {
		open += e.step
		most = max(most, open)
	}
	return most
}

// nextRequests returns the times in ms between the last write of an answer and
// the arrival of the conversation's next request.
func nextRequests(requests []sim.Truth) []float64 {
	sorted := slices.Clone(requests)
	slices.SortFunc(sorted, byArrival)
	last := map[string]*sim.Truth{}
	var gaps []float64
	for i := range sorted {
		t := &sorted[i]
		if before := last[t.Session]; before != nil && before.Outcome == "done" {
			gaps = append(gaps, ms(t.Arrived-before.Last))
		}
		last[t.Session] = t
	}
	return gaps
}
