package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/pkg/chat"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// message is one message of a request.
type message struct {
	Role    string
	Content json.RawMessage
}

func messages(t *testing.T, body string) []message {
	t.Helper()
	var all []message
	if err := json.Unmarshal([]byte("["+body+"]"), &all); err != nil {
		t.Fatalf("the messages are no JSON: %v\n%s", err, body)
	}
	return all
}

// withoutSalt cuts the salt off a request's body, and returns both.
func withoutSalt(t *testing.T, body string) (rest, mark string) {
	t.Helper()
	from, to := strings.Index(body, `"content":"`), strings.Index(body, `\n\n`)
	if from < 0 || to < 0 {
		t.Fatalf("no salt in %s", body)
	}
	from, to = from+len(`"content":"`), to+len(`\n\n`)
	if n := len(strings.Fields(body[from:to])); n != load.SaltWords {
		t.Fatalf("the first text does not begin with a salt of %d words: %s", load.SaltWords, body)
	}
	return body[:from] + body[to:], body[from:to]
}

// salted returns the options of a run with that load and a source of salts.
func salted(l load.Options) Options {
	return Options{Options: l, Salts: load.NewSalts([32]byte{7}, words{})}
}

func TestNoReuseAndAA(t *testing.T) {
	t.Parallel()
	const n, turns = 7, 3
	for _, tc := range []struct {
		control load.Control
		arms    [2]string
	}{
		{load.NoReuse, [2]string{record.ArmMeasured, record.ArmNoReuse}},
		{load.AA, [2]string{record.ArmAA1, record.ArmAA2}},
	} {
		t.Run(string(tc.control), func(t *testing.T) {
			t.Parallel()
			f := &fake{take: 100 * time.Millisecond}
			f.reply = func(n int, r *Request, rep *Reply) { rep.Text = "same" }
			cs := conversations(n, 2*turns)
			system := chat.Message{Role: chat.System, Text: "Be \"brief\"."}
			cs[0].Messages = append([]chat.Message{system}, cs[0].Messages...)
			o := salted(load.Options{
				Clients: 2, Active: 4, Control: tc.control, Mix: load.ByConversation, Seed: 1,
			})
			out := playAll(t, o, f, cs)
			if len(out.turns) != 2*n*turns || out.end.Turns.Planned != 2*n*turns ||
				out.end.Conversations.Finished != 2*n {
				t.Fatalf("%d turns, end %+v", len(out.turns), out.end)
			}
			if len(out.finished) != n {
				t.Errorf("%d conversations were handed on, want those of one arm, %d",
					len(out.finished), n)
			}
			// By arm, conversation and turn: the body without its salt, and the salt.
			type key struct {
				arm, conversation string
				turn              int
			}
			bodies := map[key]string{}
			salts := map[string]map[string]int{tc.arms[0]: {}, tc.arms[1]: {}}
			next := map[string]int{}
			for i, id := range out.asked {
				conversation, arm, ok := strings.Cut(id, "/")
				if !ok {
					t.Fatalf("session %q names no arm", id)
				}
				rest, mark := withoutSalt(t, out.bodies[i])
				messages(t, out.bodies[i])
				bodies[key{arm, conversation, next[id]}] = rest
				next[id]++
				salts[arm][mark]++
			}
			for k, body := range bodies {
				other := k
				if other.arm = tc.arms[0]; k.arm == tc.arms[0] {
					other.arm = tc.arms[1]
				}
				if bodies[other] != body {
					t.Errorf("%v was asked\n%s\nand %v\n%s", k, body, other, bodies[other])
				}
			}
			if got := len(salts[tc.arms[1]]); got != n*turns {
				t.Errorf("%d salts in %d requests of %s", got, n*turns, tc.arms[1])
			}
			want := n * turns
			if tc.control == load.NoReuse {
				want = 1
			}
			if got := len(salts[tc.arms[0]]); got != want {
				t.Errorf("%d salts in arm %s, want %d", got, tc.arms[0], want)
			}
			for mark := range salts[tc.arms[1]] {
				if salts[tc.arms[0]][mark] > 0 {
					t.Errorf("%s is in both arms", mark)
				}
			}
			// The two plays of a pair run side by side; each arm is first in half the pairs.
			first := map[string]int{}
			seen := map[string]string{}
			for _, id := range out.asked {
				conversation, arm, _ := strings.Cut(id, "/")
				if seen[conversation] == "" {
					seen[conversation] = arm
					first[arm]++
				}
			}
			if d := first[tc.arms[0]] - first[tc.arms[1]]; d < -1 || d > 1 {
				t.Errorf("%v: one arm goes first more often", first)
			}
			counted := map[string]int{}
			for i := range out.turns {
				r := &out.turns[i]
				if strings.Contains(r.Conversation, "/") ||
					r.Arm != tc.arms[0] && r.Arm != tc.arms[1] {
					t.Fatalf("a record of conversation %q, arm %q", r.Conversation, r.Arm)
				}
				if r.Turn == 2 && r.Conversation == "c3" {
					counted[r.Arm] = r.Counted.Input
				}
			}
			// 3 questions of 4 words, 2 answers of 1, the salt's 10 words.
			if counted[tc.arms[0]] != 24 || counted[tc.arms[1]] != 24 {
				t.Errorf("input tokens %v, want 24 in both arms", counted)
			}
		})
	}
}

