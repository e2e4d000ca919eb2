package openai_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"multiturn/pkg/openai"
	"multiturn/pkg/record"
	"multiturn/pkg/sim"
	"multiturn/pkg/sim/engine"

	"github.com/tidwall/gjson"
)

// faultCase is a fault of the simulated server and the result that a client must
// report. All requests ask for 8 tokens.
type faultCase struct {
	fault   string
	outcome record.Outcome
	// clocks are the clocks that are set, a letter each: h headers, e first event,
	// t first token, a first answer.
	clocks string
	chunks int
	idle   time.Duration
	check  func(r *openai.Result) string // what is wrong, if something is
}

// tokens checks the completion and cached tokens of usage, -1 being unknown.
func tokens(completion, cached int) func(r *openai.Result) string {
	return func(r *openai.Result) string {
		got, gotCached := -1, -1
		if r.Usage != nil {
			got = r.Usage.Completion
			if r.Usage.Cached != nil {
				gotCached = *r.Usage.Cached
			}
		}
		if got != completion || gotCached != cached {
			return fmt.Sprintf("usage %d completion, %d cached; want %d, %d", got, gotCached,
				completion, cached)
		}
		return ""
	}
}

// zeros checks that usage was sent and is unknown.
func zeros(r *openai.Result) string {
	if r.Usage != nil || !r.UsageZeros {
		return fmt.Sprintf("usage %+v, zeros %v", r.Usage, r.UsageZeros)
	}
	return ""
}

func texts(content, reasoning, tool int) func(r *openai.Result) string {
	return func(r *openai.Result) string {
		if r.ChunksContent != content || r.ChunksReasoning != reasoning || r.ChunksTool != tool ||
			(r.Text == "") != (content == 0) || (r.Reasoning == "") != (reasoning == 0) ||
			gjson.ValidBytes(r.ToolCalls) != (tool > 0) {
			return fmt.Sprintf("chunks %d, %d, %d; text %q, reasoning %q, tool calls %s",
				r.ChunksContent, r.ChunksReasoning, r.ChunksTool, r.Text, r.Reasoning, r.ToolCalls)
		}
		return ""
	}
}

func errorHas(part string) func(r *openai.Result) string {
	return func(r *openai.Result) string {
		if !strings.Contains(r.Error, part) {
			return fmt.Sprintf("error %q, want %q in it", r.Error, part)
		}
		return ""
	}
}

