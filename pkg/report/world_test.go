package report

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// world is a made-up server and load of which everything is known: what its
// cache hit, and what that took.
type world struct {
	seed          uint64
	conversations int
	turns         int
	clients       int
	active        int
	config        kvcache.Config
	// base ms, then ms a token.
	base, computed float64
	loaded         [kvcache.NumTiers]float64
	noise          float64 // standard deviation of TTFT, ms
	chance         uint64  // of the noise alone; 0 = seed
	arms           []string
	tiers          bool // usage has them
	silent         bool // usage has no cached tokens
	warm           bool // an earlier run of the same left the cache as it was
	kind           string
}

// dialogue is a conversation in an arm.
type dialogue struct {
	name, arm string
	chain     *kvcache.Chain
	next      int
	added     []int // new tokens of each turn
	output    []int
}

// play runs the world and returns its records.
func (w world) play() []any {
	var (
		rng     = rand.New(rand.NewPCG(w.seed, 99))
		chance  = rng
		arms    = w.arms
		cache   *kvcache.Cache
		err     error
		counted = make(map[string]float64)
	)
	if cache, err = kvcache.New(w.config); err != nil {
		panic(err)
	}
	if len(arms) == 0 {
		arms = []string{""}
	}
	if w.chance > 0 {
		chance = rand.New(rand.NewPCG(w.seed, w.chance))
	}
	var all []*dialogue
	planned := 0
	for i := range w.conversations {
		added, output := make([]int, w.turns), make([]int, w.turns)
		for t := range added {
			added[t], output[t] = 20+rng.IntN(200), 8+rng.IntN(40)
		}
		added[0] += 300 + rng.IntN(900)
		for _, arm := range arms {
			planned += w.turns
			d := &dialogue{name: fmt.Sprintf("C%d", i), arm: arm, added: added, output: output}
			d.chain = kvcache.NewChain(w.config.BlockSize, d.name+arm)
			all = append(all, d)
		}
	}
	if w.warm {
		for _, d := range all {
			c := d.chain.Clone()
			c.AppendUnknown(d.added[0])
			if s, ok := cache.Start(kvcache.Request{Hashes: c.Hashes(), Tokens: d.added[0]}); ok {
				s.Finish()
			}
		}
	}

	const start = 50 * time.Millisecond
	var (
		turns  []*record.Turn
		flying flight
		now    = start
		queue  = slices.Clone(all) // those not begun
		open   []*dialogue
	)
	for len(queue)+len(open)+len(flying) > 0 {
		for len(open)+len(flying) < max(w.active, w.clients) && len(queue) > 0 {
			open, queue = append(open, queue[0]), queue[1:]
		}
		if len(flying) == w.clients || len(open) == 0 {
			at := 0
			for i := range flying {
				if flying[i].end < flying[at].end {
					at = i
				}
			}
			r := flying[at]
			now = r.end
			flying.grow(now)
			flying = slices.Delete(flying, at, at+1)
			r.d.chain.AppendUnknown(1) // the last token's KV is never computed
			r.s.Finish()
			if r.d.next < w.turns {
				open = append(open, r.d)
			}
			continue
		}
		d := open[0]
		open = open[1:]
		if record.SharesNothing(d.arm) {
			had := d.chain.Tokens()
			d.chain = kvcache.NewChain(w.config.BlockSize, fmt.Sprint(d.name, d.arm, d.next))
			d.chain.AppendUnknown(had)
		}
		d.chain.AppendUnknown(d.added[d.next])
		prompt := d.chain.Tokens()
		flying.grow(now)
		s, ok := cache.Start(kvcache.Request{Hashes: d.chain.Hashes(), Tokens: prompt})
		if !ok {
			panic("the world's cache is too small for its requests")
		}
		hits := s.Hits()
		u := &record.Usage{Prompt: prompt, Completion: d.output[d.next]}
		cached := s.CachedTokens()
		ms := w.base + w.computed*float64(prompt-cached) + w.noise*chance.NormFloat64()
		for tier, n := range hits {
			ms += w.loaded[tier] * float64(n*w.config.BlockSize)
		}
		ms = max(0.5, ms)
		if !w.silent {
			u.Cached, u.CachedField = &cached, "usage.prompt_tokens_details.cached_tokens"
		}
		if w.tiers {
			u.Tiers = make(map[string]int)
			for tier, n := range hits {
				if n > 0 {
					u.Tiers[[]string{"device", "host", "disk"}[tier]] = n * w.config.BlockSize
				}
			}
		}
		counted["prompt_tokens"] += float64(prompt)
		counted["cached_tokens"] += float64(cached)
		counted["computed_tokens"] += float64(prompt - cached)
		for tier, n := range hits {
			counted["cached_tokens_"+kvcache.Tier(tier).String()] += float64(n * w.config.BlockSize)
		}
		first := now + time.Duration(ms*1e6)
		last := first + time.Duration(u.Completion-1)*worldInterval
		end := last + time.Microsecond
		t := &record.Turn{
			Conversation: d.name, Arm: d.arm, Turn: d.next, Messages: 2*d.next + 1, Attempts: 1,
			Scheduled: record.Clock(now), Issued: record.Clock(now),
			Exchange: record.Exchange{
				Outcome: record.OK, Status: 200, Stream: true, Sent: record.Clock(now),
				FirstToken: record.Clock(first), FirstAnswer: record.Clock(first),
				LastToken: record.Clock(last), End: record.Clock(end), Chunks: u.Completion,
				Reads: u.Completion, Usage: u,
			},
		}
		turns = append(turns, t)
		d.next++
		flying = append(flying, &running{d, s, u.Completion - 1, first, end})
		now += 10 * time.Microsecond
	}

	slices.SortStableFunc(turns, func(a, b *record.Turn) int { return cmp.Compare(a.Sent, b.Sent) })
	last := record.Clock(0)
	out := []any{&record.Run{
		ID: "W", Model: "Llama-3.1-8B", Clients: w.clients, ActiveConversations: w.active,
		Server:  record.Server{Kind: cmp.Or(w.kind, "sim")},
		Dataset: record.Dataset{Conversations: w.conversations, Turns: w.conversations * w.turns},
	}}
	scrape := func(at record.Clock, when string, share float64) *record.Scrape {
		s := &record.Scrape{At: at, URL: "http://s/metrics", When: when, Values: map[string]float64{
			"block_size": float64(w.config.BlockSize),
			"gpu_blocks": float64(w.config.Tiers[kvcache.GPU].Blocks),
		}}
		for name, n := range counted {
			s.Values[name] = 1000 + share*n
		}
		return s
	}
	before := scrape(record.Clock(start/2), record.Before, 0)
	before.Names = make(map[string]string)
	for name := range before.Values {
		before.Names[name] = "vllm:" + name + "_total"
	}
	out = append(out, before)
	for _, t := range turns {
		out = append(out, t)
		last = max(last, t.End)
	}
	n := len(turns)
	return append(out, scrape(last/2, record.During, 0.5),
		scrape(last+1e8, record.After, 1), &record.End{
			At: last + 2e8, Why: "done",
			Conversations: record.Tally{Planned: len(all), Started: len(all), Finished: len(all)},
			Turns:         record.Tally{Planned: planned, Started: n, Finished: n},
			Certificate:   record.Certificate{Verdict: record.VerdictOK, Clocks: "kernel"},
		})
}