func TestByBatch(t *testing.T) {
	t.Parallel()
	// 20 conversations, 2 in progress: batches of 3, the last of 2.
	o := salted(load.Options{Clients: 2, Active: 2, Control: load.NoReuse})
	out := playAll(t, o, &fake{take: 100 * time.Millisecond}, conversations(20, 4))
	if len(out.asked) != 80 || out.end.Conversations.Finished != 40 ||
		out.end.Why != record.WhyDone {
		t.Fatalf("%d requests, %+v", len(out.asked), out.end)
	}
	if out.most != 2 {
		t.Errorf("%d in flight at most, want both clients at work after a change of arms", out.most)
	}
	var runs []string // which arm, for how many requests
	n := 0
	for i, id := range out.asked {
		_, arm, _ := strings.Cut(id, "/")
		if n++; i+1 == len(out.asked) || !strings.HasSuffix(out.asked[i+1], "/"+arm) {
			runs = append(runs, fmt.Sprint(arm, " ", n))
			n = 0
		}
	}
	got := strings.Join(runs, ", ")
	if len(runs) > 14 || len(runs) < 7 {
		t.Errorf("the arms change %d times: %s", len(runs), got)
	}
	for _, r := range runs {
		// Batches of 6 and of 4 requests, or two of them in the same arm.
		if _, n, _ := strings.Cut(r, " "); !slices.Contains([]string{"6", "12", "4", "8", "10"}, n) {
			t.Errorf("a batch of %s requests: %s", r, got)
		}
	}
	// With a batch's turns at a time, 3 conversations of 2 turns take at least 0.3 s.
	if out.took < 4*time.Second || out.took > 6*time.Second {
		t.Errorf("took %v: clients were idle", out.took)
	}
}

func TestFirstArmIsTheSeeds(t *testing.T) {
	t.Parallel()
	order := func(seed uint32) string {
		o := salted(load.Options{Clients: 1, Control: load.AA,
			Mix: load.ByConversation, Seed: seed})
		out := playAll(t, o, &fake{}, conversations(10, 2))
		return strings.Join(out.asked, " ")
	}
	if a, b := order(1), order(1); a != b {
		t.Error("the same seed gave two orders")
	}
	if order(1) == order(2) {
		t.Error("another seed gave the same order")
	}
}

func TestRetriesHaveSaltsOfTheirOwn(t *testing.T) {
	t.Parallel()
	f := &fake{reply: func(n int, r *Request, rep *Reply) {
		if n == 0 {
			rep.Outcome, rep.Status = record.HTTPStatus, 500
		}
	}}
	o := salted(load.Options{Clients: 1, Control: load.AA})
	o.Retries = 1
	out := playAll(t, o, f, conversations(1, 2))
	if out.asked[0] != out.asked[1] || out.bodies[0] == out.bodies[1] {
		t.Errorf("%s and again %s", out.bodies[0], out.bodies[1])
	}
	// The pieces that were sent are unchanged.
	if a, b := string(f.requests[0].Messages[1]), string(f.requests[1].Messages[1]); a == b {
		t.Errorf("the first request's salt %q was changed", a)
	}
}

// cold returns the requests and the resets of the cache in their order.
func cold(t *testing.T, o Options, reset func(n int) error,
	cs []chat.Conversation) (log []string, out outcome, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		f := &fake{start: start, take: 100 * time.Millisecond}
		f.reply = func(n int, r *Request, rep *Reply) { log = append(log, r.Conversation) }
		n := 0
		o.Start, o.Control = start, load.Cold
		o.Reset = func(context.Context) error {
			time.Sleep(time.Second)
			n++
			if err := reset(n); err != nil {
				return err
			}
			log = append(log, "reset")
			return nil
		}
		o.OnFinished = func(e *Finished) error {
			out.turns = append(out.turns, *e.Turn)
			return nil
		}
		out.end, err = Run(t.Context(), o, f, cs, nil)
	})
	return log, out, err
}

