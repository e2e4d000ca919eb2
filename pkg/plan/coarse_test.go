package plan

import (
	"strings"
	"testing"

	"multiturn/pkg/chat"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// Runs of more blocks than can be followed are followed in larger ones.
func TestCoarse(t *testing.T) {
	t.Parallel()
	turn := func(name, arm string, number, prompt, output int) *record.Turn {
		return &record.Turn{Conversation: name, Arm: arm, Turn: number, Exchange: record.Exchange{
			Outcome: record.OK, Usage: &record.Usage{Prompt: prompt, Completion: output},
		}}
	}
	const most = 16 * maxBlocks // tokens
	for _, tc := range []struct {
		name  string
		turns []*record.Turn
		want  int
	}{
		{"few", []*record.Turn{turn("A", "", 0, most, 0)}, 1},
		{"another block", []*record.Turn{turn("A", "", 0, most+16, 0)}, 2},
		{"an answer that stays", []*record.Turn{turn("A", "", 1, most, 0),
			turn("A", "", 0, most/2, most/4)}, 1},
		{"two conversations", []*record.Turn{turn("A", "", 0, most, 0), turn("B", "", 0, 3*most, 0)}, 4},
		{"prompts that share nothing", []*record.Turn{turn("A", record.ArmNoReuse, 0, most, 0),
			turn("A", record.ArmNoReuse, 1, most, 0)}, 2},
		{"histories that are cut", []*record.Turn{turn("A", "", 0, most/2, 0), turn("A", "", 1, most/3, 0),
			turn("A", "", 2, most/2, 0), turn("A", "", 3, most/3, 0)}, 2},
	} {
		x := executed{
			Executed: &Executed{BlockSize: 16},
			at:       func(i int) *record.Turn { return tc.turns[i] },
			numbers:  map[Dialogue]int32{},
		}
		for i := range tc.turns {
			x.visit(i, x.at(i))
		}
		if got := x.coarsen(); got != tc.want {
			t.Errorf("%s: %d at a time, want %d", tc.name, got, tc.want)
		}
	}
	config := *gpu(16, 7)
	config.Tiers[kvcache.CPU].Blocks, config.Tiers[kvcache.Disk].Blocks = kvcache.Unlimited, 1
	config.OffloadBlockSize = 48
	s := Shape{BlockSize: 16, Caches: Caches{config}, Config: &config, OffloadBlockSize: 48,
		Tiers: []ShapeTier{{Blocks: 7}, {Blocks: -1}, {Blocks: 1}}}
	s.Coarsen(4)
	c := s.Config
	if s.BlockSize != 64 || s.OffloadBlockSize != 0 || s.Tiers[0].Blocks != 1 ||
		s.Tiers[1].Blocks != -1 || c.BlockSize != 64 || c.OffloadBlockSize != 0 ||
		c.Tiers[0].Blocks != 1 || c.Tiers[1].Blocks != kvcache.Unlimited || c.Tiers[2].Blocks != 1 {
		t.Errorf("%+v", s)
	}
}

// The workload has the larger blocks, and says so.
func TestFromTurnsCoarse(t *testing.T) {
	t.Parallel()
	var turns []*record.Turn
	for _, name := range []string{"a", "b", "c"} {
		turns = append(turns, &record.Turn{Conversation: name, Exchange: record.Exchange{
			Outcome: record.OK, Usage: &record.Usage{Prompt: 1 << 24, Completion: 1 << 24},
		}})
	}
	w := fromTurns(turns, Executed{BlockSize: 16})
	if w.BlockSize != 32 || len(w.Requests[2].Hashes) != 1<<25/32 ||
		!strings.Contains(w.Notes[len(w.Notes)-1], "they are followed 2 at a time, and possible "+
			"and predicted hits are up to 16 tokens a turn too low") {
		t.Errorf("blocks of %d tokens, %q", w.BlockSize, w.Notes)
	}
}

// Lengths that a dataset asks for are counted; its texts are not.
func TestClaims(t *testing.T) {
	t.Parallel()
	c := talk("x", 3, 3, 2)
	for i := range c.Messages {
		if c.Messages[i].Role == chat.Assistant {
			c.Messages[i].OutputTokens = 5
		}
	}
	p := load.Play{Turns: c.Cut(0)}
	for _, tc := range []struct {
		s    Simulation
		want followed
	}{
		{Simulation{}, followed{different: 10, named: 10, used: 15}},
		{Simulation{DatasetHistory: true}, followed{different: 10, named: 15, used: 15}},
		{Simulation{LimitMax: 2}, followed{different: 4, named: 4, used: 6}},
		{Simulation{LimitMin: 7}, followed{different: 14, named: 14, used: 21}},
	} {
		var got followed
		if got.claim(&tc.s, &p, &c); got != tc.want {
			t.Errorf("%+v: %+v, want %+v", tc.s.Options, got, tc.want)
		}
	}
}
