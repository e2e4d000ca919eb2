package openai

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// vllmChunk is an event as vLLM sends it.
func vllmChunk(text, finish, more string) string {
	return fmt.Sprintf(`data: {"id":"chatcmpl-b9ee84d403c57fab","object":"chat.completion.chunk","created":1795431958,"model":"tiny-random",`+
		`"choices":[{"index":0,"delta":{"content":%q},"logprobs":null,"finish_reason":%s,"token_ids":null}]%s}`+"\n\n", text, finish, more)
}

// BenchmarkChunk is our own code for one chunk of an answer of 500, one read a chunk: parsing the stream, decoding the event,
// clocks, text and gaps. The limits are checked by TestChunkCost.
func BenchmarkChunk(b *testing.B) {
	usage := `,"usage":{"prompt_tokens":14,"total_tokens":15,"completion_tokens":1,"completion_tokens_details":{"reasoning_tokens":0}}`
	for _, c := range []struct {
		name  string
		event func(i int) string
	}{
		{"alike", func(i int) string { return vllmChunk(fmt.Sprint(" word", i), "null", "") }},
		{"usage in each", func(i int) string { return vllmChunk(fmt.Sprint(" word", i), "null", usage) }},
		{"no two alike", func(i int) string {
			return strings.Replace(vllmChunk(fmt.Sprint(" word", i), "null", ""), "fab", fmt.Sprint(i), 1)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			const chunks = 500
			var reads [][]byte
			for i := range chunks {
				reads = append(reads, []byte(c.event(i)))
			}
			reads = append(reads, []byte(vllmChunk("", `"stop"`, "")+doneEvent))
			o := &Options{}
			b.ReportAllocs()
			for b.Loop() {
				a := newAnswer(o, nil)
				a.form = formStream
				a.res.Status = 200
				for i, r := range reads {
					a.read(time.Duration(i+1)*time.Millisecond, time.Duration(i+1)*time.Millisecond)
					a.body(r, 0)
				}
				if r := a.finish(nil, time.Second); r.Outcome != OK || r.Chunks != chunks {
					b.Fatal(r.Outcome, r.Error)
				}
				a.free()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/chunks, "ns/chunk")
		})
	}
}

// TestChunkCost holds BenchmarkChunk's allocations: less than two a chunk, and in fact nearly none.
func TestChunkCost(t *testing.T) {
	read := []byte(vllmChunk(" word", "null", ""))
	n := testing.AllocsPerRun(20, func() {
		a := newAnswer(&Options{}, nil)
		a.form, a.res.Status = formStream, 200
		for i := range 1000 {
			a.read(time.Duration(i+1), time.Duration(i+1))
			a.body(read, 0)
		}
		a.finish(nil, time.Second)
		a.free()
	})
	if n > 50 {
		t.Errorf("%v allocations for an answer of 1000 chunks", n)
	}
}
