package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"multiturn/internal/field"
	"multiturn/pkg/chat"
	"multiturn/pkg/record"
)

// talks returns conversations with the given numbers of turns.
func talks(turns ...int) []chat.Conversation {
	var out []chat.Conversation
	for i, n := range turns {
		c := chat.Conversation{ID: fmt.Sprint("c", i)}
		for range n {
			c.Messages = append(c.Messages,
				chat.Message{Role: chat.User}, chat.Message{Role: chat.Assistant})
		}
		out = append(out, c)
	}
	return out
}

func scheduler(t *testing.T, o Options, conversations []chat.Conversation) *Scheduler {
	t.Helper()
	s, err := New(o, conversations)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// flight is a turn, and when it was in flight.
type flight struct {
	Dispatch
	from, to time.Duration
}

// With any options, every turn is sent once, after the turn before it, and no
// more turns are in flight than allowed.
func TestRules(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		o := Options{
			Clients: 1 + rng.IntN(4), Seed: uint32(seed), Warmup: rng.IntN(3) == 0,
			Order:   []Order{RoundRobin, Random}[rng.IntN(2)],
			Mix:     []Mix{ByBatch, ByConversation}[rng.IntN(2)],
			Control: []Control{NoControl, NoReuse, AA}[rng.IntN(3)],
			Rate:    float64(rng.IntN(2)),
		}
		o.Active = o.Clients + rng.IntN(5)
		var turns []int
		for range 1 + rng.IntN(30) {
			turns = append(turns, 1+rng.IntN(6))
		}
		conversations := talks(turns...)
		for i := range conversations {
			for j := range conversations[i].Messages {
				conversations[i].Messages[j].Delay = time.Duration(max(0, rng.IntN(200)-100))
			}
		}
		s := scheduler(t, o, conversations)
		var sent []flight
		s.Simulate(func(d Dispatch, now time.Duration) (time.Duration, bool) {
			took := time.Duration(1 + rng.IntN(100))
			sent = append(sent, flight{d, now, now + took})
			return took, rng.IntN(20) > 0
		})
		checkRules(t, o, s, conversations, sent)
		if t.Failed() {
			t.Fatalf("seed %d, %+v", seed, o)
		}
	}
}

func checkRules(t *testing.T, o Options, s *Scheduler, conversations []chat.Conversation,
	sent []flight) {
	t.Helper()
	type turn struct{ play, index int }
	seen := map[turn]flight{}
	for i, f := range sent {
		id := turn{f.Play, f.Turn}
		if _, again := seen[id]; again {
			t.Errorf("%+v is sent twice", id)
		}
		seen[id] = f
		if before, ok := seen[turn{f.Play, f.Turn - 1}]; f.Turn > 0 && (!ok || before.to > f.from) {
			t.Errorf("%+v is sent at %v, the one before it ended at %v", id, f.from, before.to)
		}
		if f.Scheduled > f.from {
			t.Errorf("%+v is sent at %v, before it is scheduled at %v", id, f.from, f.Scheduled)
		}
		flying := 0
		for _, g := range sent[:i] {
			if g.to <= f.from {
				continue
			}
			flying++
			if g.Client == f.Client || g.Play == f.Play {
				t.Errorf("%+v is sent with %+v under way", f, g)
			}
			if s.plays[g.Play].half != s.plays[f.Play].half {
				t.Errorf("batches %d and %d overlap", s.plays[g.Play].half, s.plays[f.Play].half)
			}
		}
		if flying >= o.Clients {
			t.Errorf("%d turns under way", flying+1)
		}
	}
	if n := o.Turns(conversations); len(sent) > n ||
		s.Conversations().Failed == 0 && len(sent) < n {
		t.Errorf("%d turns are sent, want %d", len(sent), n)
	}
	tally := s.Conversations()
	if tally.Finished+tally.Failed != tally.Planned || tally.Planned != len(s.plays) {
		t.Errorf("conversations %+v", tally)
	}
	if s.Why() != record.WhyDone {
		t.Errorf("ended: %s", s.Why())
	}
}