var faultCases = []faultCase{
	{fault: "", outcome: record.OK, clocks: "heta", chunks: 8, check: tokens(8, 0)},
	// connection
	{fault: "close", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "idle=5ms", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "reset=0", outcome: record.Connect},
	{fault: "reset=3", outcome: record.Truncated, clocks: "heta", chunks: 3},
	{fault: "cut=0", outcome: record.Connect},
	{fault: "cut=3", outcome: record.Truncated, clocks: "heta", chunks: 3},
	// head
	{fault: "status=500", outcome: record.HTTPStatus, clocks: "h", check: errorHas("HTTP 500")},
	{fault: "status=429,retry-after=7",
		outcome: record.HTTPStatus, clocks: "h", check: errorHas("retry after 7s")},
	{fault: "status=502,html", outcome: record.HTTPStatus, clocks: "h",
		check: errorHas("a page: ")},
	{fault: "headers=30ms", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "json", outcome: record.OK, clocks: "heta", chunks: 1, check: tokens(8, 0)},
	{fault: "type=none", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "type=text", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "type=json", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "chunked=twice", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "chunked=list", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "split=5,type=json", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "type=stream,json", outcome: record.OK, clocks: "heta", chunks: 1, check: tokens(8, 0)},
	{fault: "chunked=twice,json", outcome: record.OK, clocks: "heta", chunks: 1, check: tokens(8, 0)},
	// course
	{fault: "stall=3/20s", outcome: record.IdleTimeout, clocks: "heta", chunks: 3,
		idle: time.Second},
	{fault: "stall=0/100ms", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "truncate=3", outcome: record.Truncated, clocks: "heta", chunks: 3},
	{fault: "error=3", outcome: record.ErrorInStream, clocks: "heta", chunks: 3,
		check: errorHas("error in the stream: ")},
	{fault: "error=0", outcome: record.ErrorInStream, clocks: "he"},
	{fault: "error-text=3", outcome: record.ErrorInStream, clocks: "heta", chunks: 3},
	{fault: "error-type=3", outcome: record.ErrorInStream, clocks: "heta", chunks: 3},
	{fault: "bad-json=3", outcome: record.BadEvent, clocks: "heta", chunks: 7},
	{fault: "buffer", outcome: record.OK, clocks: "heta", chunks: 8},
	// content
	{fault: "clip=3", outcome: record.OK, clocks: "heta", chunks: 3, check: tokens(3, 0)},
	{fault: "abort=3/abort", outcome: record.Aborted, clocks: "heta", chunks: 3,
		check: errorHas("finish_reason abort")},
	{fault: "abort=3/error", outcome: record.Aborted, clocks: "heta", chunks: 3},
	{fault: "abort=3/cancelled,json", outcome: record.Aborted, clocks: "heta", chunks: 1},
	{fault: "abort=3,usage=absent,no-done", outcome: record.Aborted, clocks: "heta", chunks: 3},
	{fault: "eos=1", outcome: record.Empty, clocks: "he", check: tokens(1, 0)},
	{fault: "strict", outcome: record.OK, clocks: "heta", chunks: 8}, // the history is valid
	{fault: "eos=4", outcome: record.OK, clocks: "heta", chunks: 3, check: tokens(4, 0)},
	{fault: "role=first", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "role=early", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "role=late", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "role=none", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "role=merged", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "role=null", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "role=bare", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "reasoning=4/reasoning", outcome: record.OK, clocks: "heta", chunks: 7,
		check: texts(4, 3, 0)},
	{fault: "reasoning=4/reasoning_content",
		outcome: record.OK, clocks: "heta", chunks: 7, check: texts(4, 3, 0)},
	{fault: "reasoning=4/reasoning_details", outcome: record.OK, clocks: "heta", chunks: 7, check: texts(4, 3, 0)},
	{fault: "reasoning=4/reasoning_details,json", outcome: record.OK, clocks: "heta", chunks: 1, check: texts(1, 1, 0)},
	{fault: "reasoning=4/thinking", outcome: record.OK, clocks: "heta", chunks: 7, check: texts(4, 3, 0)},
	{fault: "reasoning=4/thinking,json", outcome: record.OK, clocks: "heta", chunks: 1, check: texts(1, 1, 0)},
	{fault: "reasoning=4/thinking_blocks", outcome: record.OK, clocks: "heta", chunks: 7, check: texts(4, 3, 0)},
	{fault: "reasoning=4/thinking_blocks,json", outcome: record.OK, clocks: "heta", chunks: 1, check: texts(1, 1, 0)},
	// Content, unless Think is set: TestThink, and the script streams.txtar.
	{fault: "reasoning=4/tagged", outcome: record.OK, clocks: "heta", chunks: 7, check: texts(7, 0, 0)},
	{fault: "reasoning=4/open", outcome: record.OK, clocks: "heta", chunks: 7, check: texts(7, 0, 0)},
	{fault: "tools", outcome: record.OK, clocks: "het", chunks: -1},
	{fault: "tokens=4", outcome: record.OK, clocks: "heta", chunks: 2, check: tokens(8, 0)},
	{fault: "finish=last", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "finish=own", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "finish=none", outcome: record.Truncated, clocks: "heta", chunks: 8},
	{fault: "finish=blank", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "finish=blank,cut=3", outcome: record.Truncated, clocks: "heta", chunks: 3},
	{fault: "finish=blank,truncate=3", outcome: record.Truncated, clocks: "heta", chunks: 3},
	{fault: "usage=absent", outcome: record.OK, clocks: "heta", chunks: 8, check: tokens(-1, -1)},
	{fault: "usage=null", outcome: record.OK, clocks: "heta", chunks: 8, check: tokens(-1, -1)},
	{fault: "usage=zero-omitted", outcome: record.OK, clocks: "heta", chunks: 8,
		check: tokens(8, -1)},
	{fault: "usage=details-null", outcome: record.OK, clocks: "heta", chunks: 8,
		check: tokens(8, -1)},
	{fault: "usage=cached-null", outcome: record.OK, clocks: "heta", chunks: 8,
		check: tokens(8, -1)},
	{fault: "usage=continuous", outcome: record.OK, clocks: "heta", chunks: 8, check: tokens(8, 0)},
	{fault: "usage=forced", outcome: record.OK, clocks: "heta", chunks: 8, check: tokens(8, 0)},
	{fault: "usage=nulls", outcome: record.OK, clocks: "heta", chunks: 8, check: tokens(8, 0)},
	{fault: "usage=choice", outcome: record.OK, clocks: "heta", chunks: 8, check: tokens(8, 0)},
	{fault: "usage=choice,json", outcome: record.OK, clocks: "heta", chunks: 1, check: tokens(8, 0)},
	{fault: "usage=groq", outcome: record.OK, clocks: "heta", chunks: 8, check: tokens(8, 0)},
	{fault: "usage=groq,json", outcome: record.OK, clocks: "heta", chunks: 1, check: tokens(8, 0)},
	{fault: "usage=zeros", outcome: record.OK, clocks: "heta", chunks: 8, check: zeros},
	{fault: "usage=zeros,json", outcome: record.OK, clocks: "heta", chunks: 1, check: zeros},
	{fault: "usage=zeros-last", outcome: record.OK, clocks: "heta", chunks: 8, check: tokens(8, 0)},
	{fault: "usage=zeros-last,json", outcome: record.OK, clocks: "heta", chunks: 1, check: tokens(8, 0)},
	{fault: "usage=empty", outcome: record.OK, clocks: "heta", chunks: 8, check: zeros},
	{fault: "usage=empty,json", outcome: record.OK, clocks: "heta", chunks: 1, check: zeros},
	{fault: "usage=uncached", outcome: record.OK, clocks: "heta", chunks: 8, check: tokens(8, -1)},
	{fault: "usage=uncached,json", outcome: record.OK, clocks: "heta", chunks: 1, check: tokens(8, -1)},
	{fault: "usage=absent,timings=llamacpp", outcome: record.OK, clocks: "heta", chunks: 8, check: tokens(8, 0)},
	{fault: "no-done", outcome: record.OKNoDone, clocks: "heta", chunks: 8, check: tokens(8, 0)},
	{fault: "timings=vllm", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "timings=llamacpp", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "like=llamacpp", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "like=sglang", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "like=llm-d", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "like=ollama", outcome: record.OK, clocks: "heta", chunks: 8},
	// bytes
	{fault: "comments", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "blank-data", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "events", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "events,blank-data,split=9", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "ping=3ms", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "crlf", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "cr", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "bom", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "no-space", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "no-blank", outcome: record.OK, clocks: "heta", chunks: 8},
	{fault: "split=7", outcome: record.OK, clocks: "heta", chunks: 8},
}

