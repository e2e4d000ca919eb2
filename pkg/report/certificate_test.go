package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"multiturn/pkg/record"
)

// certified is a run of 60 turns whose median times are 23 ms to the first token,
// 4 ms between tokens and 179 ms in all. change changes turn i.
func certified(run record.Run, self record.Certificate,
	change func(i int, t *record.Turn)) record.Certificate {
	const ms = record.Clock(1e6)
	c := NewCollector("test", Options{})
	c.Add(&run)
	for i := range 60 {
		at := record.Clock(i+1) * 200 * ms
		t := &record.Turn{
			Conversation: fmt.Sprint("c", i%6), Turn: i / 6, Attempts: 1, Scheduled: at,
			Exchange: record.Exchange{
				Outcome: record.OK, Sent: at + 20000, Written: at + 40000,
				FirstToken: at + 23*ms, LastToken: at + 179*ms, End: at + 179*ms, Stream: true,
				Chunks: 40, Reads: 40, Connection: record.ConnectionReused,
				Usage: &record.Usage{Prompt: 100, Completion: 40},
			},
			Counted: record.Counted{Input: 100, Output: 40, FirstChunk: 1},
		}
		for range 39 {
			t.GapsUS = append(t.GapsUS, 4000)
		}
		if change != nil {
			change(i, t)
		}
		c.Add(t)
	}
	if self.Clocks == "" {
		self.Clocks = record.ClockKernel
	}
	return c.Certificate(self)
}

// Each rule by itself: what makes a number wrong is named for that number, and for
// no other one.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	const ms = record.Clock(1e6)
	think := record.Run{Load: &record.Load{ThinkMS: 50}}
	once := func(change func(t *record.Turn)) func(int, *record.Turn) {
		return func(i int, t *record.Turn) {
			if i == 30 {
				change(t)
			}
		}
	}
	slowWrite := once(func(t *record.Turn) { t.Written = t.Sent + 300*ms })
	late := once(func(t *record.Turn) {
		for _, c := range []*record.Clock{&t.Sent, &t.Written, &t.FirstToken, &t.LastToken, &t.End} {
			*c += 378 * ms
		}
	})
	first := func(i int, t *record.Turn) {
		if i > 57 { // 4 ms in one of 60 turns do not reach the 99th percentile
			t.Merged, t.MergedLate, t.FirstMerged, t.FirstEarlyUS = 1, 1, 1, 4000
		}
	}
	again := func(first record.Clock) func(int, *record.Turn) {
		return once(func(t *record.Turn) {
			t.Connection, t.Scheduled = record.ConnectionRetried, t.Sent-first
		})
	}
	for _, tc := range []struct {
		name   string
		run    record.Run
		self   record.Certificate
		change func(int, *record.Turn)
		doubts string // the kinds
	}{
		{"a quiet run", record.Run{}, record.Certificate{}, nil, ""},
		{"a slow write", record.Run{}, record.Certificate{}, slowWrite, "ttft latency"},
		{"a slow write, but packets know when it left", record.Run{},
			record.Certificate{Clocks: record.ClockPackets}, slowWrite, ""},
		{"a write of a millisecond", record.Run{}, record.Certificate{},
			once(func(t *record.Turn) { t.Written = t.Sent + ms }), ""},
		{"a first token that waited", record.Run{}, record.Certificate{}, first, "ttft"},
		{"a first token that came together with another", record.Run{}, record.Certificate{},
			func(_ int, t *record.Turn) { t.Merged = 1 }, ""},
		{"a first token that waited a millisecond", record.Run{}, record.Certificate{},
			once(func(t *record.Turn) { t.FirstEarlyUS = 1000 }), ""},
		{"a client stopped 90 of 100 ms", record.Run{},
			record.Certificate{Wake: record.Quantiles{N: 100, P99: 90, Max: 91}},
			func(i int, t *record.Turn) {
				t.Merged, t.MergedLate, t.FirstMerged, t.FirstEarlyUS = 34, 34, 17, 68000
				t.FirstToken += 68 * ms
			}, "ttft tpot itl"},
		{"one stop, no think times", record.Run{}, record.Certificate{Wake: record.Quantiles{N: 100,
			P99: 5, Max: 378}}, late, ""},
		{"one stop, and think times", think, record.Certificate{}, late, "think_times"},
		{"late timers, no think times", record.Run{},
			record.Certificate{Wake: record.Quantiles{N: 100, P99: 50, Max: 90}}, nil, ""},
		{"late timers, requests on time", think,
			record.Certificate{Wake: record.Quantiles{N: 100, P99: 50, Max: 90}}, nil, ""},
		{"rests of a request rate that are 4 ms too long",
			record.Run{Load: &record.Load{Rate: 50}}, record.Certificate{},
			func(_ int, t *record.Turn) { t.Scheduled -= 4 * ms }, "think_times"},
		{"late timers, and arrivals stamped by the client", record.Run{},
			record.Certificate{Clocks: record.ClockUser,
				Wake: record.Quantiles{N: 100, P99: 50, Max: 90}}, nil, "tpot itl latency"},
		{"always late to send", record.Run{}, record.Certificate{},
			func(_ int, t *record.Turn) { t.Scheduled -= 20 * ms }, "throughput"},
		{"the whole machine", record.Run{}, record.Certificate{CPUShare: 0.81}, nil, "throughput"},
		{"the disk", record.Run{}, record.Certificate{DroppedWrites: 1}, nil, "throughput"},
		{"sent twice, the first try for long", record.Run{}, record.Certificate{}, again(30 * ms), "ttft"},
		{"sent twice at once", record.Run{}, record.Certificate{Reconnects: 2}, again(ms / 2), ""},
		{"warm-up does not count", record.Run{}, record.Certificate{}, func(i int, t *record.Turn) {
			if t.Warmup = i == 30; t.Warmup {
				t.Written, t.FirstEarlyUS = t.Sent+300*ms, 4000
			}
		}, ""},
		{"gaps", record.Run{}, record.Certificate{},
			once(func(t *record.Turn) { t.Merged, t.MergedLate = 20, 20 }), "itl"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := certified(tc.run, tc.self, tc.change)
			var doubts []string
			for _, v := range got.Verdicts {
				if v.Verdict != record.VerdictOK {
					doubts = append(doubts, v.Kind)
				}
				if (v.Verdict == record.VerdictOK) != (v.Reason == "") {
					t.Errorf("%+v", v)
				}
			}
			if all := strings.Join(doubts, " "); all != tc.doubts ||
				(got.Verdict == record.VerdictOK) != (all == "") {
				t.Errorf("%s: doubts %q, want %q\n%+v", got.Verdict, all, tc.doubts, got.Verdicts)
			}
			claims := slices.ContainsFunc(got.Verdicts,
				func(v record.Verdict) bool { return v.Kind == record.KindThink })
			if claims != (tc.run.Load != nil) {
				t.Errorf("verdict on think times: %v", claims)
			}
		})
	}
}

