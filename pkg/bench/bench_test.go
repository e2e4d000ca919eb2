package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/pkg/chat"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// fake is a server that answers after a set time and keeps its requests.
type fake struct {
	start time.Time
	take  time.Duration
	reply func(n int, r *Request, rep *Reply) // changes the n-th reply, from 0; may be nil

	mu       sync.Mutex
	asked    []string // conversation ids in order
	bodies   []string
	requests []Request
	inFlight int
	most     int // in flight at once
}

func (f *fake) Send(ctx context.Context, r *Request) *Reply {
	f.mu.Lock()
	n := len(f.asked)
	f.asked = append(f.asked, r.Conversation)
	var body []byte
	for _, p := range r.Messages {
		body = append(body, p...)
	}
	f.bodies = append(f.bodies, string(body))
	f.requests = append(f.requests, *r)
	f.inFlight++
	f.most = max(f.most, f.inFlight)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.inFlight--
		f.mu.Unlock()
	}()

	rep := &Reply{Text: fmt.Sprintf("answer %d", n), First: "answer"}
	t := &rep.Exchange
	t.Outcome, t.Sent = record.OK, record.At(f.start, time.Now())
	t.Connection = record.ConnectionReused
	select {
	case <-time.After(f.take):
	case <-ctx.Done():
		t.Outcome = record.Cancelled
	}
	t.End = record.At(f.start, time.Now())
	t.Chunks, t.Reads = 2, 2
	if f.reply != nil {
		f.reply(n, r, rep)
	}
	return rep
}

// of returns the options of a run with the load.
func of(l load.Options) Options { return Options{Options: l} }

// words counts words: a tokenizer whose answers can be checked by eye.
type words struct{}

func (words) Count(s string) int { return len(strings.Fields(s)) }

// conversations of alternating roles, n of them with m messages each.
func conversations(n, m int) []chat.Conversation {
	cs := make([]chat.Conversation, n)
	for i := range cs {
		cs[i].ID = fmt.Sprintf("c%d", i)
		for j := range m {
			role, text := chat.User, fmt.Sprintf("question %d of %d", j/2, i)
			if j%2 == 1 {
				role, text = chat.Assistant, strings.Repeat("w ", 10+j)
			}
			cs[i].Messages = append(cs[i].Messages, chat.Message{Role: role, Text: text})
		}
	}
	return cs
}

type outcome struct {
	*fake
	end      *record.End
	turns    []record.Turn
	finished []*chat.Conversation
	took     time.Duration
}

// playAll runs the bench in a bubble where time is exact.
func playAll(t *testing.T, o Options, f *fake, cs []chat.Conversation) outcome {
	t.Helper()
	return interrupted(t, o, f, cs, 0, 0)
}

// interrupted is playAll with one or two interrupts, each after a time; 0 = no
// interrupt.
func interrupted(t *testing.T, o Options, f *fake, cs []chat.Conversation,
	drainAfter, cancelAfter time.Duration) outcome {
	t.Helper()
	var out outcome
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		o.Start, f.start = start, start
		o.Counter = words{}
		o.OnFinished = func(e *Finished) error {
			out.turns = append(out.turns, *e.Turn)
			return nil
		}
		o.OnConversation = func(c *chat.Conversation) error {
			out.finished = append(out.finished, c)
			return nil
		}
		drain := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if drainAfter > 0 {
			time.AfterFunc(drainAfter, func() { close(drain) })
		}
		if cancelAfter > 0 {
			time.AfterFunc(cancelAfter, cancel)
		}
		end, err := Run(ctx, o, f, cs, drain)
		if err != nil {
			t.Fatal(err)
		}
		out.end, out.took = end, time.Since(start)
		if d := drainAfter - out.took; d > 0 {
			time.Sleep(d)
		}
	})
	out.fake = f
	return out
}