// every is an open loop: a conversation begins after each such time, however
// many are in progress.
type every time.Duration

func (e every) Begin(*rand.Rand) Arrive {
	return func(n, _ int, _ time.Duration) (time.Duration, bool) {
		return time.Duration(n) * time.Duration(e), true
	}
}

func TestArrivals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		clients int
		want    string // conversation, when it was sent and since when it was ready
	}{
		{10, "0@0/0 1@10/10 2@20/20 0@25/25 3@30/30 1@35/35 2@45/45 3@55/55"},
		{1, "0@0/0 1@25/25 2@50/50 0@75/75 3@100/100 1@125/125 2@150/150 3@175/175"},
	} {
		for _, warmup := range []bool{false, true} {
			o := Options{Clients: tc.clients, Arrivals: every(10), Warmup: warmup}
			conversations := talks(2, 2, 2, 2)
			var begun time.Duration
			if warmup { // it is a closed loop, and the arrivals count from its end
				conversations = talks(3, 3, 3, 3)
				begun = 100 / time.Duration(min(tc.clients, 4))
			}
			var got []string
			s := scheduler(t, o, conversations)
			s.Simulate(func(d Dispatch, now time.Duration) (time.Duration, bool) {
				if !d.Warmup {
					got = append(got, fmt.Sprintf("%d@%d/%d", d.Play, now-begun, d.Scheduled-begun))
				}
				return 25, true
			})
			if list := strings.Join(got, " "); list != tc.want {
				t.Errorf("%d clients, warm-up %v:\n%s\nwant\n%s", tc.clients, warmup, list, tc.want)
			}
		}
	}
}

// drawn is an open loop with random gaps.
type drawn struct{}

func (drawn) Begin(random *rand.Rand) Arrive {
	last, at := -1, time.Duration(0)
	return func(n, _ int, _ time.Duration) (time.Duration, bool) {
		if n > last {
			last, at = n, at+time.Duration(random.Int64N(1000))
		}
		return at, true
	}
}

