package report

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
	"multiturn/pkg/sim/engine"
)

// engineLoad is a run against the simulated batch engine, in virtual time:
// conversations of which half are in progress. The next turn is of any of them, or
// of the one that has waited longest.
type engineLoad struct {
	cache         kvcache.Config
	conversations int
	turns         int
	inTurn        bool
	answer        int // tokens; up to twice as many
	clients       int
	seed          uint64 // of lengths and order
	chance        int64  // of the engine's jitter
	jitter        float64
}

// engineRun is what an engine did in a run, and the turns that a client saw.
type engineRun struct {
	config kvcache.Config
	turns  []any
	hits   [kvcache.NumTiers]int
	prompt int
	last   time.Duration
}

// engineTalk is a conversation, which is also the request that it has in flight.
type engineTalk struct {
	engine.Sequence
	name  string
	chain *kvcache.Chain
	turn  int
	sent  time.Duration
}

// Token returns ids that nothing depends on: each conversation has its own chain.
func (c *engineTalk) Token(i int) int32 { return int32(i) }

// play plays the load.
func (l engineLoad) play(t *testing.T) *engineRun {
	t.Helper()
	cache, err := kvcache.New(l.cache)
	if err != nil {
		t.Fatal(err)
	}
	e := engine.NewBatch(engine.BatchOptions{
		MaxSequences: 256, MaxStepTokens: 8192, Step: 5 * time.Millisecond,
		PerPrefillToken: 50 * time.Microsecond, PerSequence: 20 * time.Microsecond,
		Jitter: l.jitter, Seed: l.chance, Load: engine.LoadTimes{0, 4 * time.Microsecond, 0},
	}, cache)
	random := rand.New(rand.NewPCG(l.seed, 2))
	r := &engineRun{config: l.cache}
	var open, rest []*engineTalk
	for i := range l.conversations {
		name := fmt.Sprint("C", i)
		c := &engineTalk{name: name, chain: kvcache.NewChain(l.cache.BlockSize, name)}
		rest = append(rest, c)
	}
	open, rest = slices.Clone(rest[:l.conversations/2]), rest[l.conversations/2:]
	flying := 0
	send := func(now time.Duration) {
		for ; flying < l.clients && len(open) > 0; flying++ {
			next := 0
			if !l.inTurn {
				next = random.IntN(len(open))
			}
			c := open[next]
			open = slices.Delete(open, next, next+1)
			c.next(random, now, l.answer)
			e.Submit(now, &c.Sequence)
		}
	}
	send(10 * time.Millisecond)
	for flying > 0 {
		at, _ := e.Next()
		e.Advance(at, func(s *engine.Sequence, _ time.Duration, _ int) {
			if !s.Done() {
				return
			}
			c := s.Owner.(*engineTalk)
			r.add(c)
			flying--
			if c.turn++; c.turn < l.turns {
				open = append(open, c)
			} else if len(rest) > 0 {
				open, rest = append(open, rest[0]), rest[1:]
			}
		})
		send(at + 200*time.Microsecond)
	}
	return r
}

// next makes the conversation's next request.
func (c *engineTalk) next(random *rand.Rand, now time.Duration, answer int) {
	added := 20 + random.IntN(200)
	if c.turn == 0 {
		added += 600 + random.IntN(800)
	}
	c.chain.AppendUnknown(added)
	c.Sequence = engine.Sequence{
		Chain: c.chain, PromptTokens: c.chain.Tokens(), OutputTokens: answer + random.IntN(answer),
		Owner: c,
	}
	c.sent = now
}

// add adds a turn that has ended.
func (r *engineRun) add(c *engineTalk) {
	cached := c.CachedTokens()
	r.prompt += c.PromptTokens
	for tier, n := range c.Cached {
		r.hits[tier] += n
	}
	r.last = max(r.last, c.Last)
	r.turns = append(r.turns, &record.Turn{
		Conversation: c.name, Turn: c.turn, Messages: 2*c.turn + 1, MaxTokens: c.OutputTokens,
		Exchange: record.Exchange{
			Outcome: record.OK, Stream: true, Chunks: c.OutputTokens, Sent: record.Clock(c.sent),
			FirstToken: record.Clock(c.First), LastToken: record.Clock(c.Last),
			End: record.Clock(c.Last + time.Microsecond),
			Usage: &record.Usage{
				Prompt: c.PromptTokens, Completion: c.OutputTokens, Cached: &cached,
			},
		},
	})
}

// meanTTFT returns the mean time to the first token, in ms.
func (r *engineRun) meanTTFT() float64 {
	sum := 0.0
	for _, turn := range turnsOf(r.turns) {
		sum += since(turn.FirstToken, turn.Sent)
	}
	return sum / float64(len(r.turns))
}

// summary is what a report says of the run. The server tells the size of its GPU
// tier; by tier, also that of the CPU's and the hits in each.
func (r *engineRun) summary(isStated, byTier bool) *Details {
	var recs []any
	recs = append(recs, &record.Run{Server: record.Server{Kind: "sim"}, OutputLength: record.LengthExact})
	for i, when := range []string{record.Before, record.After} {
		values := map[string]float64{
			"block_size": float64(r.config.BlockSize), "gpu_blocks": float64(r.config.Tiers[0].Blocks),
			"prompt_tokens": float64(i * r.prompt),
			"cached_tokens": float64(i * (r.hits[kvcache.GPU] + r.hits[kvcache.CPU])),
		}
		if byTier {
			values["cached_tokens_gpu"] = float64(i * r.hits[kvcache.GPU])
			values["cached_tokens_cpu"] = float64(i * r.hits[kvcache.CPU])
			if n := r.config.Tiers[kvcache.CPU].Blocks; n > 0 {
				values["cpu_tokens"] = float64(n * r.config.BlockSize)
			}
		}
		at := record.Clock(1) + record.Clock(i)*record.Clock(r.last+time.Second)
		recs = append(recs, &record.Scrape{At: at, URL: "s", When: when, Values: values})
	}
	o := Options{Cache: CacheOptions{Stated: &record.StatedCache{BlockSize: r.config.BlockSize}}}
	if isStated {
		o.Cache = stated(r.config)
	}
	return collected(o, append(recs, r.turns...)...).Summary().Details
}
