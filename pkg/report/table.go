package report

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// Table is the reference's summary of the samples that are left after a share
// of them was taken for warm-up.
type Table struct {
	// Warmup is that share, 0 to below 1.
	Warmup         float64 `json:"warmup_share"`
	RuntimeSec     Number  `json:"runtime_sec"`
	RequestsPerSec Number  `json:"requests_per_sec"`
	// of the warm-up step; does not exist without one
	WarmupRuntimeSec Number `json:"warmup_runtime_sec"`
	Rows             []Row  `json:"rows"`
	TPOTAbsent       int    `json:"tpot_absent"` // answers in one chunk, which have no tpot_ms
}

// Row is one metric of a table.
type Row struct {
	Name string
	Description
}

// Description is what pandas' describe returns for a sample. Numbers that do not
// exist are NaN.
type Description struct {
	Count               int
	Mean, Std, Min, Max Number
	Percentiles         []Percentile
}

// Percentile is one of a sample's percentiles.
type Percentile struct {
	P     float64 // 0 to 100
	Value Number
}

// name is the column's: "99.9%".
func (p Percentile) name() string { return strconv.FormatFloat(p.P, 'f', -1, 64) + "%" }

func describe(s measure.Sample, percentiles []float64) Description {
	d := Description{Count: s.N(), Mean: Number(s.Mean()), Std: Number(s.Std()), Min: Number(s.Min()),
		Max: Number(s.Max())}
	for _, p := range percentiles {
		d.Percentiles = append(d.Percentiles, Percentile{p, Number(s.Percentile(p))})
	}
	return d
}

// tail returns a percentile, unknown if the sample is too small to determine it.
func tail(s measure.Sample, p float64) Number {
	if !determined(p, s.N()) {
		return unknown
	}
	return Number(s.Percentile(p))
}

// determined reports whether n values are enough for a percentile beside a table. A
// median describes the values themselves, however few.
func determined(p float64, n int) bool { return p <= 50 || n >= measure.MinSamples(p, 0.95) }

// cells returns the numbers in the order of a table: count, mean, std, min,
// percentiles, max.
func (d *Description) cells() []render.Cell {
	cells := []render.Cell{
		render.Value("count", d.Count), render.Value("mean", d.Mean), render.Value("std", d.Std),
		render.Value("min", d.Min),
	}
	for _, p := range d.Percentiles {
		cells = append(cells, render.Value(p.name(), p.Value))
	}
	return append(cells, render.Value("max", d.Max))
}

func (r *Row) row() render.Row { return render.Row{Name: r.Name, Cells: r.cells()} }

// MarshalJSON writes an object of the row's name and its numbers, in their
// order.
func (r Row) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"name":`)
	name, err := json.Marshal(r.Name)
	if err != nil {
		return nil, err
	}
	b.Write(name)
	row := r.row()
	for _, c := range row.Cells {
		b.WriteString(`,"` + c.Name + `":`)
		v, _ := Number(row.Number(c.Name)).MarshalJSON()
		b.Write(v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// percentilesFor are the percentiles that n samples are enough for.
func percentilesFor(n int) []float64 {
	ps := []float64{25, 50, 75, 90}
	for _, more := range []struct {
		n int
		p float64
	}{{100, 99}, {1000, 99.9}, {10000, 99.99}} {
		if n >= more.n {
			ps = append(ps, more.p)
		}
	}
	return ps
}

// timed is a sample and the time since the start of its conversation's last
// one, in seconds; NaN of a first.
type timed struct {
	*record.Sample
	between float64
}

// inOrder sorts samples by their start and measures between those of a
// conversation.
func inOrder(samples []record.Sample) []timed {
	rows := make([]timed, len(samples))
	for i := range samples {
		rows[i] = timed{&samples[i], math.NaN()}
	}
	slices.SortStableFunc(rows, func(a, b timed) int {
		switch {
		case a.StartMS < b.StartMS:
			return -1
		case a.StartMS > b.StartMS:
			return 1
		}
		return 0
	})
	last := make(map[string]float64)
	for i := range rows {
		r := &rows[i]
		if before, ok := last[r.Conversation]; ok {
			r.between = (r.StartMS - before) / 1000
		}
		last[r.Conversation] = r.StartMS
	}
	return rows
}

// window is the time in ms that a table's throughput is of, given the samples
// it counts.
type window func(rows []timed) float64

// referenceWindow is the reference's: to the end of the sample that started last.
func referenceWindow(rows []timed) float64 {
	last := &rows[len(rows)-1]
	return last.StartMS + last.LatencyMS - rows[0].StartMS
}

// tables makes one table for each part of warm-up.
func tables(samples []record.Sample, o Options, span window, warmupSec float64) []Table {
	var (
		rows     = inOrder(samples)
		percents = slices.Sorted(slices.Values(o.WarmupPercentages))
		out      []Table
	)
	if len(percents) == 0 {
		percents = []float64{0}
	}
	for _, percent := range percents {
		share := percent / 100
		// A truncated float, as in the reference: 57 % of 100 leave out 56.
		tail := rows[int(share*float64(len(rows))):]
		if len(tail) == 0 {
			break
		}
		sec := span(tail) / 1000
		t := Table{
			Warmup: share, RuntimeSec: Number(sec), RequestsPerSec: Number(float64(len(tail)) / sec),
			WarmupRuntimeSec: Number(warmupSec),
		}
		row := func(name string, value func(*timed) float64) {
			values := make([]float64, len(tail))
			for i := range tail {
				values[i] = value(&tail[i])
			}
			t.Rows = append(t.Rows, Row{name, describe(measure.New(values), percentilesFor(len(rows)))})
		}
		row("ttft_ms", func(r *timed) float64 { return r.TTFTMS })
		row("tpot_ms", func(r *timed) float64 { return r.TPOTMS })
		t.TPOTAbsent = len(tail) - t.Rows[1].Count
		row("latency_ms", func(r *timed) float64 { return r.LatencyMS })
		row("input_num_turns", func(r *timed) float64 { return float64(r.InputTurns) })
		row("input_num_tokens", func(r *timed) float64 { return float64(r.InputTokens) })
		row("output_num_tokens", func(r *timed) float64 { return float64(r.OutputTokens) })
		row("output_num_chunks", func(r *timed) float64 { return float64(r.OutputChunks) })
		if o.Verbose {
			row("time_between_user_turns_sec", func(r *timed) float64 { return r.between })
		}
		out = append(out, t)
	}
	return out
}
