package bench

import (
	"context"
	"errors"
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

// asker is a Fetcher that counts words, of texts that were fetched.
type asker struct {
	t      *testing.T
	fail   error  // of Fetch, after the run
	never  string // a text that is not counted
	played bool

	mu      sync.Mutex
	running bool // no question is allowed
	known   map[string]bool
	fetched [][]string
}

func (a *asker) Fetch(_ context.Context, texts []string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running {
		a.t.Error("something is fetched during the run")
	}
	if a.played && a.fail != nil {
		return a.fail
	}
	a.fetched = append(a.fetched, texts)
	for _, s := range texts {
		if s != a.never || s == "" {
			a.known[s] = true
		}
	}
	return nil
}

func (a *asker) Known(text string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known[text] || text == ""
}

func (a *asker) Count(text string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.known[text] {
		if a.fail == nil && text != "" {
			a.t.Errorf("%q is counted, and was not fetched", text)
		}
		return 0
	}
	return words{}.Count(text)
}

// A counter that asks is asked before the run for the lengths, and after it for
// the rest, and the records are the same as with any other counter.
func TestFetcher(t *testing.T) {
	t.Parallel()
	for _, fail := range []error{nil, errors.New("the server is gone")} {
		synctest.Test(t, func(t *testing.T) {
			cs := conversations(6, 4)
			cs[0].Messages[3].OutputTokens = 7 // known: it need not be counted
			a := &asker{t: t, known: map[string]bool{}, fail: fail}
			o := of(load.Options{Clients: 2})
			o.Counter, o.Start = a, time.Now()
			if err := Fetch(t.Context(), o, cs); err != nil {
				t.Fatal(err)
			}
			ended := 0
			var turns []*record.Turn
			o.OnEnded = func(*record.Turn) { ended++ }
			o.OnPlayed = func() {
				a.running, a.played = false, true
				if ended != 12 || len(turns) != 0 {
					t.Errorf("%d ended, %d handed on before the end", ended, len(turns))
				}
			}
			o.OnFinished = func(f *Finished) error {
				turns = append(turns, f.Turn)
				return nil
			}
			a.running = true
			f := &fake{take: time.Second, start: o.Start}
			end, err := Run(t.Context(), o, f, cs, nil)
			if fail == nil && err != nil || fail != nil && !errors.Is(err, fail) {
				t.Error(err)
			}
			if len(turns) != 12 || end.Turns.Finished != 12 || end.At.MS() != 6000 {
				t.Errorf("%d turns, end %+v", len(turns), end)
			}
			for _, r := range f.requests {
				want := 11 // of the first answer's words; 13 of the second's
				if strings.Contains(string(r.Messages[len(r.Messages)-1]), "question 1") {
					want = 13
				}
				if r.Conversation == "c0" && want == 13 {
					want = 7
				}
				if r.MaxTokens != want {
					t.Errorf("%s: %d tokens asked for, want %d", r.Conversation, r.MaxTokens, want)
				}
			}
			second := turns[slices.IndexFunc(turns, func(t *record.Turn) bool { return t.Turn == 1 })]
			want := record.Counted{Input: 10, NewInput: 4, Output: 2, FirstChunk: 1}
			if fail != nil {
				want = record.Counted{}
			}
			if second.Counted != want {
				t.Errorf("%+v, want %+v", second.Counted, want)
			}
			said := "the texts of 12 of 12 turns could not be counted, their records have no counts"
			if fail != nil && !strings.Contains(err.Error(), said) {
				t.Error(err)
			}
		})
	}
}

// What is counted was fetched: calls of tools, and the dataset's answers in a
// history. What is unknown stays so for all later turns of a conversation.
func TestFetchedTexts(t *testing.T) {
	t.Parallel()
	call := chat.Message{Role: chat.Assistant, Raw: []byte(`{"role":"assistant","content":null,` +
		`"tool_calls":[{"id":"c","type":"function","function":{"name":"add","arguments":"{1 2 3}"}}]}`)}
	cs := []chat.Conversation{{ID: "a", Messages: []chat.Message{
		{Role: chat.User, Text: "one two"}, call,
		{Role: chat.Tool, Text: "three", Raw: []byte(`{"role":"tool","tool_call_id":"c","content":"three"}`)},
		{Role: chat.Assistant, Text: "last answer"}, {Role: chat.User, Text: "four"},
	}}}
	if n := (words{}).Count(call.AllText()); n < 3 {
		t.Fatal(n, call.AllText())
	}
	for _, unknown := range []string{"", "three"} {
		synctest.Test(t, func(t *testing.T) {
			a := &asker{t: t, known: map[string]bool{}, never: unknown}
			o := of(load.Options{Clients: 1})
			o.Counter, o.Start = a, time.Now()
			if err := Fetch(t.Context(), o, cs); err != nil {
				t.Fatal(err)
			}
			var turns []*record.Turn
			o.OnFinished = func(f *Finished) error {
				turns = append(turns, f.Turn)
				return nil
			}
			f := &fake{take: time.Second, start: o.Start}
			if _, err := Run(t.Context(), o, f, cs, nil); err != nil || len(turns) != 3 {
				t.Fatal(len(turns), err)
			}
			calls := words{}.Count(call.AllText())
			if n := f.requests[0].MaxTokens; n != calls {
				t.Errorf("%d tokens asked for, want %d", n, calls)
			}
			if turns[0].Counted.Input != 2 {
				t.Errorf("%+v", turns[0].Counted)
			}
			for i, want := range []int{2 + calls + 1, 2 + calls + 1 + turns[1].Counted.Output + 1} {
				if unknown != "" {
					want = 0
				}
				if got := turns[i+1].Counted; got.Input != want || want == 0 && got != (record.Counted{}) {
					t.Errorf("turn %d: %+v, want an input of %d", i+1, got, want)
				}
			}
		})
	}
}

// Only what can be asked for is fetched.
func TestFetchBounds(t *testing.T) {
	t.Parallel()
	cs := conversations(50, 4)
	for _, c := range []struct {
		o    Options
		want int // texts, the marker included
	}{
		{of(load.Options{}), 101},
		{of(load.Options{MaxRequests: 3}), 7},
		{of(load.Options{MaxRequests: 3, Warmup: true}), 101},
		{Options{LimitMin: 5, LimitMax: 5}, 1},
		{Options{LimitMin: -1, LimitMax: 5}, 1},
	} {
		a := &asker{t: t, known: map[string]bool{}}
		c.o.Counter = a
		if err := Fetch(t.Context(), c.o, cs); err != nil {
			t.Fatal(err)
		}
		if n := len(a.fetched[0]); n != c.want {
			t.Errorf("%+v: %d texts, want %d", c.o.Options, n, c.want)
		}
	}
	if err := Fetch(t.Context(), Options{Counter: words{}}, []chat.Conversation{}); err != nil {
		t.Error(err)
	}
}
