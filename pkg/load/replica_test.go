package load

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// sends returns the replicas of the turns in the order in which they are sent, as
// conversation.turn>replica. took is how long a turn takes on each replica.
func sends(t *testing.T, o Options, turns []int, took ...time.Duration) string {
	t.Helper()
	var out []string
	o.Replicas = len(took)
	s := scheduler(t, o, talks(turns...))
	s.Simulate(func(d Dispatch, _ time.Duration) (time.Duration, bool) {
		p := &s.Plays()[d.Play]
		out = append(out, fmt.Sprintf("%d%s.%d>%d", p.Conversation, strings.TrimPrefix(p.Arm.Name,
			"no-reuse"), d.Turn, d.Replica))
		return took[d.Replica], true
	})
	return strings.Join(out, " ")
}

func TestBalance(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		o     Options
		turns []int
		took  []time.Duration
		want  string
	}{
		{"one replica", Options{}, []int{2, 1}, []time.Duration{1}, "0.0>0 0.1>0 1.0>0"},
		{"sticky, one after the other: in turn", Options{}, []int{2, 1, 1},
			[]time.Duration{1, 1}, "0.0>0 0.1>0 1.0>1 2.0>0"},
		{"sticky: where fewer are in progress", Options{Clients: 2}, []int{4, 1, 1, 1},
			[]time.Duration{1, 1}, "0.0>0 1.0>1 0.1>0 2.0>1 0.2>0 3.0>1 0.3>0"},
		{"sticky: conversations do not follow the load", Options{Clients: 2}, []int{2, 2, 1},
			[]time.Duration{10, 1}, "0.0>0 1.0>1 1.1>1 2.0>1 0.1>0"},
		{"sticky: the measured turns follow the warm-up", Options{Warmup: true}, []int{2, 2, 2},
			[]time.Duration{1, 1}, "0.0>0 1.0>1 2.0>0 0.1>0 1.1>1 2.1>0"},
		{"round robin", Options{Balance: BalanceRoundRobin}, []int{2, 1, 2},
			[]time.Duration{1, 1, 1}, "0.0>0 0.1>1 1.0>2 2.0>0 2.1>1"},
		{"least: the slow one gets fewer", Options{Clients: 2, Balance: BalanceLeast},
			[]int{3, 3, 1}, []time.Duration{10, 1}, "0.0>0 1.0>1 1.1>1 1.2>1 2.0>1 0.1>0 0.2>0"},
		{"least: the one with fewer turns of equal ones", Options{Balance: BalanceLeast},
			[]int{3}, []time.Duration{1, 1}, "0.0>0 0.1>1 0.2>0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := sends(t, tc.o, tc.turns, tc.took...); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// With BalanceSticky both plays of a conversation are on one replica, in any load,
// and nothing is left in progress.
func TestSticky(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		o := Options{
			Clients: 1 + rng.IntN(6), Replicas: 1 + rng.IntN(4), Warmup: rng.IntN(2) == 0,
			Order:   []Order{RoundRobin, Random}[rng.IntN(2)],
			Control: []Control{NoControl, NoReuse, AA}[rng.IntN(3)],
			Mix:     []Mix{ByBatch, ByConversation}[rng.IntN(2)], Seed: uint32(seed),
		}
		o.Active = o.Clients + rng.IntN(8)
		var turns []int
		for range 30 {
			turns = append(turns, 1+rng.IntN(5))
		}
		s := scheduler(t, o, talks(turns...))
		home := map[int]int{}
		s.Simulate(func(d Dispatch, _ time.Duration) (time.Duration, bool) {
			c := s.Plays()[d.Play].Conversation
			if at, ok := home[c]; ok && at != d.Replica {
				t.Errorf("seed %d: conversation %d went from replica %d to %d", seed, c, at, d.Replica)
			}
			if home[c] = d.Replica; d.Replica >= o.Replicas {
				t.Errorf("seed %d: replica %d of %d", seed, d.Replica, o.Replicas)
			}
			return time.Duration(1 + rng.IntN(50)), rng.IntN(10) > 0
		})
		for i, r := range s.balance.replicas {
			if r.inFlight != 0 || r.inProgress != 0 {
				t.Errorf("seed %d: replica %d ended with %+v", seed, i, r)
			}
		}
	}
}
