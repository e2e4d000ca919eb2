package kvcache

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"multiturn/internal/human"
	"multiturn/internal/limits"
)

// MooncakeBlock is the block size of Mooncake's traces, in tokens.
const MooncakeBlock = 512

// TraceRequest is one request of a trace.
type TraceRequest struct {
	Arrival time.Duration // since the start of the trace; in Mooncake's traces in steps of 3 s
	Input   int           // prompt tokens
	Output  int           // generated tokens
	Hashes  []Hash        // the prompt's blocks; the last may be partial
}

// Trace reads a trace in Mooncake's format (FAST25-release/traces in
// kvcache-ai/Mooncake): JSONL, one request a line, in order of arrival:
//
//	{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1, 2, 3]}
//
// The timestamp is in milliseconds. Equal hash_ids mean equal prefixes. Other
// keys and empty lines are ignored. Use it like a bufio.Scanner:
//
//	for t.Scan() {
//		use(t.Request())
//	}
//	err := t.Err()
type Trace struct {
	lines   *bufio.Scanner
	size    int
	number  int
	request TraceRequest
	err     error
}

// NewTrace returns a reader of a trace with blocks of blockSize tokens
// (MooncakeBlock for Mooncake's own traces). It panics if blockSize is below 1.
func NewTrace(r io.Reader, blockSize int) *Trace {
	if blockSize < 1 {
		panic("kvcache: block size below 1")
	}
	t := &Trace{lines: bufio.NewScanner(r), size: blockSize}
	t.lines.Buffer(make([]byte, 0, 64<<10), limits.TraceLine)
	return t
}

// Scan reads the next request. It returns false at the end of the trace and at
// the first line that is not a request.
func (t *Trace) Scan() bool {
	for t.err == nil && t.lines.Scan() {
		t.number++
		line := t.lines.Bytes()
		if blank(line) {
			continue
		}
		t.err = t.parse(line)
		if t.err != nil {
			t.err = fmt.Errorf("line %d: %w", t.number, t.err)
		}
		return t.err == nil
	}
	if err := t.lines.Err(); t.err == nil && err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("longer than %d MiB", limits.TraceLine>>20)
		}
		t.err = fmt.Errorf("line %d: %w", t.number+1, err)
	}
	return false
}

// Request returns the last request read. Its Hashes are valid until the next
// Scan.
func (t *Trace) Request() TraceRequest { return t.request }

// Err returns the first error, with the number of its line; nil if the trace
// was read to its end.
func (t *Trace) Err() error { return t.err }

func blank(line []byte) bool {
	for _, b := range line {
		if b != ' ' && b != '\t' && b != '\r' {
			return false
		}
	}
	return true
}

func (t *Trace) parse(line []byte) error {
	// For a null the decoder leaves the element's old value.
	clear(t.request.Hashes[:cap(t.request.Hashes)])
	row := struct {
		Timestamp *float64 `json:"timestamp"`
		Input     *int64   `json:"input_length"`
		Output    int64    `json:"output_length"`
		Hashes    []Hash   `json:"hash_ids"`
	}{Hashes: t.request.Hashes[:0]}
	if err := json.Unmarshal(line, &row); err != nil {
		return fmt.Errorf("not a request of a trace: %w", err)
	}
	switch {
	case row.Timestamp == nil || *row.Timestamp < 0 || !(*row.Timestamp <= limits.Clock/1e6):
		return errors.New("timestamp must be in milliseconds, 0 or more, of at most 104 days")
	case row.Input == nil || !limits.PlausiblePrompt(*row.Input, 0):
		return fmt.Errorf("input_length must be a number of tokens, at most %s", human.Thousands(limits.Tokens))
	case !limits.PlausiblePrompt(row.Output, 0):
		return fmt.Errorf("output_length must be a number of tokens, at most %s", human.Thousands(limits.Tokens))
	}
	// Missing ids would count as misses that never happened, surplus ids as hits.
	full, part := int(*row.Input)/t.size, (int(*row.Input)+t.size-1)/t.size
	if n := len(row.Hashes); n != full && n != part {
		return fmt.Errorf("%d hash_ids for %d tokens: want %d for blocks of %d tokens",
			n, *row.Input, part, t.size)
	}
	t.request = TraceRequest{
		Arrival: time.Duration(*row.Timestamp * float64(time.Millisecond)),
		Input:   int(*row.Input), Output: int(row.Output), Hashes: row.Hashes,
	}
	return nil
}