// Arrivals are repeated exactly with the seed, whoever else uses the same value
// and however the turns are ordered.
func TestRandomArrivals(t *testing.T) {
	t.Parallel()
	play := func(o Options) (begun []time.Duration) {
		o.Clients, o.Arrivals = 9, drawn{}
		scheduler(t,
			o,
			talks(1, 1, 1, 1)).Simulate(func(d Dispatch, now time.Duration) (time.Duration, bool) {
			begun = append(begun, now)
			return 25, true
		})
		return begun
	}
	first := play(Options{Seed: 1})
	if again := play(Options{Seed: 1, Order: Random}); !slices.Equal(first, again) {
		t.Errorf("the same seed gives %v and %v", first, again)
	}
	if other := play(Options{Seed: 2}); slices.Equal(first, other) {
		t.Errorf("another seed gives the same arrivals: %v", other)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	conversations := talks(2, 2)
	conversations[0].Messages[2].Delay = time.Hour
	s := scheduler(t, Options{}, conversations[:1])
	s.Begin(0, false)
	d, ok := s.Next(0)
	if !ok {
		t.Fatal("nothing may be sent")
	}
	s.Ended(d, 5, 5, true)
	if at, ok := s.Due(); !ok || at != time.Hour+5 || s.Over() {
		t.Errorf("due at %v, %v, over %v; want the end of the think time", at, ok, s.Over())
	}
	s.Stop(record.WhyInterrupted)
	s.Stop(record.WhyFailed)
	if _, ok := s.Due(); ok || !s.Over() || s.Why() != record.WhyInterrupted {
		t.Errorf("has a due time: %v, over %v, why %s", ok, s.Over(), s.Why())
	}
	want := record.Tally{Planned: 1, Started: 1, Abandoned: 1}
	if got := s.Conversations(); got != want {
		t.Errorf("conversations %+v, want %+v", got, want)
	}
	if _, ok := s.Next(2 * time.Hour); ok {
		t.Error("a turn is sent after the stop")
	}
}

// A client whose turn has ended goes on; a rest makes it the last in the row.
func TestClients(t *testing.T) {
	t.Parallel()
	var got []int
	s := scheduler(t, Options{Clients: 3, Active: 3}, talks(4, 1, 1))
	s.Simulate(func(d Dispatch, _ time.Duration) (time.Duration, bool) {
		got = append(got, d.Client)
		return time.Duration(10 - d.Client), true
	})
	if want := []int{0, 1, 2, 0, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("clients %v, want %v", got, want)
	}
}

// record knows by an arm's name whether its turns share anything.
func TestArmsShare(t *testing.T) {
	t.Parallel()
	for _, c := range []Control{NoControl, NoReuse, Cold, AA} {
		for _, a := range c.arms() {
			if want := a.Cold || a.Salt == SaltRequest; record.SharesNothing(a.Name) != want {
				t.Errorf("%s: arm %+v, want shares nothing %v", c, a, want)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		o    Options
		want string
	}{
		{Options{}, ""},
		{Options{Clients: -1}, "Clients"},
		{Options{Clients: 4, Active: 2}, "Active"},
		{Options{MaxRequests: -1}, "MaxRequests"},
		{Options{MaxMessages: -1}, "MaxMessages"},
		{Options{Rate: -1}, "Rate"},
		{Options{Order: "x"}, "Order"},
		{Options{Mix: "x"}, "Mix"},
		{Options{Control: "x"}, "Control"},
		{Options{Control: Cold, Clients: 2}, "Control"},
		{Options{Control: Cold, Warmup: true}, "Control"},
		{Options{Control: AA, MaxRequests: 5}, "Control"},
	} {
		err := tc.o.Validate()
		var e *field.Error
		if errors.As(err, &e) != (tc.want != "") || e != nil && e.Field != tc.want {
			t.Errorf("%+v: error %v, want one of field %q", tc.o, err, tc.want)
		}
	}
	if _, err := New(Options{}, talks(0)); err == nil {
		t.Error("conversations without a turn are taken")
	}
}

// A client that learns late that an answer has ended, because it was stopped, is
// late with what the end makes possible: its conversation's next turn, a
// conversation in its place, and the rest after it.
func TestScheduledFromTheEnd(t *testing.T) {
	t.Parallel()
	const end, now = 100 * time.Millisecond, 478 * time.Millisecond
	for _, tc := range []struct {
		name string
		o    Options
		all  []chat.Conversation
	}{
		{"the next turn", Options{}, talks(2)},
		{"another conversation", Options{}, talks(1, 1)},
		{"one that waited for the client", Options{Active: 2}, talks(1, 1)},
		{"after a failure", Options{}, talks(2, 1)},
	} {
		s := scheduler(t, tc.o, tc.all)
		s.Begin(0, false)
		d, _ := s.Next(0)
		s.Ended(d, end, now, tc.name != "after a failure")
		if d, ok := s.Next(now); !ok || d.Scheduled != end {
			t.Errorf("%s: %v, scheduled at %v, want %v", tc.name, ok, d.Scheduled, end)
		}
	}
	rest := func(now time.Duration) time.Duration {
		s := scheduler(t, Options{Rate: 1}, talks(2))
		s.Begin(0, false)
		d, _ := s.Next(0)
		s.Ended(d, end, now, true)
		at, _ := s.Due()
		return at
	}
	if late, soon := rest(now), rest(end); late != soon {
		t.Errorf("the rest ends at %v, and at %v if the end was learnt at once", late, soon)
	}
	// A run that was stopped begins no conversation.
	s := scheduler(t, Options{}, talks(1, 1))
	s.Begin(0, false)
	d, _ := s.Next(0)
	s.Stop(record.WhyInterrupted)
	s.Ended(d, end, now, true)
	if got := s.Conversations(); got.Started != 1 {
		t.Errorf("%+v", got)
	}
}
