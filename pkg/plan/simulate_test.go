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

func turnName(conversation, arm string, index int) string {
	if arm != "" {
		conversation += "/" + arm
	}
	return fmt.Sprintf("%s/%d", conversation, index)
}

// slow is a server that takes as long for each turn as the plan says, and fails
// the turns that it says.
type slow struct {
	start time.Time
	takes map[string]time.Duration
	fails map[string]bool
	mu    sync.Mutex
	next  map[string]int
	log   []sent
}

func (s *slow) Send(_ context.Context, r *bench.Request) *bench.Reply {
	s.mu.Lock()
	turn := turnName(r.Conversation, "", s.next[r.Conversation])
	s.next[r.Conversation]++
	begun := time.Now()
	s.log = append(s.log, sent{turn, begun.Sub(s.start)})
	s.mu.Unlock()
	time.Sleep(s.takes[turn])
	reply := &bench.Reply{Text: "yes"}
	reply.Outcome = record.OK
	if s.fails[turn] {
		reply.Outcome = record.Timeout
	}
	reply.Sent, reply.End = record.At(s.start, begun), record.At(s.start, time.Now())
	return reply
}

// Of the same conversations a run and a simulation send the same turns at the
// same nanosecond, if the server is as fast as the simulation says: whatever
// the order, the think times, the rests, the control arms and the failures.
func TestSendsAsTheBench(t *testing.T) {
	t.Parallel()
	failed, controls, rests := 0, map[load.Control]int{}, 0
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 77))
		conversations := randomConversations(rng)
		s := randomSimulation(rng, uint32(seed))
		server := &slow{takes: map[string]time.Duration{}, fails: map[string]bool{},
			next: map[string]int{}}
		want, scheduler := plannedSchedule(t, s, conversations, rng.IntN(3) == 0, server)
		end := playSchedule(t, s, conversations, server)
		got := server.log

		byTime := func(a, b sent) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.turn, b.turn))
		}
		slices.SortFunc(got, byTime)
		slices.SortFunc(want, byTime)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d, %+v:\nthe bench sends %v\nthe plan has   %v", seed, s, got, want)
		}
		if end.Conversations != scheduler.Conversations() || end.Why != scheduler.Why() {
			t.Errorf("seed %d: the bench ends %s with %+v, the plan %s with %+v",
				seed, end.Why, end.Conversations, scheduler.Why(), scheduler.Conversations())
		}
		failed += end.Conversations.Failed
		controls[s.Control]++
		if s.Rate > 0 && s.Clients > 1 {
			rests++
		}
	}
	if failed == 0 || len(controls) != 4 || rests == 0 {
		t.Errorf("%d failures, controls %v, %d runs with rests: something is not tried", failed,
			controls, rests)
	}
}

func randomConversations(rng *rand.Rand) []chat.Conversation {
	var conversations []chat.Conversation
	for i := range 3 + rng.IntN(12) {
		c := talk(fmt.Sprint(i), 1+rng.IntN(40), 1+rng.IntN(40), 1+rng.IntN(5))
		for j := range c.Messages {
			m := &c.Messages[j]
			m.Text = strings.TrimSpace(m.Text + strings.Repeat(" more", rng.IntN(30)))
			if rng.IntN(4) == 0 && j%2 == 0 {
				m.Delay = time.Duration(rng.IntN(5e9)) + 1
			}
		}
		if rng.IntN(3) == 0 {
			c.Messages = append(c.Messages, chat.Message{Role: chat.User, Text: "and?"})
		}
		conversations = append(conversations, c)
	}
	return conversations
}

func randomSimulation(rng *rand.Rand, seed uint32) Simulation {
	s := Simulation{DatasetHistory: rng.IntN(2) == 0}
	s.Speed = Speed{
		Base: time.Duration(rng.IntN(1e8)) + 1, PerToken: time.Duration(rng.IntN(1e6)) + 7,
		Interval: time.Duration(rng.IntN(1e7)) + 13,
	}
	s.Seed, s.Clients = seed, 1+rng.IntN(3)
	if rng.IntN(2) == 0 {
		s.Order = load.Random
	}
	switch rng.IntN(6) {
	case 0:
		s.Control = load.NoReuse
	case 1:
		s.Control = load.AA
	case 2:
		s.Control, s.Clients = load.Cold, 1
	}
	if rng.IntN(2) == 0 {
		s.Mix = load.ByConversation
	}
	s.Warmup = s.Control != load.Cold && rng.IntN(3) == 0
	s.Active = s.Clients + rng.IntN(4)
	if s.Control == "" && rng.IntN(3) == 0 {
		s.MaxRequests = 1 + rng.IntN(20)
	}
	if rng.IntN(3) == 0 {
		s.MaxMessages = 1 + rng.IntN(7)
	}
	if rng.IntN(3) == 0 {
		s.Rate = 0.5
	}
	return s
}

