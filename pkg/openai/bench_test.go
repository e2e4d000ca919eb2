package openai

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"multiturn/pkg/record"
	"multiturn/pkg/sockclock"
)

// vllmChunk is an event as vLLM sends it.
func vllmChunk(text, finish, more string) string {
	return fmt.Sprintf(`data: {"id":"chatcmpl-b9ee84d403c57fab",`+
		`"object":"chat.completion.chunk","created":1795431958,"model":"tiny-random",`+
		`"choices":[{"index":0,"delta":{"content":%q},"logprobs":null,"finish_reason":%s,`+
		`"token_ids":null}]%s}`+"\n\n", text, finish, more)
}

// chunkKinds are streams by how much one event differs from the next.
func chunkKinds() []struct {
	name  string
	event func(i int) string
} {
	usage := `,"usage":{"prompt_tokens":14,"total_tokens":15,"completion_tokens":1,` +
		`"completion_tokens_details":{"reasoning_tokens":0}}`
	return []struct {
		name  string
		event func(i int) string
	}{
		{"alike", func(i int) string { return vllmChunk(fmt.Sprint(" word", i), "null", "") }},
		{"usage in each", func(i int) string {
			return vllmChunk(fmt.Sprint(" word", i), "null", usage)
		}},
		{"no two alike", func(i int) string {
			return strings.Replace(vllmChunk(fmt.Sprint(" word", i), "null", ""), "fab",
				fmt.Sprint(i), 1)
		}},
	}
}

// BenchmarkChunk measures the client's own code for one chunk of an answer of
// 500, with one read a chunk: parsing the stream, decoding the event, clocks, text
// and gaps. TestChunkCost checks the allocations.
func BenchmarkChunk(b *testing.B) {
	for _, c := range chunkKinds() {
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
				a := newAnswer(o, &endpoint{api: &chatCompletions}, sockclock.New(time.Now()))
				a.form = formStream
				a.res.Status = 200
				for i, r := range reads {
					at := record.Clock(i+1) * 1e6
					a.read(at, at, false)
					a.body(r, 0)
				}
				if r := a.finish(nil, 1e9); r.Outcome != record.OK || r.Chunks != chunks {
					b.Fatal(r.Outcome, r.Error)
				}
				a.free()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/chunks, "ns/chunk")
		})
	}
}

// TestChunkCost checks that nearly all chunks cost no allocation.
func TestChunkCost(t *testing.T) {
	for _, c := range chunkKinds() {
		var reads [][]byte
		for i := range 1000 {
			reads = append(reads, []byte(c.event(i)))
		}
		n := testing.AllocsPerRun(20, func() {
			a := newAnswer(&Options{}, &endpoint{api: &chatCompletions}, sockclock.New(time.Now()))
			a.form, a.res.Status = formStream, 200
			for i, read := range reads {
				a.read(record.Clock(i+1), record.Clock(i+1), false)
				a.body(read, 0)
			}
			a.finish(nil, 1e9)
			a.free()
		})
		if n > 50 {
			t.Errorf("%s: %v allocations for an answer of 1000 chunks", c.name, n)
		}
	}
}

// BenchmarkTurn measures one request and its answer of 16 chunks over loopback,
// for histories of different lengths. "ns-to-send" is the time from the call of Do
// to just before the first Write, which is the client's share of the time between
// two turns. It must not grow with the history.
func BenchmarkTurn(b *testing.B) {
	events := roleEvent
	for i := range 16 {
		events += vllmChunk(fmt.Sprint(" word", i), "null", "")
	}
	answer := []byte(streamHead + chunked(events, stopEvent, doneEvent) + lastChunk)
	for _, transport := range transports() {
		for _, size := range []int{1_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%dk", transport, size/1000), func(b *testing.B) {
				url := serve(b, func(c net.Conn) {
					r := bufio.NewReaderSize(c, 64<<10)
					for {
						req, err := http.ReadRequest(r)
						if err != nil {
							return
						}
						io.Copy(io.Discard, req.Body)
						c.Write(answer)
					}
				})
				client := newClient(b, Options{URL: url, Transport: transport.Transport,
					Clocks: transport.Clocks})
				request := &Request{MaxTokens: 16}
				// a history of many messages, each a piece of its own
				for n := 0; n < size; n += 100 {
					request.Messages = append(request.Messages,
						[]byte(`,{"role":"user","content":"`+strings.Repeat("x", 71)+`"}`))
				}
				request.Messages[0] = request.Messages[0][1:]
				var toSend time.Duration
				b.ReportAllocs()
				for b.Loop() {
					issued := time.Since(client.opts.Start)
					r := client.Do(context.Background(), request)
					if r.Outcome != record.OK {
						b.Fatal(r.Outcome, r.Error)
					}
					toSend += time.Duration(r.Sent) - issued
				}
				b.ReportMetric(float64(toSend)/float64(b.N), "ns-to-send")
			})
		}
	}
}
