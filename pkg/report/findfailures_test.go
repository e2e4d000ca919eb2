package report

import (
	"fmt"
	"strings"
	"testing"

	"multiturn/pkg/record"
)

// What the server did not do as asked is found first, with its number; what was
// not asked for is not missed.
func TestFailureFindings(t *testing.T) {
	t.Parallel()
	each := func(do func(i int, t *record.Turn)) func([]any) {
		return func(recs []any) {
			for i, turn := range turnsOf(recs) {
				do(i, turn)
			}
		}
	}
	header := func(recs []any) *record.Run { return recs[0].(*record.Run) }
	fail := func(n int) func([]any) {
		return each(func(i int, t *record.Turn) {
			if i < n {
				t.Outcome, t.Status, t.Error, t.Usage = record.HTTPStatus, 503, "server is busy", nil
			}
		})
	}
	oneEvent := each(func(_ int, t *record.Turn) { t.Chunks, t.FirstToken = 1, t.End })
	clip := each(func(i int, t *record.Turn) {
		t.MaxTokens = t.Usage.Completion
		if i%2 == 0 {
			t.MaxTokens *= 2
		}
	})
	asked := func(l *record.Load) func([]any) { return func(recs []any) { header(recs).Load = l } }
	noUsageAt := each(func(_ int, t *record.Turn) { t.Usage = nil })
	for _, tc := range []struct {
		name   string
		change []func([]any)
		kind   string // of the first finding; "" = none of them is a failure
		text   string // a part of it
		cache  bool   // something is concluded about the cache
	}{
		{"all well", nil, "", "", true},
		{"1 of 180 fails", []func([]any){fail(1)}, failedTurns,
			"1 of 180 turns failed (0.6 %), most often: http status 503 (server is busy).", true},
		{"2 of 180 fail", []func([]any){fail(2)}, failedTurns,
			"2 of 180 turns failed (1.1 %), most often: http status 503 (server is busy); nothing is " +
				"concluded about the cache.", false},
		{"all but one fail", []func([]any){fail(179)}, failedTurns, "179 of 180 turns failed (99.4 %)",
			false},
		{"interrupted", []func([]any){each(func(i int, t *record.Turn) {
			if i > 170 {
				t.Outcome = record.Cancelled
			}
		})}, "", "", true},
		{"no stream", []func([]any){oneEvent}, notStreamed, "180 of 180 answers came at once", true},
		{"a proxy that holds back", []func([]any){each(func(_ int, t *record.Turn) {
			t.FirstToken = t.End - 1
		})}, notStreamed, "so that TTFT is their whole latency", true},
		{"no stream, as asked", []func([]any){oneEvent, asked(&record.Load{NoStream: true})}, "", "",
			true},
		{"reasoning only", []func([]any){each(func(_ int, t *record.Turn) {
			t.ChunksReasoning = t.Chunks
		})}, reasoningOnly, "All 180 answers are reasoning only", true},
		{"some are reasoning only", []func([]any){each(func(i int, t *record.Turn) {
			if i < 5 {
				t.ChunksReasoning, t.History = t.Chunks, record.HistoryDataset
			}
			if i == 5 {
				t.ChunksReasoning, t.History = t.Chunks, record.HistoryOmitted
			}
		})}, historyReplaced, "6 answers could not stay in the history, where strict servers refuse such: " +
			"reasoning only (6; ask for longer answers).", true},
		{"tool calls that nothing answers", []func([]any){each(func(i int, t *record.Turn) {
			switch i {
			case 1, 2:
				t.ChunksTool, t.History = 1, record.HistoryText
			case 3:
				t.ChunksTool, t.History = t.Chunks, record.HistoryDataset
			case 4:
				t.Outcome, t.Chunks, t.History = record.OK, 0, record.HistoryDataset
			}
		})}, historyReplaced, "4 answers could not stay in the history, where strict servers refuse such: " +
			"tool calls only (1), empty (1), a text with tool calls that nothing answers (2).", true},
		{"the dataset's answers before tools", []func([]any){each(func(i int, t *record.Turn) {
			t.History = record.HistoryTool
		})}, "", "", true},
		{"reasoning first", []func([]any){each(func(_ int, t *record.Turn) {
			t.ChunksReasoning = t.Chunks - 1
		})}, "", "", true},
		{"half as long as asked", []func([]any){clip, func(recs []any) {
			header(recs).OutputLength = record.LengthExact
		}}, shortAnswers, "90 of 180 answers are shorter than asked: 33.", true},
		{"shorter than allowed", []func([]any){clip, func(recs []any) {
			header(recs).OutputLength = record.LengthCap
		}}, "", "", true},
		{"no usage", []func([]any){noUsageAt}, noUsage, "no usage for 180 of 180 turns, although", true},
		{"no usage, as asked", []func([]any){noUsageAt, asked(&record.Load{NoUsage: true})}, "", "",
			true},
		{"usage of zeros", []func([]any){each(func(_ int, t *record.Turn) {
			t.Usage, t.UsageZeros = nil, true
		})}, usageZeros, "zeros, in 180 of 180 turns", true},
		{"usage of zeros in old records", []func([]any){each(func(_ int, t *record.Turn) {
			t.Usage = &record.Usage{}
		})}, usageZeros, "zeros, in 180 of 180 turns", true},
		{"histories dropped", []func([]any){each(func(_ int, t *record.Turn) {
			t.Usage.Prompt, t.Usage.Cached, t.Counted = 300, nil, record.Counted{}
		})}, promptsNotGrow, "in 150 of 150 later turns they are no more than one turn before", false},
		{"the cached part left out", []func([]any){each(func(_ int, t *record.Turn) {
			t.Usage.Prompt -= *t.Usage.Cached
		})}, promptsNotGrow, "leaves out what it had cached", false},
		{"the new messages alone", []func([]any){each(func(_ int, t *record.Turn) {
			t.Usage.Cached, t.Counted = nil, record.Counted{Input: t.Usage.Prompt, NewInput: 40}
			if t.Turn > 0 {
				t.Usage.Prompt = t.Counted.NewInput + 7
			}
		})}, promptsNotGrow, "leaves out what it had cached, or counts the last message alone", false},
		{"cut to a context", []func([]any){each(func(i int, t *record.Turn) {
			t.Counted = record.Counted{Input: t.Usage.Prompt, NewInput: 40}
			t.Usage.Cached, t.Usage.Prompt = nil, min(t.Usage.Prompt, 1200-i%50)
		})}, promptsNotGrow, "cuts prompts to its context (Ollama's num_ctx): the longest of them has 1,", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := small()
			w.conversations, w.config = 30, shape(500, 3000, 0)
			recs := w.play()
			for _, change := range tc.change {
				change(recs)
			}
			d := collected(Options{Cache: stated(w.config)}, recs...).Summary().Details
			var first Finding
			cache := len(d.Worth) > 0 && d.Worth[0].Why == ""
			for i, f := range d.Findings {
				if i == 0 && f.Severity == SeverityFailure {
					first = f
				}
				if i > 0 && f.Severity == SeverityFailure {
					t.Errorf("more than one failure: %+v", f)
				}
				cache = cache || f.Severity == SeverityVerdict
			}
			if first.Kind != tc.kind || !strings.Contains(first.Text, tc.text) {
				t.Errorf("%+v\nwant %s, %q", d.Findings, tc.kind, tc.text)
			}
			if cache != tc.cache {
				t.Errorf("concluded about the cache: %v; %+v", cache, d.Findings)
			}
		})
	}
}

// Findings are in the order of their ranking, which has every kind once.
func TestRanking(t *testing.T) {
	t.Parallel()
	var found []Finding
	var want []string
	for _, r := range ranking {
		for _, kind := range r.kinds {
			want = append(want, kind+" "+string(r.severity))
			found = append([]Finding{{Kind: kind}}, found...)
		}
	}
	var got []string
	for _, f := range ranked(found) {
		got = append(got, f.Kind+" "+string(f.Severity))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}
