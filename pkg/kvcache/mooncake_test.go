package kvcache

import (
	"os"
	"strings"
	"testing"
	"time"
)

// A made-up trace of 400 requests whose hits a program of its own counted, one
// plain LRU pass per capacity.
func TestSyntheticTrace(t *testing.T) {
	t.Parallel()
	f, err := os.Open("testdata/trace.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	compareGolden(t, traceCurve(t, NewTrace(f, 16)), readGolden(t, "testdata/trace.lru.json"))
}

// A synthetic trace of 400 requests whose hits a separate program counted, with
// one plain LRU pass for each capacity.
func TestTrace(t *testing.T) {
	t.Parallel()
	const good = `{"timestamp": 3000, "input_length": 33, "output_length": 7, "hash_ids": [4, 5, 6], "session_id": "x"}`
	trace := NewTrace(strings.NewReader("\n"+good+"\r\n \n"+good), 16)
	n := 0
	for trace.Scan() {
		n++
		q := trace.Request()
		if q.Arrival != 3*time.Second || q.Input != 33 || q.Output != 7 || len(q.Hashes) != 3 ||
			q.Hashes[2] != 6 {
			t.Errorf("read %+v", q)
		}
	}
	if n != 2 || trace.Err() != nil {
		t.Errorf("%d requests, error %v", n, trace.Err())
	}
	for name, test := range map[string]struct{ line, want string }{
		"no json":       {`x`, "not a request"},
		"other json":    {`[1]`, "not a request"},
		"no time":       {`{"input_length": 1, "hash_ids": [1]}`, "timestamp"},
		"negative time": {`{"timestamp": -1, "input_length": 1, "hash_ids": [1]}`, "timestamp"},
		"no length":     {`{"timestamp": 1, "hash_ids": [1]}`, "input_length"},
		"too long": {`{"timestamp": 1, "input_length": 9223372036854775807, "hash_ids": [1]}`,
			"input_length"},
		"negative out": {`{"timestamp": 1, "input_length": 1, "output_length": -1, ` +
			`"hash_ids": [1]}`, "output_length"},
		"other blocks": {`{"timestamp": 1, "input_length": 33, "hash_ids": [1]}`,
			"1 hash_ids for 33 tokens"},
		"negative ids": {`{"timestamp": 1, "input_length": 1, "hash_ids": [-1]}`,
			"not a request"},
		"text for ids": {`{"timestamp": 1, "input_length": 1, "hash_ids": ["a"]}`,
			"not a request"},
		"cut in the mid": {`{"timestamp": 1, "input_length": 1, "hash_`, "not a request"},
	} {
		trace := NewTrace(strings.NewReader(good+"\n"+test.line+"\n"+good), 16)
		n := 0
		for trace.Scan() {
			n++
		}
		if err := trace.Err(); n != 1 || err == nil || !strings.Contains(err.Error(), test.want) ||
			!strings.HasPrefix(err.Error(), "line 2: ") {
			t.Errorf("%s: %d requests, error %v", name, n, err)
		}
	}
}

func FuzzTrace(f *testing.F) {
	f.Add("{\"timestamp\": 0, \"input_length\": 20, \"output_length\": 7, \"hash_ids\": [0, " +
		"1]}\n{\"timestamp\": 0, \"input_length\": 1, \"hash_ids\": [null]}")
	f.Add("{\"hash_ids\": [18446744073709551615]}")
	f.Fuzz(func(t *testing.T, data string) {
		trace := NewTrace(strings.NewReader(data), 16)
		r := NewReuse(16)
		r.CountPartial = true
		possible := int64(0)
		for trace.Scan() {
			q := trace.Request()
			if len(q.Hashes) > 16 {
				return
			}
			possible += int64(r.Add(q.Hashes, q.Input))
		}
		if got := r.Curve().Possible().HitBlocks; got != possible {
			t.Errorf("curve ends at %d hits, the requests had %d", got, possible)
		}
	})
}
