package plan

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/pkg/bench"
	"multiturn/pkg/chat"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// sent is a turn and when it was sent.
type sent struct {
	turn string
	at   time.Duration
}

// slow is a server that takes for each turn the time that the plan says.
type slow struct {
	start time.Time
	takes map[string]time.Duration
	mu    sync.Mutex
	next  map[string]int
	log   []sent
}

func (s *slow) Send(_ context.Context, r *bench.Request) *bench.Reply {
	s.mu.Lock()
	turn := fmt.Sprintf("%s/%d", r.Conversation, s.next[r.Conversation])
	s.next[r.Conversation]++
	begun := time.Now()
	s.log = append(s.log, sent{turn, begun.Sub(s.start)})
	s.mu.Unlock()
	time.Sleep(s.takes[turn])
	return &bench.Reply{
		Exchange: record.Exchange{
			Outcome: record.OK, Sent: record.At(s.start, begun), End: record.At(s.start, time.Now()),
		},
		Text: "yes",
	}
}

// The simulated interleaving is the one that package bench makes of the same conversations in front of a server that is as
// fast as the plan says: every request at the same nanosecond.
func TestDealsAsTheBench(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 77))
		var conversations []chat.Conversation
		for i := range 3 + rng.IntN(12) {
			c := talk(fmt.Sprint(i), 1+rng.IntN(40), 1+rng.IntN(40), 1+rng.IntN(5))
			for j := range c.Messages {
				c.Messages[j].Text = strings.TrimSpace(c.Messages[j].Text + strings.Repeat(" more", rng.IntN(30)))
				if rng.IntN(4) == 0 && j%2 == 0 {
					c.Messages[j].Delay = time.Duration(rng.IntN(5e9)) + 1
				}
			}
			if rng.IntN(3) == 0 {
				c.Messages = append(c.Messages, chat.Message{Role: chat.User, Text: "and?"})
			}
			conversations = append(conversations, c)
		}
		l := Load{
			Clients: 1 + rng.IntN(3), Random: rng.IntN(2) == 0, Seed: uint32(seed), Warmup: rng.IntN(3) == 0, DatasetHistory: rng.IntN(2) == 0,
			Speed: Speed{Base: time.Duration(rng.IntN(1e8)) + 1, PerToken: time.Duration(rng.IntN(1e6)) + 7, Interval: time.Duration(rng.IntN(1e7)) + 13},
		}
		l.Active = l.Clients + rng.IntN(4)
		if rng.IntN(3) == 0 {
			l.MaxRequests = 1 + rng.IntN(20)
		}
		if rng.IntN(3) == 0 {
			l.MaxTurns = 1 + rng.IntN(7)
		}
		if l.Clients == 1 && rng.IntN(3) == 0 {
			l.Rate = 0.5 // which of several clients rests for how long is for chance to decide
		}
		w := simulate(t, conversations, l)
		takes := map[string]time.Duration{}
		var want []sent
		for _, r := range w.Requests {
			turn := fmt.Sprintf("%s/%d", r.Conversation, r.Index)
			takes[turn] = r.End - r.Start
			want = append(want, sent{turn, r.Start})
		}
		var got []sent
		synctest.Test(t, func(t *testing.T) {
			o := bench.Options{Options: load.Options{
				Clients: l.Clients, Active: l.Active, MaxRequests: l.MaxRequests, MaxTurns: l.MaxTurns,
				Seed: l.Seed, Rate: l.Rate, Warmup: l.Warmup,
			}, Start: time.Now()}
			if l.Random {
				o.Order = load.Random
			}
			if l.DatasetHistory {
				o.History = bench.DatasetAnswers
			}
			s := &slow{start: o.Start, takes: takes, next: map[string]int{}}
			if _, err := bench.Run(t.Context(), o, s, conversations, nil); err != nil {
				t.Fatal(err)
			}
			got = s.log
		})
		byTime := func(a, b sent) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.turn, b.turn)) }
		slices.SortFunc(got, byTime)
		slices.SortFunc(want, byTime)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d, %+v:\nthe bench sends %v\nthe plan has   %v", seed, l, got, want)
		}
	}
}