func TestEveryTurnIsPlayed(t *testing.T) {
	t.Parallel()
	// The reference plays 29 of 32 at k=4 and 25 of 32 at k=8 (one client), and
	// 18 of 20 for -n 20 -p 3.
	for _, tc := range []struct{ p, k, n, want int }{
		{1, 1, 0, 32}, {1, 4, 0, 32}, {1, 8, 0, 32}, {3, 8, 0, 32}, {8, 8, 0, 32}, {5, 7, 0, 32},
		{20, 20, 0, 32}, {3, 8, 20, 20}, {2, 2, 1, 1}, {1, 8, 31, 31}, {4, 4, 100, 32},
	} {
		t.Run(fmt.Sprintf("p=%d k=%d n=%d", tc.p, tc.k, tc.n), func(t *testing.T) {
			t.Parallel()
			out := playAll(t, of(load.Options{Clients: tc.p, Active: tc.k, MaxRequests: tc.n}),
				&fake{take: 100 * time.Millisecond}, conversations(8, 8))
			if len(out.asked) != tc.want || len(out.turns) != tc.want {
				t.Errorf("%d requests, %d records, want %d", len(out.asked), len(out.turns),
					tc.want)
			}
			if got := out.end.Turns; got.Planned != tc.want || got.Finished != tc.want ||
				got.Abandoned != 0 {
				t.Errorf("turns %+v, want %d planned and finished", got, tc.want)
			}
			wantWhy := record.WhyDone
			if tc.want < 32 {
				wantWhy = record.WhyLimit
			}
			if out.end.Why != wantWhy {
				t.Errorf("why %q, want %q", out.end.Why, wantWhy)
			}
			c := out.end.Conversations
			if c.Started != c.Finished+c.Failed+c.Cut+c.Abandoned ||
				c.Finished != len(out.finished) {
				t.Errorf("conversations %+v do not add up (%d written)", c, len(out.finished))
			}
			if got := out.most; got > tc.p {
				t.Errorf("%d in flight, at most %d allowed", got, tc.p)
			}
			// A conversation's turns come one after the other.
			last := map[string]record.Clock{}
			for _, r := range out.turns {
				if r.Sent < last[r.Conversation] {
					t.Errorf("%s turn %d was sent at %v, before the answer before it ended at %v",
						r.Conversation, r.Turn, r.Sent.MS(), last[r.Conversation].MS())
				}
				last[r.Conversation] = r.End
			}
		})
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	t.Run("first-in first-out", func(t *testing.T) {
		t.Parallel()
		out := playAll(t, of(load.Options{Clients: 1, Active: 3}), &fake{take: time.Millisecond},
			conversations(4, 4))
		want := "c0 c1 c2 c0 c1 c2 c3 c3"
		if got := strings.Join(out.asked, " "); got != want {
			t.Errorf("order %s, want %s", got, want)
		}
	})
	t.Run("random is the seed's", func(t *testing.T) {
		t.Parallel()
		order := func(seed uint32) string {
			o := of(load.Options{Clients: 1, Active: 6, Order: load.Random, Seed: seed})
			out := playAll(t, o, &fake{take: time.Millisecond}, conversations(6, 6))
			return strings.Join(out.asked, " ")
		}
		if a, b := order(1), order(1); a != b {
			t.Errorf("the same seed gave\n%s\n%s", a, b)
		}
		if order(1) == order(2) {
			t.Error("another seed gave the same order")
		}
	})
	t.Run("active bounds conversations in progress", func(t *testing.T) {
		t.Parallel()
		out := playAll(t, of(load.Options{Clients: 4, Active: 4}), &fake{take: time.Second},
			conversations(8, 4))
		if out.took != 4*time.Second { // 16 turns, 4 at a time
			t.Errorf("took %v, want 4s", out.took)
		}
	})
}

func TestHistory(t *testing.T) {
	t.Parallel()
	cs := []chat.Conversation{{ID: "x", Messages: []chat.Message{
		{Role: chat.System, Text: "be <brief>"},
		{Role: chat.User, Text: "q0"},
		{Role: chat.Assistant, Text: "dataset one two"},
		{Role: chat.Assistant, Text: "more of the same answer"},
		{Role: chat.User, Text: "q1", Raw: []byte(`{"role":"user","content":"q1","name":"bob"}`)},
	}}}
	head := `{"role":"system","content":"be <brief>"},{"role":"user","content":"q0"}`
	tail := `,{"role":"user","content":"q1","name":"bob"}`
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		out := playAll(t, Options{Exact: true}, &fake{}, cs)
		want := []string{head, head + `,{"role":"assistant","content":"answer 0"}` + tail}
		if !slices.Equal(out.bodies, want) {
			t.Errorf("sent\n%s\nwant\n%s", strings.Join(out.bodies, "\n"), strings.Join(want, "\n"))
		}
		if r := out.requests; r[0].MaxTokens != 3 || r[0].MinTokens != 3 || r[1].MaxTokens != 0 {
			t.Errorf("lengths %d-%d, then %d; want 3-3, then no limit for an answer that the "+
				"dataset lacks", r[0].MinTokens, r[0].MaxTokens, r[1].MaxTokens)
		}
		got := out.turns[1]
		if got.Messages != 4 ||
			got.Counted != (record.Counted{Input: 3 + 2 + 1, NewInput: 1, Output: 2,
				FirstChunk: 1}) {
			t.Errorf("%d messages, counted %+v", got.Messages, got.Counted)
		}
		var roles []string
		for _, m := range out.finished[0].Messages {
			roles = append(roles, m.Role+":"+m.Text)
		}
		const all = "system:be <brief>|user:q0|assistant:answer 0|user:q1|assistant:answer 1"
		if got := strings.Join(roles, "|"); got != all {
			t.Errorf("finished as %s, want %s", got, all)
		}
	})
	t.Run("dataset", func(t *testing.T) {
		t.Parallel()
		out := playAll(t, Options{History: DatasetAnswers}, &fake{}, cs)
		if want := head + `,{"role":"assistant","content":"dataset one two"}` + tail; out.bodies[1] != want {
			t.Errorf("sent %s, want %s", out.bodies[1], want)
		}
	})
}