// TestSimulatedFaults asks for every fault of the simulated server. Requests
// without faults go over the same client and must not be affected.
// With -v it prints the table of faults and outcomes.
func TestSimulatedFaults(t *testing.T) {
	t.Parallel()
	// Of the server as a whole: TestRefused, and the scripts count.txtar and reach.txtar
	// of mtbench. The latter has unsupported, too. TestAttacks has those of
	// hostile.
	known := map[string]bool{
		"refuse": true, "tokenize": true, "loading": true, "unsupported": true,
		"hostile": true,
	}
	for _, c := range faultCases {
		for f := range strings.SplitSeq(c.fault, ",") {
			name, _, _ := strings.Cut(f, "=")
			known[name] = true
		}
	}
	for _, name := range sim.FaultNames() {
		if !known[name] {
			t.Errorf("the fault %s is not tried", name)
		}
	}
	for _, o := range []openai.Options{{Transport: openai.NetHTTP}, {Transport: openai.Reactor,
		Clocks: record.ClockKernel}} {
		t.Run(string(o.Transport), func(t *testing.T) {
			t.Parallel()
			server, err := sim.New(
				sim.Options{Fixed: engine.FixedOptions{Base: 10 * time.Millisecond,
					Interval: 2 * time.Millisecond}})
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Skip("no loopback here: ", err)
			}
			served := make(chan error, 1)
			go func() { served <- server.Serve(l) }()
			t.Cleanup(func() {
				server.Close()
				<-served
			})
			o.URL, o.Model = "http://"+l.Addr().String(), "m"
			o.Header = map[string][]string{"X-Sim-Fault": {"{session}"}}
			client, err := openai.New(o)
			if err != nil {
				t.Skip(err)
			}
			t.Cleanup(func() { client.Close() })
			ask := func(fault, text string, idle time.Duration) *openai.Result {
				return client.Do(context.Background(), &openai.Request{
					Messages: [][]byte{[]byte(`{"role":"user","content":"` + text + `"}`)},
					Session:  fault, MaxTokens: 8, MinTokens: 8, Timeout: 30 * time.Second,
					IdleTimeout: idle,
				})
			}
			var wg sync.WaitGroup
			for i, c := range faultCases {
				wg.Go(func() {
					r := ask(c.fault, fmt.Sprintf("%d, by which nothing is in the cache", i),
						c.idle)
					var clocks string
					for _, clock := range []struct {
						letter string
						at     record.Clock
					}{{"h", r.Headers}, {"e", r.FirstEvent}, {"t", r.FirstToken}, {"a", r.FirstAnswer}} {
						if clock.at != 0 {
							clocks += clock.letter
						}
					}
					t.Logf("%-32s %-16s clocks %-5s %s", c.fault, r.Outcome, clocks, r.Error)
					if r.Outcome != c.outcome || clocks != c.clocks ||
						c.chunks >= 0 && r.Chunks != c.chunks {
						t.Errorf("%s: %s (%s), clocks %q, %d chunks; want %s, %q, %d", c.fault,
							r.Outcome, r.Error, clocks, r.Chunks, c.outcome, c.clocks, c.chunks)
					}
					if c.check != nil {
						if wrong := c.check(r); wrong != "" {
							t.Errorf("%s: %s", c.fault, wrong)
						}
					}
				})
				wg.Go(func() {
					if r := ask("", fmt.Sprintf("%d, a neighbour", i), 0); r.Outcome != record.OK ||
						r.Chunks != 8 || r.Usage == nil || r.Usage.Completion != 8 {
						t.Errorf("a request next to %s: %s (%s), %d chunks", c.fault, r.Outcome,
							r.Error, r.Chunks)
					}
				})
			}
			wg.Wait()
			for range 10 {
				if r := ask("", "afterwards", 0); r.Outcome != record.OK || r.Chunks != 8 {
					t.Errorf("a request after all faults: %s (%s), %d chunks", r.Outcome,
						r.Error, r.Chunks)
				}
			}
		})
	}
}
