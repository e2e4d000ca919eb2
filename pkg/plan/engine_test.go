package plan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
	"multiturn/pkg/sim/engine"
)

// From what a client sees of a run, the hits of the simulated engine are predicted
// to the token with one request in flight, and nearly so with four.
func TestPredictsTheEngine(t *testing.T) {
	t.Parallel()
	cache := func(block, gpu, cpu int) kvcache.Config {
		c := kvcache.Config{BlockSize: block}
		c.Tiers[kvcache.GPU].Blocks = gpu
		c.Tiers[kvcache.CPU] = kvcache.TierConfig{Blocks: cpu, Store: kvcache.PromptOnly}
		return c
	}
	answersToo, exclusive := cache(32, 550, 800), cache(16, 1100, 700)
	answersToo.Tiers[kvcache.CPU].Store = kvcache.PromptAndOutput
	exclusive.Exclusive = true
	large := cache(16, 1100, 1400)
	large.OffloadBlockSize = 64
	var off []float64
	for _, tc := range []struct {
		engine string
		cache  kvcache.Config
	}{
		{"fixed", cache(16, 1100, 0)}, {"fixed", cache(16, 1300, 0)},
		{"fixed", large}, {"batch", cache(16, 1000, 0)},
		{"batch", cache(16, 1300, 0)}, {"batch", cache(32, 600, 0)}, {"batch", cache(32, 800, 0)},
		{"batch", cache(16, 1100, 1400)}, {"batch", exclusive}, {"batch", answersToo},
	} {
		for _, clients := range []int{1, 4} {
			predicted, truth, possible := playEngine(t, tc.engine, tc.cache, clients)
			name := fmt.Sprintf("%s, %+v, %d in flight", tc.engine, tc.cache, clients)
			if truth < possible/10 || truth > possible*98/100 {
				t.Errorf("%s: %d of %d possible hits: the cache is no test", name, truth, possible)
			}
			t.Logf("%s: predicted %d, hit %d, possible %d", name, predicted, truth, possible)
			if clients == 1 && predicted != truth {
				t.Errorf("%s: predicted %d, hit %d", name, predicted, truth)
			}
			if clients == 4 {
				off = append(off, math.Abs(float64(predicted-truth))/float64(truth))
			}
		}
	}
	slices.Sort(off)
	if median, most := (off[4]+off[5])/2, off[9]; median > 0.007 || most > 0.015 {
		t.Errorf("off by %.2f %% of hits in the middle, %.2f %% at most", 100*median, 100*most)
	}
}

// playEngine sends conversations to an engine in virtual time, and returns the
// hits that are predicted from the client's records, those of the engine, and the
// possible ones.
func playEngine(t *testing.T, kind string, config kvcache.Config,
	clients int) (predicted, truth, possible int) {
	t.Helper()
	cache, err := kvcache.New(config)
	if err != nil {
		t.Fatal(err)
	}
	speeds := engine.LoadTimes{0, 5 * time.Microsecond, 20 * time.Microsecond}
	var e engine.Engine = engine.NewFixed(engine.FixedOptions{Base: 20 * time.Millisecond,
		PerToken: 66 * time.Microsecond, Interval: 5 * time.Millisecond, Jitter: 0.1,
		Load: speeds}, cache)
	if kind == "batch" {
		e = engine.NewBatch(engine.BatchOptions{MaxSequences: 256, MaxStepTokens: 8192,
			Step: 5 * time.Millisecond, PerSequence: 20 * time.Microsecond,
			PerPrefillToken: 66 * time.Microsecond, Jitter: 0.1, Load: speeds}, cache)
	}
	p := newPlayer(e, config.BlockSize)
	p.play(clients, 10)
	var turns []*record.Turn
	for _, s := range p.sent {
		truth += s.CachedTokens()
		turns = append(turns, s.record())
	}
	out, notes, err := Compare(turns, &config, Executed{})
	if err != nil || len(notes) > 0 || len(turns) != 24*8 {
		t.Fatalf("%d turns: %v, %v", len(turns), notes, err)
	}
	for _, turn := range out {
		predicted += turn.Predicted()
		possible += int(turn.Possible)
	}
	return predicted, truth, possible
}

