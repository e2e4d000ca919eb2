//go:build linux

package main

import (
	"strings"
	"testing"
	"time"

	"multiturn/pkg/record"
	"multiturn/pkg/sim"
	"multiturn/scripts/internal/simrun"
)

const ms1 = record.Clock(time.Millisecond)

// played is a run and its truth: 23 ms to the first token, 4 ms between tokens,
// each client's requests 200 ms apart. change changes what the client says.
func played(change func(i int, t *record.Turn)) (*record.Log, *simrun.Truth) {
	start := time.Unix(1000, 0)
	l := &record.Log{Run: &record.Run{Start: start.Add(time.Second)},
		End: &record.End{At: record.Clock(time.Minute)}}
	s := &simrun.Truth{Start: start}
	ms := sim.Milliseconds(time.Millisecond)
	for i := range conversations * turns {
		name := string(rune('a' + i%conversations))
		at := record.Clock(i/clients+1) * 180 * ms1
		t := &record.Turn{Conversation: name, Turn: i / conversations, Client: i % clients,
			Exchange: record.Exchange{Outcome: record.OK, Sent: at, FirstToken: at + 23*ms1,
				LastToken: at + 179*ms1}}
		arrived := sim.Milliseconds(time.Second) + sim.Milliseconds(at)
		r := sim.Truth{Session: name, Arrived: arrived, First: arrived + 23*ms,
			FirstWritten: arrived + 23*ms, Last: arrived + 179*ms, LastWritten: arrived + 179*ms,
			CompletionTokens: tokens}
		for range tokens - 1 {
			t.GapsUS, r.GapsUS = append(t.GapsUS, 4000), append(r.GapsUS, 4000)
		}
		if change != nil {
			change(i, t)
		}
		l.Turns, s.Requests = append(l.Turns, t), append(s.Requests, r)
	}
	return l, s
}

// wrong returns the kinds of numbers that are wrong.
func wrong(t *testing.T, l *record.Log, s *simrun.Truth) string {
	t.Helper()
	r, err := evaluate(l, s)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, k := range r.Kinds {
		if k.Wrong {
			all = append(all, k.Kind)
		}
	}
	return strings.Join(all, " ")
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(int, *record.Turn)
		want   string
	}{
		{"right", nil, ""},
		{"2 ms are less than a tenth", func(_ int, t *record.Turn) { t.FirstToken += 2 * ms1 }, ""},
		{"a first token 60 ms late", func(_ int, t *record.Turn) { t.FirstToken += 60 * ms1 },
			"ttft tpot"},
		{"sent 30 ms early", func(_ int, t *record.Turn) { t.Sent -= 30 * ms1 }, "ttft latency"},
		{"gaps", func(_ int, t *record.Turn) { t.GapsUS[3], t.GapsUS[4] = 8000, 0 }, "itl"},
		{"gaps of a turn that cannot be compared",
			func(_ int, t *record.Turn) { t.GapsUS = t.GapsUS[:3] }, ""},
	} {
		l, s := played(tc.change)
		if got := wrong(t, l, s); got != tc.want {
			t.Errorf("%s: wrong are %q, want %q", tc.name, got, tc.want)
		}
	}
	// The server does not know better than the times before and after its write.
	l, s := played(func(_ int, t *record.Turn) { t.FirstToken += 60 * ms1 })
	for i := range s.Requests {
		s.Requests[i].FirstWritten += sim.Milliseconds(60 * time.Millisecond)
	}
	if got := wrong(t, l, s); got != "" {
		t.Errorf("within the server's own time: %q", got)
	}
	// Requests come 20 ms late.
	l, s = played(nil)
	for i := range s.Requests {
		r := &s.Requests[i]
		r.LastWritten -= sim.Milliseconds(20 * time.Millisecond)
		r.Last = r.LastWritten
		l.Turns[i].LastToken -= 20 * ms1
	}
	if got := wrong(t, l, s); got != "throughput" {
		t.Errorf("requests come 20 ms late: %q", got)
	}
	// A failed turn, or one that the server does not know, cannot be judged.
	l, s = played(nil)
	if _, err := evaluate(l, &simrun.Truth{Start: s.Start, Requests: s.Requests[1:]}); err == nil {
		t.Error("a turn without truth was judged")
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	run := func(wrong bool, verdict string) result {
		return result{Kinds: []kindResult{{Kind: "ttft", N: 60, Wrong: wrong,
			Said: record.Verdict{Verdict: verdict}}, {Kind: "itl"}}}
	}
	var out strings.Builder
	table(&out, []cell{{"quiet", "kernel", []result{run(false, "ok"), run(false, "warn"),
		run(true, "ok"), run(true, "warn"), run(true, "warn")}}})
	want := "| scenario | clocks | runs | ttft wrong and named | right but doubted | " +
		`itl wrong and named | right but doubted |
|---|---|---|---|---|---|---|
| quiet | kernel | 5 | 2 of 3 | 1 of 2 | - | - |
| all | | 5 | 2 of 3 | 1 of 2 | - | - |
| all | | % | 66.7 % | 50.0 % | - | - |
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	if all, err := choose(scenarios, names(scenarios)); err != nil || len(all) != len(scenarios) {
		t.Errorf("%d of all scenarios, %v", len(all), err)
	}
	if _, err := choose(clocks, "kernel,sun"); err == nil || !strings.Contains(err.Error(), `"sun"`) {
		t.Error(err)
	}
}
