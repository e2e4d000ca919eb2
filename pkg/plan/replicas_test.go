package plan

import (
	"slices"
	"strings"
	"testing"

	"multiturn/pkg/chat"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// What is hit where, by hand: blocks of 4 tokens, no template, prompts of 10, 27, 44
// and 61 tokens, answers of 7, whose last token has no KV.
func TestReplicas(t *testing.T) {
	t.Parallel()
	one := []chat.Conversation{talk("a", 10, 7, 4)}
	four := []chat.Conversation{talk("a", 10, 7, 2), talk("b", 10, 7, 2), talk("c", 10, 7, 2),
		talk("d", 10, 7, 2)}
	for _, tc := range []struct {
		name          string
		conversations []chat.Conversation
		o             load.Options
		caches        Caches
		possible, hit []int // tokens by turn
		gpuAlone      int64 // -1 = there is no tier below
	}{
		{"one server", one, load.Options{}, Caches{*gpu(4, 100)},
			[]int{0, 16, 32, 48}, []int{0, 16, 32, 48}, -1},
		{"sticky", one, load.Options{Replicas: 2}, Caches{*gpu(4, 100)},
			[]int{0, 16, 32, 48}, []int{0, 16, 32, 48}, -1},
		{"turn by turn: what was sent to that one before", one,
			load.Options{Replicas: 2, Balance: load.BalanceRoundRobin}, Caches{*gpu(4, 100)},
			[]int{0, 0, 16, 32}, []int{0, 0, 16, 32}, -1},
		{"three replicas", one,
			load.Options{Replicas: 3, Balance: load.BalanceRoundRobin}, Caches{*gpu(4, 100)},
			[]int{0, 0, 0, 16}, []int{0, 0, 0, 16}, -1},
		// a and c are on the first, b and d on the second: first turns, which leave 4 blocks
		// each, then later ones, which end with 9.
		{"the caches are apart", four, load.Options{Active: 4, Replicas: 2}, Caches{*gpu(4, 13)},
			[]int{0, 0, 0, 0, 16, 16, 16, 16}, []int{0, 0, 0, 0, 16, 16, 16, 16}, -1},
		{"one cache of that size for all", four, load.Options{Active: 4}, Caches{*gpu(4, 13)},
			[]int{0, 0, 0, 0, 16, 16, 16, 16}, []int{0, 0, 0, 0, 4, 0, 0, 0}, -1},
		{"each of its own size", four, load.Options{Active: 4, Replicas: 2},
			Caches{*gpu(4, 13), *gpu(4, 9)},
			[]int{0, 0, 0, 0, 16, 16, 16, 16}, []int{0, 0, 0, 0, 16, 16, 16, 0}, -1},
		{"with a tier below", four, load.Options{Active: 4, Replicas: 2},
			Caches{*tiered(13), *tiered(9)},
			[]int{0, 0, 0, 0, 16, 16, 16, 16}, []int{0, 0, 0, 0, 16, 16, 16, 8}, 48},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := simulate(t, tc.conversations, Simulation{
				Options: tc.o, BlockSize: 4, Template: template.Opaque(0),
			})
			a, err := Analyse(w, tc.caches, kvcache.PromptAndOutput)
			if err != nil {
				t.Fatal(err)
			}
			var possible, hit []int
			total := 0
			for i := range a.Turns {
				possible, hit = append(possible, int(a.Turns[i].Possible)), append(hit, a.Turns[i].Predicted())
				total += int(a.Turns[i].Possible)
			}
			if !slices.Equal(possible, tc.possible) || !slices.Equal(hit, tc.hit) {
				t.Errorf("possible %v, hit %v; want %v, %v", possible, hit, tc.possible, tc.hit)
			}
			if got := a.Curve.Possible().HitTokens; got != int64(total) {
				t.Errorf("the curve ends at %d tokens, want %d", got, total)
			}
			s := Summarise(a, View{})
			if s.Replicas != 0 && s.Replicas != tc.o.Replicas || len(a.WorkingSet) != len(a.Turns) {
				t.Errorf("%d replicas, working sets %v", s.Replicas, a.WorkingSet)
			}
			if got := s.Prediction.GPUAlone; (got == nil) != (tc.gpuAlone < 0) ||
				got != nil && *got != tc.gpuAlone {
				t.Errorf("the GPU's tier alone hits %v, want %d", got, tc.gpuAlone)
			}
			noted := strings.Contains(strings.Join(s.Notes, "\n"), "each with a cache of its own")
			if noted != (tc.o.Replicas > 1) {
				t.Errorf("notes %q", s.Notes)
			}
		})
	}
}

// tiered is a GPU tier above one without limit.
func tiered(blocks int) *kvcache.Config {
	c := gpu(4, blocks)
	c.Tiers[kvcache.CPU] = kvcache.TierConfig{Blocks: kvcache.Unlimited, Store: kvcache.PromptOnly}
	return c
}

// The turns of a run hit what was sent to their replica.
func TestTurnsOfReplicas(t *testing.T) {
	t.Parallel()
	turn := func(n, replica, prompt int) *record.Turn {
		at := record.Clock(1 + 1e6*n)
		return &record.Turn{Conversation: "a", Turn: n, Replica: replica, Exchange: record.Exchange{
			Outcome: record.OK, Sent: at, FirstToken: at + 10, End: at + 20,
			Usage: &record.Usage{Prompt: prompt, Completion: 16},
		}}
	}
	turns := []*record.Turn{turn(0, 1, 100), turn(1, 2, 200), turn(2, 1, 300), turn(3, 1, 400)}
	got, notes, err := Compare(turns, gpu(16, 1000), Executed{})
	if err != nil {
		t.Fatal(err)
	}
	var possible []int
	for _, x := range got {
		if x.Predicted() != int(x.Possible) {
			t.Errorf("%+v: the caches hold all", x)
		}
		possible = append(possible, int(x.Possible))
	}
	// 116 tokens were on the first replica when the third turn came.
	if want := []int{0, 0, 112, 304}; !slices.Equal(possible, want) {
		t.Errorf("possible %v, want %v", possible, want)
	}
	if !slices.ContainsFunc(notes, func(n string) bool { return strings.HasPrefix(n, "2 replicas") }) {
		t.Errorf("notes %q", notes)
	}
}
