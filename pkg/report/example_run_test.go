package report

import (
	"fmt"
	"math/rand/v2"
	"time"

	"multiturn/pkg/record"
)

// exampleRun is a small run, made up: conversations of turns, two of them failing, warm-up before.
func exampleRun(conversations, turnsEach int) []any {
	rng := rand.New(rand.NewPCG(7, 7))
	ms := func(f float64) record.Clock { return record.Clock(f * 1e6) }
	all := []any{&record.Run{
		ID: "R", Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Program: "mtbench",
		Model: "example", Clients: 2, ActiveConversations: 6,
		OutputLength: "exact", Clocks: "kernel",
		Dataset:   record.Dataset{Conversations: conversations, Turns: conversations * turnsEach},
		Tokenizer: record.Tokenizer{Name: "qwen3", Source: "cache"},
	}}
	now, failed, finished := 100.0, 0, 0
	for turn := range turnsEach {
		for conv := range conversations {
			t := &record.Turn{
				Conversation: fmt.Sprintf("CONV_ID_%d", conv), Client: conv % 2, Turn: turn,
				Messages: 2*turn + 1, Warmup: turn == 0 && conv == 0,
				Attempts: 1,
				Exchange: record.Exchange{Outcome: record.OK, Status: 200, Finish: "length",
					Stream: true, Connection: "reused"}, MaxTokens: 20, MinTokens: 20,
			}
			if turn == 0 {
				t.Connection, t.ConnectMS = "new", 0.3
			}
			t.Scheduled = ms(now)
			t.Issued = ms(now + 0.02)
			t.Sent = ms(now + 0.05)
			if conv == 3 && turn == 1 {
				t.Outcome, t.Status, t.Error, t.End = record.HTTPStatus, 500,
					"500 Internal Server Error", ms(now+2)
				failed++
				all = append(all, t)
				continue
			}
			if conv == 3 && turn > 1 {
				continue
			}
			ttft := 10 + 5*float64(turn) + 4*rng.Float64()
			t.Headers, t.FirstEvent, t.FirstToken = ms(now+1), ms(now+ttft), ms(now+ttft)
			t.FirstAnswer = t.FirstToken
			at := now + ttft
			for range 19 {
				gap := 4 + rng.Float64()
				at += gap
				t.GapsUS = append(t.GapsUS, int64(gap*1000))
			}
			t.LastToken, t.End = ms(at), ms(at+0.1)
			t.Chunks, t.ChunksContent, t.Reads = 20, 20, 20
			cached := 160 * turn
			t.Usage = &record.Usage{Prompt: 200 * (turn + 1), Completion: 20, Cached: &cached}
			t.Counted = record.Counted{Input: 190 * (turn + 1), NewInput: 190, Output: 20,
				FirstChunk: 1}
			now = at/2 + now/2 // two at a time
			finished++
			all = append(all, t)
		}
	}
	return append(all, &record.End{
		At: ms(now + 100), Why: "done", WarmupMS: 12.5,
		Conversations: record.Tally{Planned: conversations, Started: conversations,
			Finished: conversations - 1, Failed: 1},
		Turns: record.Tally{Planned: conversations * turnsEach, Started: finished + failed,
			Finished: finished, Failed: failed, Abandoned: turnsEach - 2},
		Certificate: record.Certificate{Verdict: "ok", Clocks: "kernel",
			Lag:  record.Quantiles{N: 10, P50: 0.05, P99: 0.06, Max: 0.07},
			Wake: record.Quantiles{N: 10, P50: 0.1, P99: 0.5, Max: 0.9}, CPUSeconds: 0.12,
			CPUShare: 0.03, GCs: 2, GCPauseMaxMS: 0.05, PeakMemoryMB: 23,
			Chunks: 400, Reads: 400, Opened: 2, MaxInFlight: 2},
	})
}
