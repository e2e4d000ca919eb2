package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"multiturn/pkg/record"
)

// twoReplicas is a run of two replicas, from worlds of their own: their caches are apart.
// Each conversation is on one, unless moved: then its later turns go to the other
// and hit nothing there.
func twoReplicas(o Options, conversations int, moved bool) *Summary {
	return collected(o, replicated(conversations, moved, func(*record.Turn) {})...).Summary()
}

// replicated returns the records of twoReplicas. change is called for each turn.
func replicated(conversations int, moved bool, change func(*record.Turn)) []any {
	var out []any
	var end *record.End
	for n := 1; n <= 2; n++ {
		w := small()
		w.seed, w.conversations = uint64(n), conversations/2
		for _, rec := range w.play() {
			switch r := rec.(type) {
			case *record.Run:
				if n == 2 {
					continue
				}
				r.Dataset.Conversations, r.Clients = conversations, 2
				r.URL, r.Load = "http://one:8000", &record.Load{Balance: record.BalanceSticky}
				for _, host := range []string{"one", "two"} {
					r.Replicas = append(r.Replicas, record.Replica{
						URL: "http://" + host + ":8000", Server: record.Server{Kind: "sim"},
					})
				}
			case *record.Turn:
				r.Conversation = fmt.Sprintf("%s on %d", r.Conversation, n)
				r.Replica = n
				if none := 0; moved && r.Turn > 0 {
					r.Replica = 1 + (n+r.Turn-1)%2
					r.Usage.Cached = &none
				}
				change(r)
			case *record.Scrape:
				r.URL, r.Replica = fmt.Sprintf("http://%d/metrics", n), n
			case *record.End:
				if n == 1 {
					end = r
					continue
				}
				end.Conversations.Planned, end.Turns.Planned = conversations, 2*end.Turns.Planned
				end.Turns.Finished *= 2
				end.At = max(end.At, r.At)
				rec = end
			}
			out = append(out, rec)
		}
	}
	return out
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	if r := small().summary(Options{}).Details.Replicas; r != nil {
		t.Errorf("one server has replicas: %+v", r)
	}
	s := twoReplicas(Options{}, 24, false)
	r := s.Details.Replicas
	if r == nil || len(r.Each) != 2 || r.Conversations != 24 || r.Stayed != 24 || r.Moved != 0 ||
		r.Later != 120 || r.Balance != record.BalanceSticky {
		t.Fatalf("%+v", r)
	}
	var turns int
	var cached, input Number
	for i, one := range r.Each {
		if one.Number != i+1 || one.Turns != 72 || one.Conversations != 12 || one.Failed != 0 ||
			one.CachedKnown != 72 || !(one.TTFTLow < one.TTFT && one.TTFT < one.TTFTHigh) ||
			!(one.OfPossible > 0.99 && one.OfPossible <= 1) || one.MaxInFlight != 1 ||
			!(one.InFlight > 0.9 && one.InFlight <= 1) {
			t.Errorf("%+v", one)
		}
		turns += one.Turns
		cached, input = cached+one.Cached, input+one.Input
	}
	k := s.Details.Cache
	if turns != k.Of || int64(cached) != k.Cached || int64(input) != k.Input {
		t.Errorf("%d turns, %v of %v; all have %+v", turns, cached, input, k)
	}
	if p := s.Details.Prediction; p.Shape.Replicas != 2 || p.All.Predicted != p.All.Cached {
		t.Errorf("predicted %v of %v on %d replicas", p.All.Predicted, p.All.Cached, p.Shape.Replicas)
	}
}

// Where usage has no cached tokens, a replica's own counters have them.
func TestReplicasByCounters(t *testing.T) {
	t.Parallel()
	want := twoReplicas(Options{}, 24, false).Details.Replicas
	silent := replicated(24, false, func(turn *record.Turn) { turn.Usage.Cached = nil })
	got := collected(Options{}, silent...).Summary().Details.Replicas
	for i := range got.Each {
		g, w := &got.Each[i], &want.Each[i]
		if g.CachedKnown != 0 || g.Cached != w.Cached || g.Input != w.Input ||
			g.CachedShare != w.CachedShare {
			t.Errorf("by counters %+v\nby usage %+v", g, w)
		}
	}
}

func TestReplicaFindings(t *testing.T) {
	t.Parallel()
	late := func(by record.Clock) func(*record.Turn) {
		return func(turn *record.Turn) {
			if turn.Replica == 2 {
				turn.FirstToken += by
				turn.LastToken += by
				turn.End += by
			}
		}
	}
	for _, tc := range []struct {
		name  string
		moved bool
		turn  func(*record.Turn)
		kind  string // one of those of replicas; "" = none
		text  string
	}{
		{"alike", false, func(*record.Turn) {}, "", ""},
		{"all moved", true, func(*record.Turn) {}, movedTurns,
			"120 of 120 later turns went to another replica than the turn before, and hit 0.0 % of " +
				"their tokens where "},
		{"some moved", false, func(turn *record.Turn) {
			if none := 0; turn.Turn == 3 {
				turn.Replica = 3 - turn.Replica
				turn.Usage.Cached = &none
			}
		}, movedTurns, "those that stayed hit "},
		{"moved, and hit all the same", false, func(turn *record.Turn) {
			turn.Replica = 1 + (int(turn.Conversation[1])+turn.Turn)%2
		}, "", ""},
		{"a slow one", false, late(20e6), slowReplica,
			"One replica is slower: http://two:8000 has a mean TTFT of "},
		{"not by much", false, late(1e6), "", ""},
		{"uneven", false, func(turn *record.Turn) {
			if turn.Conversation != "C0 on 2" {
				turn.Replica = 1
			}
		}, unevenReplicas, "The load was uneven: http://one:8000 had "},
		{"failed on one", false, func(turn *record.Turn) {
			if turn.Replica == 2 {
				turn.Outcome, turn.Usage = record.Connect, nil
				turn.FirstToken, turn.LastToken = 0, 0
			}
		}, failedTurns, ", all at http://two:8000"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := collected(Options{}, replicated(24, tc.moved, tc.turn)...).Summary()
			var found []string
			for _, f := range s.Details.Findings {
				if slices.Contains([]string{movedTurns, slowReplica, unevenReplicas, failedTurns},
					f.Kind) {
					found = append(found, f.Kind+": "+f.Text)
				}
			}
			got := strings.Join(found, "\n")
			if !strings.HasPrefix(got, tc.kind) || !strings.Contains(got, tc.text) ||
				(tc.kind == "") != (got == "") {
				t.Errorf("found %q, want %s: %s", got, tc.kind, tc.text)
			}
		})
	}
}

// The header may lack what the turns have, and a broken record may have any number.
func TestReplicasOfBrokenRecords(t *testing.T) {
	t.Parallel()
	recs := replicated(24, false, func(turn *record.Turn) {
		if turn.Turn == 1 {
			turn.Replica = 1 << 40
		}
		if turn.Turn == 2 {
			turn.Replica = -3
		}
	})
	recs[0].(*record.Run).Replicas = nil
	s := collected(Options{}, recs...).Summary()
	if n := len(s.Details.Replicas.Each); n != 3 {
		t.Errorf("%d replicas", n)
	}
	shortOf(t, s)
}
