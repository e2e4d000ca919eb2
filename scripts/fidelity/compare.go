package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// side is a client's result for the conversations that both played.
type side struct {
	samples []record.Sample
	truth   result
}

// compareRow is a row of the reference's table.
type compareRow struct {
	name  string
	value func(*record.Sample) float64
	// exact values must be equal, turn by turn. Times are compared with the clients' own errors.
	exact bool
	// off returns the error of a client's value; nil if the truth has no such value.
	off func(*result) *spread
}

var compareRows = []compareRow{
	{"ttft_ms", func(s *record.Sample) float64 { return s.TTFTMS }, false,
		func(r *result) *spread { return r.TTFT }},
	{"tpot_ms", func(s *record.Sample) float64 { return s.TPOTMS }, false,
		func(r *result) *spread { return r.TPOT }},
	{"latency_ms", func(s *record.Sample) float64 { return s.LatencyMS }, false,
		func(r *result) *spread { return r.Latency }},
	{"input_num_turns", func(s *record.Sample) float64 { return float64(s.InputTurns) }, true, nil},
	{"input_num_tokens", func(s *record.Sample) float64 {
		return float64(s.InputTokens)
	}, true, nil},
	{"output_num_tokens", func(s *record.Sample) float64 {
		return float64(s.OutputTokens)
	}, true, nil},
	{"output_num_chunks", func(s *record.Sample) float64 {
		return float64(s.OutputChunks)
	}, true, nil},
}

// byDesign explains the differences, below the tables.
const byDesign = `
Differences by design:
- The reference starts its clock before it encodes the body and, for a client's first request,
  before it connects. It stops the clock when its own code has the line. mtbench takes the times
  of the request's first write and of the kernel's receipt. So the reference's ttft_ms and
  latency_ms are longer, by the column "reference off".
- tpot_ms of both is (latency - time to first token) / (tokens - tokens of the first chunk), and
  includes the time between the last token and the end of the stream. If it does not exist,
  mtbench leaves the answer out, and the reference has 0.
- mtbench starts a turn when the previous answer has ended; the reference tokenizes the whole
  history first. That time is in neither table, but in the duration of the run.
- With several clients the reference deals conversations at random, mtbench to the client that
  is free first. With one active conversation for each client (k = p) and no limit of requests,
  both play all turns of all conversations.
`

// compare runs both clients on the same conversations and prints their tables
// side by side.
func (s *settings) compare(ctx context.Context, list string) error {
	host, err := thisHost(0)
	if err != nil {
		return err
	}
	host.print(os.Stderr)
	var unequal int
	for number := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil || n < 1 {
			return fmt.Errorf("-clients %q: want numbers, such as 1,2", list)
		}
		// There are several conversations for each client, which it plays one after another.
		p := point{
			Name: "p=" + itoa(n), Streams: n, Conversations: max(6, 3*n), Interval: s.interval,
			Turns: s.turns, MinTokens: 24, MaxTokens: 96, Opening: 2000,
		}
		data := filepath.Join(s.work, "compare-"+p.file()+".json")
		if err := writeConversations(data, p, s.seed); err != nil {
			return err
		}
		var sides []side
		ours := &mtbench{
			bin: s.bin, transport: s.transport,
			tokenizer: filepath.Join(s.reference.tokenizer, "tokenizer.json"),
		}
		for _, c := range []client{&s.reference, ours} {
			fmt.Fprintf(os.Stderr, "%s, %s ...", p.Name, c.name())
			run, err := s.play(ctx, c, p, data)
			if err != nil {
				fmt.Fprintln(os.Stderr)
				return fmt.Errorf("%s, %s: %w", p.Name, c.name(), err)
			}
			fmt.Fprintf(os.Stderr, " %.1f s\n", run.out.ended.Sub(run.out.started).Seconds())
			sides = append(sides, side{run.out.samples, evaluate(c.name(), p, run)})
		}
		different, err := compareText(os.Stdout, p, sides[0], sides[1])
		if err != nil {
			return err
		}
		unequal += different
	}
	fmt.Print(byDesign)
	if unequal > 0 {
		return fmt.Errorf("%d values differ that must be equal", unequal)
	}
	return nil
}

// turnKey identifies a turn on both sides.
type turnKey struct {
	conversation string
	messages     int
}

func byTurn(samples []record.Sample) map[turnKey]*record.Sample {
	m := make(map[turnKey]*record.Sample, len(samples))
	for i := range samples {
		m[turnKey{samples[i].Conversation, samples[i].InputTurns}] = &samples[i]
	}
	return m
}

// compareText writes the table of one number of clients and returns how many
// values differ that must be equal.
func compareText(w io.Writer, p point, reference, ours side) (unequal int, err error) {
	theirs, own := byTurn(reference.samples), byTurn(ours.samples)
	alone := 0
	for k := range theirs {
		if own[k] == nil {
			alone++
		}
	}
	for k := range own {
		if theirs[k] == nil {
			alone++
		}
	}
	fmt.Fprintf(w, "\n%s: %d conversations, %d turns in the reference's table and %d in mtbench's",
		p.Name, p.conversations(), len(reference.samples), len(ours.samples))
	if alone > 0 {
		fmt.Fprintf(w, "; %d turns are in one of them only", alone)
	}
	fmt.Fprintln(w)
	t := newTable(w)
	t.line("", "reference", "mtbench", "difference", "reference off", "mtbench off",
		"turns that differ", "")
	for i := range compareRows {
		r := &compareRows[i]
		for _, part := range []struct {
			name string
			of   func(measure.Sample) float64
		}{{"mean", measure.Sample.Mean}, {"50%", measure.Sample.Median}, {"max", measure.Sample.Max}} {
			a, b := part.of(r.sample(reference.samples)), part.of(r.sample(ours.samples))
			cells := []string{value(a), value(b), value(b - a), "", "", "", ""}
			if part.name == "mean" {
				if r.exact {
					n := r.different(theirs, own)
					unequal += n
					cells[5], cells[6] = itoa(n), verdict(n == 0, "equal", "NOT EQUAL")
				} else if x, y := r.off(&reference.truth), r.off(&ours.truth); x != nil &&
					y != nil {
					cells[3], cells[4] = value(x.Mean), value(y.Mean)
					// The clients' errors differ by the noise of two runs: the server does
					// not write at the same moments.
					within := math.Abs(b-a) <= math.Abs(x.P99)+math.Abs(y.P99)
					cells[6] = verdict(within, "within their errors", "MORE THAN THEIR ERRORS")
				}
			}
			t.line(r.name+" "+part.name, cells...)
		}
	}
	return unequal + alone, t.Flush()
}

func (r *compareRow) sample(samples []record.Sample) measure.Sample {
	values := make([]float64, 0, len(samples))
	for i := range samples {
		values = append(values, r.value(&samples[i]))
	}
	return measure.New(values)
}

// different counts the turns whose values differ between the two sides.
func (r *compareRow) different(a, b map[turnKey]*record.Sample) int {
	n := 0
	for k, s := range a {
		if o := b[k]; o != nil && r.value(s) != r.value(o) {
			n++
		}
	}
	return n
}

func verdict(good bool, yes, no string) string {
	if good {
		return yes
	}
	return no
}

// value returns a number as text; "-" if it does not exist.
func value(v float64) string {
	if math.IsNaN(v) {
		return none
	}
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 3, 64), "0"), ".")
}
