package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"multiturn/pkg/record"
	"multiturn/pkg/sim"
	"multiturn/scripts/internal/simrun"
)

// at is a time of the truth, from ms.
func at(ms float64) sim.Milliseconds { return sim.Milliseconds(ms * 1e6) }

// request is a line of truth: arrived, then its first and last token.
func request(session string, arrived, first, last float64, tokens int) sim.Truth {
	return sim.Truth{
		Type: "request", Session: session, Path: "/v1/chat/completions", Outcome: "done",
		Clock: "kernel", Arrived: at(arrived), First: at(first), Last: at(last), Writes: tokens,
		CompletionTokens: tokens,
	}
}

func measured(conversation string, number int, start, ttft, latency float64, tokens int) turn {
	return turn{conversation: conversation, number: number, outcome: record.OK, startMS: start,
		ttftMS: ttft, latencyMS: latency, chunks: tokens, tokens: tokens}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		requests []sim.Truth
		turns    []turn
		pairs    string // conversation, turn and arrival of each
		alone    int
	}{
		{name: "nothing"},
		{
			name: "by session and order, whatever the order of the lines",
			requests: []sim.Truth{request("b", 5, 6, 7, 1), request("a", 30, 31, 32, 1),
				request("a", 1, 2, 3, 1)},
			turns: []turn{measured("a", 0, 1, 1, 1, 1), measured("b", 0, 1, 1, 1, 1),
				measured("a", 1, 1, 1, 1, 1)},
			pairs: "a0@1 b0@5 a1@30",
		},
		{
			name:     "warmed up: turns that begin with another number",
			requests: []sim.Truth{request("a", 1, 2, 3, 1), request("a", 4, 5, 6, 1)},
			turns:    []turn{measured("a", 2, 1, 1, 1, 1), measured("a", 1, 1, 1, 1, 1)},
			pairs:    "a1@1 a2@4",
		},
		{
			name: "a request sent twice makes its conversation useless, not the others",
			requests: []sim.Truth{request("a", 1, 2, 3, 1), request("a", 2, 3, 4, 1),
				request("b", 3, 4, 5, 1)},
			turns: []turn{measured("a", 0, 1, 1, 1, 1), measured("b", 0, 1, 1, 1, 1)},
			pairs: "b0@3", alone: 2,
		},
		{
			name:     "a turn that is missing in the middle",
			requests: []sim.Truth{request("a", 1, 2, 3, 1), request("a", 2, 3, 4, 1)},
			turns:    []turn{measured("a", 0, 1, 1, 1, 1), measured("a", 2, 1, 1, 1, 1)},
			alone:    2,
		},
		{
			name:     "each side has what the other has not",
			requests: []sim.Truth{request("a", 1, 2, 3, 1), request("", 2, 3, 4, 1)},
			turns:    []turn{measured("b", 0, 1, 1, 1, 1)},
			alone:    3,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pairs, alone := match(c.requests, c.turns)
			var got []string
			for _, p := range pairs {
				got = append(got, p.turn.conversation+
					itoa(p.turn.number)+"@"+itoa(int(ms(p.truth.Arrived))))
			}
			if s := strings.Join(got, " "); s != c.pairs || alone != c.alone {
				t.Errorf("pairs %q and %d alone, want %q and %d", s, alone, c.pairs, c.alone)
			}
		})
	}
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	truth := &simrun.Truth{Start: time.Unix(1000, 0), End: &sim.TruthEnd{}}
	a0, a1, b0 := request("a", 500, 550, 590, 3), request("a", 590.5, 640, 680, 3),
		request("b", 510, 560, 600, 3)
	// b: two tokens in one write
	a0.GapsUS, a1.GapsUS, b0.GapsUS = []int64{20000, 20000}, []int64{20000, 20000}, []int64{40000}
	truth.Requests = []sim.Truth{a0, a1, b0}
	truth.End.LateUS.P99 = simLate.Microseconds() + 1

	own := []turn{measured("a", 0, 100, 50.25, 90.5, 3), measured("a", 1, 190.5, 50.5, 90.5, 3),
		measured("b", 0, 110, 50, 90, 3)}
	own[0].gapsUS, own[1].gapsUS, own[2].gapsUS = []int64{20500, 19500}, []int64{20000, 20000},
		[]int64{0, 40000}
	run := &played{truth: truth, out: &outcome{
		started: time.Unix(1000, 250e6), turns: own,
		usage: usage{CPU: 3 * time.Second, Memory: 2 << 20,
			history: []cpuAt{{time.Unix(1000, 300e6), time.Second},
				{time.Unix(1001, 0), 2 * time.Second}}},
	}}
	r := evaluate("other", point{Streams: 2}, run)
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	near("TTFT error", r.TTFT.Mean, (0.25+1+0)/3)
	near("of first turns", r.FirstTTFT.Max, 0.25)
	near("of later turns", r.LaterTTFT.Mean, 1)
	near("latency error", r.Latency.Mean, (0.5+1+0)/3)
	near("TPOT error", r.TPOT.Max, 0.125)
	near("gap error", r.Gap.Mean, (0.5+0.5+0+0)/4)
	near("truth's throughput", r.TrueThroughput, 9/0.180)
	near("throughput", r.Throughput, 9/0.181)
	near("throughput error", *r.ThroughputError, 100*(180.0/181-1))
	near("chunks/s", r.ChunksPerSec, 9/0.181)
	near("first request", r.FirstRequest, 0.25)
	near("next request", r.NextRequest.Max, 0.5)
	near("CPU", r.ProcessCPU, 3e6/9)
	near("CPU without the start", r.RunCPU, 2e6/9)
	near("memory", r.MemoryMiB, 2)
	if r.Gap.N != 4 || r.GapsLeftOut != 1 || r.Open != 2 || r.Turns != 3 || r.Chunks != 9 ||
		r.Errors != 0 || r.Differing != 0 {
		t.Errorf("result %+v", r)
	}
	if r.Server.OnTime || r.Server.Clock != "kernel" {
		t.Errorf("server %+v", r.Server)
	}

	own[2].outcome, own[1].tokens = record.Truncated, 2
	if r := evaluate("other", point{Streams: 2}, run); r.Errors != 1 || r.Differing != 1 ||
		r.TTFT.N != 2 || r.Outcomes["truncated"] != 1 {
		t.Errorf("with a failed turn: %+v", r)
	}

	// Our own client accounts for its start-up itself.
	run.out.end = &record.End{Certificate: record.Certificate{Verdict: "ok",
		CPUSeconds: 0.9, Merged: 3}}
	if r := evaluate("mtbench", point{Streams: 2}, run); r.Verdict != "ok" ||
		math.Abs(r.RunCPU-1e5) > 1e-6 || math.Abs(r.MergedShare-1.0/3) > 1e-9 {
		t.Errorf("with a certificate: %+v", r)
	}
}