func TestLengths(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name              string
		o                 Options
		wantMin, wantMost int
	}{
		{"cap", Options{}, 0, 11},
		{"exact", Options{Exact: true}, 11, 11},
		{"limits, cap", Options{LimitMin: 2, LimitMax: 5}, 0, 5},
		{"limits, exact", Options{LimitMin: 2, LimitMax: 5, Exact: true}, 2, 5},
		{"no limits", Options{LimitMin: -1, LimitMax: -1, Exact: true}, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out := playAll(t, tc.o, &fake{}, conversations(1, 2))
			if r := out.requests[0]; r.MinTokens != tc.wantMin || r.MaxTokens != tc.wantMost {
				t.Errorf("asked for %d-%d tokens, want %d-%d", r.MinTokens, r.MaxTokens, tc.wantMin,
					tc.wantMost)
			}
		})
	}
	t.Run("timeout grows with the answer", func(t *testing.T) {
		t.Parallel()
		out := playAll(t, Options{LimitMin: 1, LimitMax: 1001, Timeout: 10 * time.Second}, &fake{},
			conversations(1, 2))
		if got := out.requests[0].Timeout; got != 200*time.Second {
			t.Errorf("timeout %v, want 200s", got)
		}
	})
	t.Run("output_tokens", func(t *testing.T) {
		t.Parallel()
		cs := conversations(1, 2)
		cs[0].Messages[1].OutputTokens = 77
		if got := playAll(t, Options{}, &fake{}, cs).requests[0].MaxTokens; got != 77 {
			t.Errorf("asked for %d tokens, want 77", got)
		}
	})
}

func TestMaxMessagesAndOddLengths(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ messages, max, want int }{
		{8, 0, 4}, {8, 1, 1}, {8, 2, 1}, {8, 3, 2}, {8, 4, 2}, {8, 100, 4}, {7, 0, 4},
		{1, 0, 1}, {3, 2, 1},
	} {
		t.Run(fmt.Sprintf("%d messages, at most %d", tc.messages, tc.max), func(t *testing.T) {
			t.Parallel()
			out := playAll(t, of(load.Options{MaxMessages: tc.max}), &fake{},
				conversations(1, tc.messages))
			if len(out.asked) != tc.want || out.end.Turns.Finished != tc.want ||
				out.end.Conversations.Finished != 1 {
				t.Errorf("%d requests, want %d; %+v", len(out.asked), tc.want, out.end)
			}
			if got, want := len(out.finished[0].Messages), tc.messages+tc.messages%2; tc.max == 0 &&
				got != want {
				t.Errorf("%d messages written, want %d", got, want)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	failing := func(from, to int) *fake {
		return &fake{take: time.Second, reply: func(n int, _ *Request, rep *Reply) {
			if n >= from && n < to {
				rep.Outcome, rep.Text = record.Truncated, "half"
			}
		}}
	}
	t.Run("ends its conversation, not the run", func(t *testing.T) {
		t.Parallel()
		out := playAll(t, of(load.Options{Clients: 1, Active: 1}), failing(1, 2),
			conversations(3, 8))
		if want := (record.Tally{Planned: 12, Started: 10, Finished: 9, Failed: 1,
			Abandoned: 2}); out.end.Turns != want {
			t.Errorf("turns %+v, want %+v", out.end.Turns, want)
		}
		if want := (record.Tally{Planned: 3, Started: 3, Finished: 2, Failed: 1}); out.end.Conversations != want {
			t.Errorf("conversations %+v, want %+v", out.end.Conversations, want)
		}
		if len(out.finished) != 2 {
			t.Errorf("%d conversations written, want 2", len(out.finished))
		}
	})
	t.Run("goes on with the dataset's answer", func(t *testing.T) {
		t.Parallel()
		out := playAll(t, Options{Failure: GoOn}, failing(0, 1), conversations(1, 4))
		if len(out.asked) != 2 || !strings.Contains(out.bodies[1], `"w w w`) {
			t.Errorf("sent %q", out.bodies)
		}
	})
	t.Run("a broken sink ends the run", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			full := errors.New("disk full")
			f := &fake{take: time.Second, start: time.Now()}
			_, err := Run(t.Context(),
				Options{Start: f.start, OnFinished: func(*Finished) error { return full }},
				f, conversations(10, 10), nil)
			if !errors.Is(err, full) {
				t.Errorf("error %v", err)
			}
			if len(f.asked) > 3 {
				t.Errorf("%d requests after the sink broke", len(f.asked))
			}
		})
	})
}