// player sends conversations to an engine: as many turns at a time as it has
// clients, of as many conversations as are in progress, in turn.
type player struct {
	engine.Engine
	random *rand.Rand
	rest   []*talker // not begun
	ready  []*talker
	sent   []*sending
	coming []*sending // on their way to the engine, in order of arrival
}

type talker struct {
	name  string
	chain *kvcache.Chain
	turn  int
}

// sending is one request, with the delays between client and engine.
type sending struct {
	engine.Sequence
	*talker
	turn          int
	sent, arrived time.Duration
	back          time.Duration
}

// Token returns ids that nothing depends on: each conversation has its own chain.
func (s *sending) Token(i int) int32 { return int32(i) }

// record is what the client sees.
func (s *sending) record() *record.Turn {
	cached := s.CachedTokens()
	return &record.Turn{Conversation: s.name, Turn: s.turn, Exchange: record.Exchange{
		Outcome: record.OK, Sent: record.Clock(s.sent), Chunks: s.OutputTokens,
		FirstToken: record.Clock(s.First + s.back), LastToken: record.Clock(s.Last + s.back),
		End: record.Clock(s.Last + s.back),
		Usage: &record.Usage{Prompt: s.PromptTokens, Completion: s.OutputTokens,
			Cached: &cached},
	}}
}

func newPlayer(e engine.Engine, blockSize int) *player {
	p := &player{Engine: e, random: rand.New(rand.NewPCG(3, 4))}
	for i := range 24 {
		c := kvcache.NewChain(blockSize, fmt.Sprint(i))
		p.rest = append(p.rest, &talker{name: fmt.Sprint(i), chain: c})
	}
	return p
}

// delay is from the client to the engine or back.
func (p *player) delay() time.Duration {
	return time.Duration(30+p.random.IntN(170)) * time.Microsecond
}

// play plays all conversations.
func (p *player) play(clients, active int) {
	p.ready, p.rest = p.rest[:active:active], p.rest[active:]
	for range clients {
		p.send(time.Millisecond)
	}
	for {
		at, ok := p.Next()
		if len(p.coming) > 0 && (!ok || p.coming[0].arrived < at) {
			s := p.coming[0]
			p.coming = p.coming[1:]
			p.Advance(s.arrived, p.made)
			p.Submit(s.arrived, &s.Sequence)
			continue
		}
		if !ok {
			return
		}
		p.Advance(at, p.made)
	}
}

// send sends the next turn of the conversation that has waited longest.
func (p *player) send(at time.Duration) {
	if len(p.ready) == 0 {
		return
	}
	c := p.ready[0]
	p.ready = p.ready[1:]
	added := 20 + p.random.IntN(300)
	if c.turn == 0 {
		added += 800 + p.random.IntN(1500)
	}
	c.chain.AppendUnknown(added)
	s := &sending{talker: c, turn: c.turn, sent: at, arrived: at + p.delay(), back: p.delay()}
	s.Chain, s.PromptTokens, s.Owner = c.chain, c.chain.Tokens(), s
	s.OutputTokens = 64 + p.random.IntN(64)
	c.turn++
	p.sent = append(p.sent, s)
	p.coming = append(p.coming, s)
	slices.SortStableFunc(p.coming, func(a, b *sending) int { return int(a.arrived - b.arrived) })
}

// made is called when the engine has made tokens: after the last one the client
// sends something else.
func (p *player) made(q *engine.Sequence, _ time.Duration, _ int) {
	if !q.Done() {
		return
	}
	s := q.Owner.(*sending)
	if c := s.talker; c.turn < 8 {
		p.ready = append(p.ready, c)
	} else if len(p.rest) > 0 {
		p.ready, p.rest = append(p.ready, p.rest[0]), p.rest[1:]
	}
	p.send(s.Last + s.back + 100*time.Microsecond)
}
