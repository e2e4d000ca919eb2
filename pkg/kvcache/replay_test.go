package kvcache

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestTimeline(t *testing.T) {
	t.Parallel()
	plays := []Play{{Start: 5, End: 9}, {Start: 0, End: 5}, {Start: 5, End: 5}, {Start: 7, End: 1},
		{Start: 5, End: 6}}
	type step struct {
		play int
		end  bool
	}
	var got []step
	for i, end := range Timeline(PlayList(plays)) {
		got = append(got, step{i, end})
	}
	want := []step{{1, false}, {1, true}, {0, false}, {2, false}, {2, true}, {4, false}, {4, true},
		{3, false}, {3, true}, {0, true}}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// With one request at a time, a replay gives the same hits as requests run by
// hand. Token counts stand in for tokens.
func TestReplayInTurn(t *testing.T) {
	t.Parallel()
	config := Config{BlockSize: 16,
		Tiers: [NumTiers]TierConfig{GPU: {Blocks: 60}, CPU: {Blocks: 90, Store: PromptOnly}}}
	byHand := newCache(t, config)
	rng := rand.New(rand.NewPCG(1, 2))
	chains := make([]*Chain, 6)
	for i := range chains {
		chains[i] = NewChain(16, strconv.Itoa(i))
	}
	var plays []Play
	var want []Hits
	for i := range 100 {
		c := rng.IntN(len(chains))
		if chains[c].Tokens() > 700 {
			chains[c].Reset(strconv.Itoa(c + 10*i)) // the plays below keep copies
		}
		chains[c].AppendUnknown(1 + rng.IntN(90))
		turn := Turn{chains[c].Tokens(), 1 + rng.IntN(70)}
		chains[c].AppendUnknown(turn.Output)
		hashes := slices.Clone(chains[c].Hashes())
		plays = append(plays,
			Play{Hashes: hashes, Turn: turn, Start: time.Duration(i), End: time.Duration(i + 1)})

		s, ok := byHand.Start(Request{Hashes: hashes, Tokens: turn.Prompt})
		if !ok {
			t.Fatal("refused")
		}
		want = append(want, s.Hits())
		if turn.Output > 1 {
			s.Grow(hashes, turn.Output-1)
		}
		s.Finish()
	}
	replayed := newCache(t, config)
	for i, p := range Replay(replayed, PlayList(plays)) {
		if p.Hits != want[i] || p.Waited || p.TooLarge {
			t.Errorf("play %d: %+v, by hand %v", i, p, want[i])
		}
	}
	if replayed.Stats() != byHand.Stats() || replayed.Running() != 0 {
		t.Errorf("stats %+v, by hand %+v", replayed.Stats(), byHand.Stats())
	}
}

func TestReplayWithoutRoom(t *testing.T) {
	t.Parallel()
	chain := func(name string, tokens int) []Hash {
		c := NewChain(4, name)
		c.AppendUnknown(tokens)
		return c.Hashes()
	}
	c := newCache(t, Config{BlockSize: 4, Tiers: [NumTiers]TierConfig{GPU: {Blocks: 10}}})
	got := Replay(c, PlayList{
		{Hashes: chain("a", 28), Turn: Turn{24, 5}, Start: 0, End: 10},
		{Hashes: chain("b", 20), Turn: Turn{20, 1}, Start: 1, End: 11}, // no room beside a
		// room, but behind b; over before it began
		{Hashes: chain("c", 4), Turn: Turn{4, 1}, Start: 2, End: 3},
		{Hashes: chain("d", 44), Turn: Turn{44, 1}, Start: 4, End: 5}, // never
		{Hashes: chain("a", 28), Turn: Turn{29, 1}, Start: 12, End: 13},
	})
	want := []Prediction{{}, {Waited: true}, {Waited: true}, {TooLarge: true}, {Hits: Hits{GPU: 4}}}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if c.Running() != 0 {
		t.Errorf("%d blocks are still pinned", c.Running())
	}
}

// Answers take their blocks while they are generated: what starts between two
// answers' tokens finds the blocks that are gone by then, and no others.
func TestReplayGrows(t *testing.T) {
	t.Parallel()
	chain := func(name string, tokens int) []Hash {
		c := NewChain(4, name)
		c.AppendUnknown(tokens)
		return c.Hashes()
	}
	old, other := chain("old", 16), chain("other", 16)
	// a has 2 blocks at first and takes one at each of the times 10, 14, 18 and 22.
	a := Play{Hashes: chain("a", 23), Turn: Turn{8, 15}, Start: 2, First: 10, End: 24}
	for _, tc := range []struct {
		at   time.Duration
		hits int
	}{
		// Of 11 blocks two prompts have 4 each. The older one loses a block, its last
		// first, to each of a's beyond the third.
		{9, 3}, {14, 3}, {15, 3}, {18, 3}, {19, 2}, {22, 2}, {23, 1}, {30, 1},
	} {
		c := newCache(t, Config{BlockSize: 4, Tiers: [NumTiers]TierConfig{GPU: {Blocks: 11}}})
		got := Replay(c, PlayList{
			{Hashes: old, Turn: Turn{16, 1}, Start: 0, End: 1},
			{Hashes: other, Turn: Turn{16, 1}, Start: 1, End: 2}, a,
			{Hashes: old, Turn: Turn{16, 1}, Start: tc.at, End: tc.at},
		})
		if want := (Prediction{Hits: Hits{GPU: tc.hits}}); got[3] != want {
			t.Errorf("at %d: %+v, want %+v", tc.at, got[3], want)
		}
	}
}

// If an answer finds no room, the request that started last is preempted. It goes
// on, with blocks of its own, when there is room again.
func TestReplayPreempts(t *testing.T) {
	t.Parallel()
	chain := func(name string, tokens int) []Hash {
		c := NewChain(4, name)
		c.AppendUnknown(tokens)
		return c.Hashes()
	}
	b := chain("b", 24)
	c := newCache(t, Config{BlockSize: 4, Tiers: [NumTiers]TierConfig{GPU: {Blocks: 8}}})
	got := Replay(c, PlayList{
		{Hashes: chain("a", 20), Turn: Turn{12, 9}, Start: 0, First: 2, End: 10},
		{Hashes: b, Turn: Turn{16, 9}, Start: 1, First: 2, End: 18},
		{Hashes: chain("c", 4), Turn: Turn{4, 1}, Start: 8, End: 9}, // behind b
		{Hashes: b, Turn: Turn{25, 1}, Start: 20, End: 21},
	})
	want := []Prediction{{}, {}, {Waited: true}, {Hits: Hits{GPU: 6}}}
	if !slices.Equal(got, want) || c.Running() != 0 {
		t.Errorf("got  %+v\nwant %+v, %d blocks pinned", got, want, c.Running())
	}
	if s := c.Stats(); s.Preempted == 0 || s.Started != s.Finished+s.Preempted {
		t.Errorf("%+v", s)
	}
	// An answer that the whole cache cannot hold is dropped, and nothing waits for it.
	c = newCache(t, Config{BlockSize: 4, Tiers: [NumTiers]TierConfig{GPU: {Blocks: 4}}})
	got = Replay(c, PlayList{
		{Hashes: chain("a", 32), Turn: Turn{12, 20}, Start: 0, First: 2, End: 22},
		{Hashes: chain("d", 8), Turn: Turn{8, 1}, Start: 5, End: 6},
	})
	if want := []Prediction{{}, {Waited: true}}; !slices.Equal(got, want) || c.Running() != 0 {
		t.Errorf("got  %+v\nwant %+v, %d blocks pinned", got, want, c.Running())
	}
}