// plannedSchedule simulates a run, and lets the server take and fail the same.
// Every tenth turn fails, if any does. Each takes a little longer than the one
// before, since two that end at once go on in no certain order.
func plannedSchedule(t *testing.T, s Simulation, conversations []chat.Conversation, failures bool,
	server *slow) ([]sent, *load.Scheduler) {
	t.Helper()
	s = s.withDefaults()
	scheduler, err := load.New(s.Options, conversations)
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := s.scripts(t.Context(), scheduler.Plays(), conversations, words{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	vary := func(d load.Dispatch, took time.Duration) (time.Duration, bool) {
		p := scheduler.Plays()[d.Play]
		n++
		ok := !failures || n%10 != 0
		server.fails[turnName(conversations[p.Conversation].ID, p.Arm.Name, d.Turn)] = !ok
		return took + time.Duration(n), ok
	}
	var out []sent
	for _, r := range s.play(scheduler, scripts, vary) {
		turn := turnName(r.Conversation, r.Arm, int(r.Index))
		server.takes[turn] = r.End - r.Start
		out = append(out, sent{turn, r.Start})
	}
	return out, scheduler
}

// playSchedule runs the conversations against the server.
func playSchedule(t *testing.T, s Simulation, conversations []chat.Conversation,
	server *slow) (end *record.End) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server.start = time.Now()
		o := bench.Options{
			Options: s.Options, Start: server.start, Salts: load.NewSalts([32]byte{}, nil),
			Reset: func(context.Context) error { return nil },
		}
		if s.DatasetHistory {
			o.History = bench.DatasetAnswers
		}
		var err error
		if end, err = bench.Run(t.Context(), o, server, conversations, nil); err != nil {
			t.Fatal(err)
		}
	})
	return end
}

// The prompts of a control arm hit nothing, are as long as those of the measured
// arm, and leave the measured arm's hits as they are without a control.
func TestSimulatedControl(t *testing.T) {
	t.Parallel()
	conversations := []chat.Conversation{talk("a", 30, 20, 4), talk("b", 30, 20, 4),
		talk("c", 30, 20, 4)}
	base := Simulation{Options: load.Options{Active: 2}, BlockSize: 16}
	type turn struct {
		conversation string
		index        int
	}
	plain := map[turn]int{}
	w := simulate(t, conversations, base)
	for i, x := range analyse(t, w, nil).Turns {
		plain[turn{w.Requests[i].Conversation, int(w.Requests[i].Index)}] = int(x.Possible)
	}
	for _, control := range []load.Control{load.NoReuse, load.Cold, load.AA} {
		s := base
		s.Control = control
		w := simulate(t, conversations, s)
		if len(w.Requests) != 2*len(plain) {
			t.Fatalf("%s: %d requests, want %d", control, len(w.Requests), 2*len(plain))
		}
		prompts := map[turn]int{}
		for i, x := range analyse(t, w, nil).Turns {
			r := w.Requests[i]
			id := turn{r.Conversation, int(r.Index)}
			want := 0
			if r.Arm == record.ArmMeasured && r.Index > 0 {
				want = plain[id]
				if control == load.NoReuse { // the salt's ten words move the blocks' borders
					want = int(x.Possible)
					if want < plain[id] {
						t.Errorf("%s: %+v hits %d, without a control %d", control, id, want,
							plain[id])
					}
				}
			}
			if int(x.Possible) != want {
				t.Errorf("%s: %+v in arm %s hits %d, want %d", control, id, r.Arm, x.Possible, want)
			}
			if p, ok := prompts[id]; ok && p != r.Prompt {
				t.Errorf("%s: %+v has prompts of %d and %d tokens", control, id, p, r.Prompt)
			}
			prompts[id] = r.Prompt
		}
	}
}

// at begins conversations at set times.
type at []time.Duration

func (a at) Begin(*rand.Rand) load.Arrive {
	return func(n, _ int, _ time.Duration) (time.Duration, bool) { return a[n], true }
}

// Arrivals have times, so the requests have, even if each takes no time.
func TestSimulatedArrivals(t *testing.T) {
	t.Parallel()
	conversations := []chat.Conversation{talk("a", 30, 20, 4), talk("b", 30, 20, 4)}
	s := Simulation{Options: load.Options{Clients: 2, Arrivals: at{0, time.Minute}}, BlockSize: 16}
	w := simulate(t, conversations, s)
	if first := w.Requests[0]; !w.Timed || first.Start != 0 {
		t.Errorf("timed %v, the first request starts at %v", w.Timed, first.Start)
	}
	for _, r := range w.Requests {
		if r.Conversation == "b" && r.Start < time.Minute {
			t.Errorf("turn %d of b starts at %v", r.Index, r.Start)
		}
	}
}