func TestCold(t *testing.T) {
	t.Parallel()
	log, out, err := cold(t, of(load.Options{Clients: 1, Active: 2}),
		func(int) error { return nil }, conversations(3, 4))
	if err != nil {
		t.Fatal(err)
	}
	// Batches of two: c0 and c1 take turns in one arm, then in the other; then c2.
	var batches []string
	got := strings.Join(log, " ")
	batch := func(arm string, ids ...string) string {
		var want []string
		for turn := range 2 {
			for i, id := range ids {
				if arm == "cold" || turn == 0 && i == 0 {
					want = append(want, "reset")
				}
				want = append(want, id+"/"+arm)
			}
		}
		return strings.Join(want, " ")
	}
	for _, ids := range [][]string{{"c0", "c1"}, {"c2"}} {
		measured, cold := batch("measured", ids...), batch("cold", ids...)
		if !strings.Contains(got, measured) || !strings.Contains(got, cold) {
			t.Errorf("%s\nlacks\n%s\nor\n%s", got, measured, cold)
		}
		batches = append(batches, measured, cold)
	}
	if len(got) != len(strings.Join(batches, " ")) {
		t.Errorf("%s\nis more than %s", got, batches)
	}
	for i := range out.turns {
		r := &out.turns[i]
		if lag := r.Sent - r.Scheduled; lag != 0 {
			t.Errorf("%s turn %d %s: emptying the cache counts as %v ms of lateness",
				r.Conversation, r.Turn, r.Arm, lag.MS())
		}
	}
}

func TestColdTriesAgainAndGivesUp(t *testing.T) {
	t.Parallel()
	log, _, err := cold(t, of(load.Options{Clients: 1}), func(n int) error {
		if n < 4 {
			return errors.New("busy")
		}
		return nil
	}, conversations(1, 2))
	if err != nil || len(log) != 4 {
		t.Errorf("%v, %v", log, err)
	}
	log, out, err := cold(t, of(load.Options{Clients: 1}),
		func(int) error { return errors.New("status 404") }, conversations(2, 2))
	if err == nil || !strings.Contains(err.Error(), "could not be emptied: status 404") {
		t.Errorf("error %v", err)
	}
	if out.end == nil || out.end.Why != record.WhyFailed || len(log) > 1 {
		t.Errorf("the run went on: %v, %+v", log, out.end)
	}
}

func TestMarker(t *testing.T) {
	t.Parallel()
	cs := conversations(2, 4)
	cs[1].Messages = append([]chat.Message{{Role: chat.System, Text: "Be brief."}},
		cs[1].Messages...)
	out := playAll(t, Options{Options: load.Options{Clients: 1}, Marker: "<m> "}, &fake{}, cs)
	for i, body := range out.bodies {
		all := messages(t, body)
		at := 0
		if out.asked[i] == "c1" {
			at = 1
		}
		if want := fmt.Sprintf("<m> question 0 of %c", out.asked[i][1]); string(all[at].Content) != `"`+want+`"` {
			t.Errorf("%s: message %d is %s, want %s", out.asked[i], at, all[at].Content, want)
		}
		if strings.Count(body, "<m>") != 1 {
			t.Errorf("the marker is not there once: %s", body)
		}
	}
	if got := out.finished[0].Messages[0].Text; strings.Contains(got, "<m>") {
		t.Errorf("the marker is in what was handed on: %q", got)
	}
}