// The uncertainty is a number, in the verdict and in words.
func TestTrustLines(t *testing.T) {
	t.Parallel()
	got := certified(record.Run{}, record.Certificate{}, func(i int, t *record.Turn) {
		if i%20 == 0 {
			t.FirstEarlyUS = 1200
		}
		if i == 7 {
			t.Written = t.Sent + 80e6
		}
	})
	v := got.Verdicts[0]
	if v.Kind != record.KindTTFT || math.Abs(v.MS-80) > 0.01 || math.Abs(v.Share-4.0/60) > 1e-9 {
		t.Errorf("%+v", v)
	}
	want := "yes: TPOT, ITL, throughput\n" +
		"no: TTFT (up to +80.0 ms in 6.7 % of turns), latency (up to +80.0 ms in 1.7 % of turns)"
	if got := strings.Join(trustLines(&got), "\n"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// Old records do not say which chunks waited. Nothing is claimed from them that
// depends on it, and what they do say counts.
func TestOldCertificate(t *testing.T) {
	t.Parallel()
	merged := func(_ int, t *record.Turn) { t.Merged = 1 }
	for _, tc := range []struct {
		version string
		change  func(int, *record.Turn)
		want    string
	}{
		{"1.1", nil, record.VerdictOK},
		{"1.1", merged, record.VerdictUnknown},
		{"1.2", merged, record.VerdictOK},
		{"1.0", func(_ int, t *record.Turn) { t.Merged, t.Written = 1, t.Sent+30e6 },
			record.VerdictWarn},
	} {
		got := certified(record.Run{Version: tc.version}, record.Certificate{}, tc.change)
		if v := got.Verdicts[0]; v.Kind != record.KindTTFT || v.Verdict != tc.want {
			t.Errorf("version %s: %+v, want %s", tc.version, v, tc.want)
		}
	}
}

func TestCertificateCounts(t *testing.T) {
	t.Parallel()
	c := collected(Options{}, exampleRun(10, 4)...)
	got := c.Certificate(record.Certificate{Clocks: "kernel", Opened: 12, DroppedWrites: 0})
	if got.Verdict != record.VerdictOK || got.Lag.N != 38 || math.Abs(got.Lag.P50-0.05) > 1e-9 ||
		got.Chunks != 37*20 || got.Reads != 37*20 || got.Opened != 12 || got.MaxInFlight < 2 {
		t.Errorf("%+v", got)
	}
}

// What a run did not measure has no verdict: all of it if every turn failed, and what
// is between tokens if answers are not streamed.
func TestNoVerdictWithoutNumbers(t *testing.T) {
	t.Parallel()
	failed := func(_ int, t *record.Turn) {
		t.Outcome, t.Status, t.FirstToken, t.Usage = record.HTTPStatus, 500, 0, nil
	}
	whole := func(_ int, t *record.Turn) {
		t.FirstToken, t.Chunks, t.GapsUS, t.Stream = t.End, 1, nil, false
		t.Counted.FirstChunk = t.Counted.Output
	}
	for _, tc := range []struct {
		name    string
		change  func(int, *record.Turn)
		verdict string
		kinds   string
	}{
		{"failed", failed, record.VerdictUnknown, ""},
		{"whole answers", whole, record.VerdictOK, "ttft latency throughput"},
	} {
		got := certified(record.Run{}, record.Certificate{}, tc.change)
		var kinds []string
		for _, v := range got.Verdicts {
			kinds = append(kinds, v.Kind)
		}
		if all := strings.Join(kinds, " "); all != tc.kinds || got.Verdict != tc.verdict {
			t.Errorf("%s: verdicts %q, want %q; %s", tc.name, all, tc.kinds, got.Verdict)
		}
	}
}