func TestInterrupts(t *testing.T) {
	t.Parallel()
	t.Run("drain", func(t *testing.T) {
		t.Parallel()
		out := interrupted(t, of(load.Options{Clients: 2, Active: 4}), &fake{take: time.Second},
			conversations(8, 8), 2500*time.Millisecond, 0)
		if out.took != 3*time.Second || out.end.Why != record.WhyInterrupted {
			t.Errorf("took %v (%s), want the answers in flight and no more: 3s", out.took,
				out.end.Why)
		}
		if want := (record.Tally{Planned: 32, Started: 6, Finished: 6, Abandoned: 26}); out.end.Turns != want {
			t.Errorf("turns %+v, want %+v", out.end.Turns, want)
		}
		if got := out.end.Conversations; got.Abandoned != 4 {
			t.Errorf("conversations %+v, want 4 abandoned", got)
		}
	})
	t.Run("drain then cancel", func(t *testing.T) {
		t.Parallel()
		out := interrupted(t, of(load.Options{Clients: 2}), &fake{take: time.Hour},
			conversations(8, 8), time.Second, 2*time.Second)
		if out.took != 2*time.Second || out.turns[0].Outcome != record.Cancelled {
			t.Errorf("took %v, %s", out.took, out.turns[0].Outcome)
		}
	})
	t.Run("drain cuts a rest and a back-off short", func(t *testing.T) {
		t.Parallel()
		f := &fake{take: time.Second, reply: func(n int, _ *Request, rep *Reply) {
			if n > 0 {
				rep.Outcome = record.Connect
			}
		}}
		out := interrupted(t, Options{Retries: 20}, f, conversations(1, 8), 100*time.Second, 0)
		if out.took != 100*time.Second {
			t.Errorf("took %v, want 100s", out.took)
		}
		out = interrupted(t, of(load.Options{Rate: 1e-6}), &fake{take: time.Second},
			conversations(1, 8), 100*time.Second, 0)
		if out.took != 100*time.Second {
			t.Errorf("took %v, want 100s", out.took)
		}
	})
}

// An interrupt waits neither for a think time nor for a rest, and no timer
// outlives the run.
func TestNoTimerOutlivesTheRun(t *testing.T) {
	t.Parallel()
	for _, o := range []load.Options{{Clients: 2}, {Rate: 1.0 / 3600}} {
		cs := conversations(2, 4)
		if o.Rate == 0 {
			for i := range cs {
				cs[i].Messages[2].Delay = time.Hour
			}
		}
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			drain := make(chan struct{})
			time.AfterFunc(5*time.Second, func() { close(drain) })
			f := &fake{take: time.Second, start: start}
			r, err := newRun(Options{Options: o, Start: start}.withDefaults(), f, cs)
			if err != nil {
				t.Fatal(err)
			}
			r.ledger = newLedger(t.Context(), &r.opt, len(r.plays), nil)
			go func() {
				<-drain
				r.stop(record.WhyInterrupted)
			}()
			r.phases(t.Context())
			r.ledger.close()
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("%+v: took %v, want 5s", o, took)
			}
			if r.timer.Stop() {
				t.Errorf("%+v: a timer is left", o)
			}
		})
	}
}

