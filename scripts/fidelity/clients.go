package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"multiturn/pkg/record"
	"multiturn/scripts/internal/simrun"
)

// client is a program that plays conversations and reports what it measured.
type client interface {
	name() string
	// refuses returns why the client cannot be measured at a point; "" if it can.
	refuses(p point) string
	play(ctx context.Context, j job) (*outcome, error)
}

// job is one run of a client.
type job struct {
	point
	data, url string
	base      string // beginning of the names of the run's files
}

// outcome is what a client reported, and what it used.
type outcome struct {
	started, ended time.Time
	turns          []turn
	usage          usage
	end            *record.End // mtbench's
	samples        []record.Sample
	exit           int
}

// turn is a request as the client measured it. Times are in milliseconds. A
// number that the client does not report is NaN.
type turn struct {
	conversation string
	number       int // in its conversation, from 0
	outcome      record.Outcome
	startMS      float64 // on any clock
	ttftMS       float64
	latencyMS    float64
	chunks       int
	tokens       int
	gapsUS       []int64
}

// mtbench is our own client.
type mtbench struct {
	bin, transport string
	// tokenizer, if not "", is a file that replaces the built-in tokenizer; the counts shown are
	// then its own, as in the reference, and not the server's.
	tokenizer string
}

func (m *mtbench) name() string { return "mtbench" }

func (m *mtbench) refuses(point) string { return "" }

func (m *mtbench) play(ctx context.Context, j job) (*outcome, error) {
	program, err := simrun.Program(m.bin)
	if err != nil {
		return nil, err
	}
	records := j.base + ".records.jsonl"
	args := []string{
		"run", "-i", j.data, "-m", "sim", "-u", j.url, "-p", itoa(j.Streams), "-k", itoa(j.Streams),
		"--send-conversation-id", "--output-length", "exact", "--records", records,
	}
	if m.tokenizer != "" {
		args = append(args, "--tokenizer", m.tokenizer, "--tokens", "tokenizer",
			"--stats-json-output", j.base+".stats.json")
	} else {
		args = append(args, "--tokenizer", "o200k_base")
	}
	if m.transport != "" {
		args = append(args, "--transport", m.transport)
	}
	p, err := start(ctx, j.base+".log", exec.Command(program, args...), false)
	if err != nil {
		return nil, err
	}
	out := &outcome{started: p.started}
	out.usage, err = p.wait()
	out.ended = time.Now()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		out.exit = exit.ExitCode() // some turns failed; they are in the records
	} else if err != nil {
		return nil, fmt.Errorf("mtbench run: %w\n%s", err, p.tail())
	}
	if err := out.readRecords(records); err != nil {
		return nil, fmt.Errorf("mtbench run, exit code %d: %w\n%s", out.exit, err, p.tail())
	}
	if m.tokenizer != "" {
		out.samples, err = readSamples(j.base + ".stats.json")
	}
	return out, err
}

// readRecords reads mtbench's records.
func (o *outcome) readRecords(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := record.NewReader(f, filepath.Base(path))
	for r.Scan() {
		switch rec := r.Record().(type) {
		case *record.Turn:
			o.turns = append(o.turns, measuredTurn(rec))
		case *record.End:
			o.end = rec
		}
	}
	if err := r.Err(); err != nil {
		return err
	}
	if n, first := r.Broken(); n > 0 {
		return fmt.Errorf("%d broken lines: %w", n, first[0])
	}
	if o.end == nil {
		return fmt.Errorf("%s has no end", path)
	}
	return nil
}

func measuredTurn(t *record.Turn) turn {
	span := func(c record.Clock) float64 {
		if d, ok := c.Since(t.Sent); ok {
			return float64(d) / 1e6
		}
		return math.NaN()
	}
	m := turn{
		conversation: t.Conversation, number: t.Turn, outcome: t.Outcome,
		startMS: t.Sent.MS(), ttftMS: span(t.FirstToken), latencyMS: span(t.End),
		chunks: t.Chunks, gapsUS: t.GapsUS, tokens: t.Counted.Output,
	}
	if t.Usage != nil {
		m.tokens = t.Usage.Completion
	}
	return m
}

// readSamples reads an array of the reference's numbers of each request.
func readSamples(path string) ([]record.Sample, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var samples []record.Sample
	r := record.NewReader(f, filepath.Base(path))
	for r.Scan() {
		if s, ok := r.Record().(*record.Sample); ok {
			samples = append(samples, *s)
		}
	}
	return samples, r.Err()
}