// worldInterval is the time between two tokens of an answer.
const worldInterval = 2 * time.Millisecond

// running is a request in flight: how many tokens of its answer have yet to enter
// the cache, when the next one does, and when the last one is generated.
type running struct {
	d         *dialogue
	s         *kvcache.Sequence
	left      int
	next, end time.Duration
}

type flight []*running

// grow generates the answers up to a time, token by token.
func (f flight) grow(until time.Duration) {
	for {
		var r *running
		for _, x := range f {
			if x.left > 0 && (r == nil || x.next < r.next) {
				r = x
			}
		}
		if r == nil || r.next > until {
			return
		}
		r.d.chain.AppendUnknown(1)
		if !r.s.Grow(r.d.chain.Hashes(), 1) {
			panic("the world's cache is too small for its answers")
		}
		r.left--
		r.next += worldInterval
	}
}

// shape is a cache of blocks of 16.
func shape(gpu, cpu, disk int) kvcache.Config {
	c := kvcache.Config{BlockSize: 16}
	for t, n := range []int{gpu, cpu, disk} {
		c.Tiers[t] = kvcache.TierConfig{Blocks: n}
		if n != 0 && t > 0 {
			c.Tiers[t].Store = kvcache.PromptOnly
		}
	}
	return c
}

// stated is a shape as options.
func stated(c kvcache.Config) CacheOptions {
	s := &record.StatedCache{BlockSize: c.BlockSize, Exclusive: c.Exclusive}
	for t, tier := range c.Tiers {
		s.Tiers = append(s.Tiers, record.StatedTier{
			Tier: kvcache.Tier(t).String(), Blocks: tier.Blocks, Store: tier.Store.String(),
		})
	}
	return CacheOptions{Stated: s}
}

// small is a world of twelve conversations that a cache of some 1,000 blocks holds.
func small() world {
	return world{
		seed: 1, conversations: 12, turns: 6, clients: 1, active: 6, config: shape(4000, 0, 0),
		base: 12, computed: 0.05, noise: 0.5, loaded: [kvcache.NumTiers]float64{0, 0.008, 0.02},
	}
}

func (w world) summary(o Options) *Summary { return collected(o, w.play()...).Summary() }

// write writes summaries in a format, as text in full.
func write(w io.Writer, f render.Format, summaries []*Summary) error {
	if f == render.Text {
		var docs []render.Document
		for _, s := range summaries {
			docs = append(docs, s.Full())
		}
		return render.WriteText(w, docs, false)
	}
	return render.Write(w, f, documents(summaries))
}

func documents(summaries []*Summary) (docs []render.Document) {
	for _, s := range summaries {
		docs = append(docs, s.Document())
	}
	return docs
}

// references are the parts of summaries that the reference prints.
func references(summaries []*Summary) (docs []render.Document) {
	for _, s := range summaries {
		docs = append(docs, s.Reference())
	}
	return docs
}

func number(c render.Cell) Number {
	return Number(render.Row{Cells: []render.Cell{c}}.Number(c.Name))
}