func TestThinkTime(t *testing.T) {
	t.Parallel()
	t.Run("of the dataset", func(t *testing.T) {
		t.Parallel()
		cs := conversations(1, 4)
		cs[0].Messages[2].Delay = 5 * time.Second
		out := playAll(t, Options{}, &fake{take: time.Second}, cs)
		if got := out.turns[1]; got.Scheduled.MS() != 6000 || got.Sent != got.Scheduled {
			t.Errorf("scheduled at %v, sent at %v ms, want 6000", got.Scheduled.MS(), got.Sent.MS())
		}
	})
	t.Run("another conversation goes on meanwhile", func(t *testing.T) {
		t.Parallel()
		cs := conversations(2, 4)
		cs[0].Messages[2].Delay = 1500 * time.Millisecond
		out := playAll(t, of(load.Options{Clients: 1, Active: 2}), &fake{take: time.Second}, cs)
		if got := strings.Join(out.asked, " "); got != "c0 c1 c1 c0" {
			t.Errorf("order %s", got)
		}
		// It could have been sent at 2.5 s, but its only client was busy until 3:
		// that does not count as lateness.
		if got := out.turns[3]; got.Scheduled.MS() != 3000 {
			t.Errorf("scheduled at %v ms, want 3000", got.Scheduled.MS())
		}
	})
	t.Run("request rate is the reference's rest", func(t *testing.T) {
		t.Parallel()
		// numpy: RandomState(0+0+1).exponential(1/2.0) = 0.26987... s
		out := playAll(t, of(load.Options{Rate: 2}), &fake{take: time.Second}, conversations(1, 4))
		if got := out.turns[1].Sent.MS() - 1000; got < 269.8 || got > 270 {
			t.Errorf("rested %v ms, want 269.87", got)
		}
		if out.took > 2300*time.Millisecond {
			t.Errorf("took %v: rested after the last turn", out.took)
		}
	})
}

func TestWarmup(t *testing.T) {
	t.Parallel()
	out := playAll(t, of(load.Options{Clients: 2, Active: 4, Warmup: true, MaxRequests: 6}),
		&fake{take: time.Second}, conversations(8, 6))
	if math.Round(out.end.WarmupMS) != 4000 { // 8 first turns, 2 at a time
		t.Errorf("warm-up took %v ms, want 4000", out.end.WarmupMS)
	}
	warm := 0
	for _, r := range out.turns {
		if r.Warmup {
			warm++
		} else if r.Turn == 0 {
			t.Errorf("%s: the first turn was played again", r.Conversation)
		}
	}
	if warm != 8 || len(out.turns) != 14 {
		t.Errorf("%d warm-up turns of %d, want 8 of 14: -n does not count them", warm,
			len(out.turns))
	}
	if got := out.end.Turns; got.Planned != 6 || got.Finished != 6 {
		t.Errorf("turns %+v", got)
	}
	t.Run("a failed warm-up ends its conversation", func(t *testing.T) {
		t.Parallel()
		f := &fake{reply: func(n int, _ *Request, rep *Reply) {
			if n == 0 {
				rep.Outcome = record.Truncated
			}
		}}
		out := playAll(t, of(load.Options{Warmup: true}), f, conversations(3, 4))
		if got := out.end.Conversations; got.Failed != 1 || got.Finished != 2 {
			t.Errorf("conversations %+v", got)
		}
	})
}

func TestVerify(t *testing.T) {
	t.Parallel()
	f := &fake{reply: func(n int, _ *Request, rep *Reply) {
		if n == 0 {
			rep.Text = strings.Repeat("w ", 11)
		}
	}}
	out := playAll(t, Options{Verify: true}, f, conversations(1, 4))
	if out.turns[0].Verify != "match" || out.turns[1].Verify != "mismatch" {
		t.Errorf("verify %q, %q; want match, mismatch", out.turns[0].Verify, out.turns[1].Verify)
	}
	if out.end.Turns.Finished != 2 {
		t.Errorf("a mismatch ended the run: %+v", out.end.Turns)
	}
}

func TestNothingToPlay(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), Options{}, &fake{},
		[]chat.Conversation{{ID: "a", Messages: []chat.Message{{Role: chat.System, Text: "x"}}}},
		nil)
	if err == nil || !strings.Contains(err.Error(), "no user message") {
		t.Errorf("error %v", err)
	}
}

func TestValidateSaysAll(t *testing.T) {
	t.Parallel()
	o := of(load.Options{Clients: -1, Rate: -1, Order: "x", MaxRequests: -3})
	o.LimitMin, o.LimitMax = 5, 2
	err := o.Validate()
	for _, want := range []string{"Clients", "LimitMin", "Rate", "Order", "MaxRequests"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
	if err := of(load.Options{Clients: 4, Active: 2}).Validate(); err == nil {
		t.Error("k below p is accepted")
	}
}