func TestSaltInParts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, message, want string }{
		{"text parts", `{"role":"user","content":[{"type":"text","text":"hi"}]}`,
			`{"role":"user","content":[{"type":"text","text":"S\n"},{"type":"text","text":"hi"}]}`},
		{"no part", `{"role":"user","content":[]}`,
			`{"role":"user","content":[{"type":"text","text":"S\n"}]}`},
		{"content first", `{"content":"hi","role":"user","name":"x"}`,
			`{"content":"S\nhi","role":"user","name":"x"}`},
		{"content in a name before", `{"name":"\"content\":\"no","role":"user","content":"hi"}`,
			`{"name":"\"content\":\"no","role":"user","content":"S\nhi"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := chat.Message{Role: chat.User, Text: "hi", Raw: json.RawMessage(tc.message)}
			c := chat.Conversation{ID: "a", Messages: []chat.Message{m}}
			out := playAll(t, Options{Marker: "S\n"}, &fake{}, []chat.Conversation{c})
			if out.bodies[0] != tc.want {
				t.Errorf("got  %s\nwant %s", out.bodies[0], tc.want)
			}
		})
	}
	empty := chat.Message{Role: chat.User, Raw: json.RawMessage(`{"role":"user","content":null}`)}
	c := chat.Conversation{ID: "a", Messages: []chat.Message{empty}}
	_, err := Run(t.Context(), Options{Marker: "S"}, &fake{}, []chat.Conversation{c}, nil)
	if err == nil || !strings.Contains(err.Error(), "conversation a: its first turn has no text") {
		t.Errorf("error %v", err)
	}
}

func FuzzMarkPlace(f *testing.F) {
	f.Add(`{"role":"user","content":"hi"}`, "salt \"x\"\n")
	f.Add(`{"content":[{"type":"image_url","image_url":{"url":"x"}}],"role":"user"}`, "s")
	f.Add(`{"role":"user","content":[ ]}`, "s")
	f.Fuzz(func(t *testing.T, raw, mark string) {
		// As package chat reads them: an object with a role, in one line.
		var o map[string]json.RawMessage
		if json.Unmarshal([]byte(raw), &o) != nil || o == nil || strings.Count(raw, "content") > 1 {
			t.Skip("not a message")
		}
		m := chat.Message{Role: chat.User, Raw: json.RawMessage(raw)}
		if firstText([]chat.Message{m}, "") < 0 {
			t.Skip("no text in the message")
		}
		head, tail, quote := chat.JSON{}.Split(nil, &m)
		out := string(head) + string(quote(mark)) + string(tail)
		if !json.Valid([]byte(out)) {
			t.Fatalf("%s with a salt is %s", raw, out)
		}
	})
}

func TestOnMeasured(t *testing.T) {
	t.Parallel()
	f := &fake{take: time.Millisecond}
	asked := -1
	o := of(load.Options{Clients: 1, Warmup: true})
	o.OnMeasured = func() { asked = len(f.asked) }
	out := playAll(t, o, f, conversations(3, 4))
	if asked != 3 || len(out.asked) != 6 {
		t.Errorf("called after %d of %d requests, want 3, the warm-up's", asked, len(out.asked))
	}
}

func TestControlOptions(t *testing.T) {
	t.Parallel()
	reset := func(context.Context) error { return nil }
	for _, tc := range []struct {
		o    Options
		want string
	}{
		{of(load.Options{Control: "hot"}), "Control: is"},
		{of(load.Options{Control: load.NoReuse}), "salts"},
		{Options{Options: load.Options{Control: load.Cold, Clients: 2}, Reset: reset}, "Clients 2"},
		{of(load.Options{Control: load.Cold, Clients: 1}), "no way to empty"},
		{Options{Options: load.Options{Control: load.Cold, Warmup: true}, Reset: reset},
			"with Warmup"},
		{Options{Options: load.Options{Control: load.Cold}, Reset: reset}, ""},
	} {
		err := tc.o.Validate()
		if (err == nil) != (tc.want == "") ||
			err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want %q", tc.o, err, tc.want)
		}
	}
}

func TestReasoningIsSentBack(t *testing.T) {
	t.Parallel()
	thinks := func(n int, r *Request, rep *Reply) {
		rep.Text, rep.Reasoning = "said", "thought \"so\""
		if n == 1 {
			rep.ToolCalls = json.RawMessage(`[{"id":"x"}]`)
		}
	}
	out := playAll(t, Options{ReasoningField: "reasoning"}, &fake{reply: thinks},
		conversations(1, 6))
	const want = `{"role":"assistant","content":"said","reasoning":"thought \"so\""}`
	if !strings.Contains(out.bodies[1], want) {
		t.Errorf("%s\nlacks %s", out.bodies[1], want)
	}
	if strings.Contains(out.bodies[2], "tool_calls") {
		t.Errorf("%s has calls that nothing answers", out.bodies[2])
	}
	messages(t, out.bodies[2])
	if out := playAll(t, Options{}, &fake{reply: thinks},
		conversations(1, 6)); strings.Contains(out.bodies[1], "thought") {
		t.Errorf("reasoning is sent back unasked: %s", out.bodies[1])
	}
}
