package report

import (
	"maps"
	"slices"

	"multiturn/pkg/chat"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/measure"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
)

// CachePlan has the hits that caches would have had beside those that the server
// reports. Tokens are sums over the turns.
type CachePlan struct {
	Shape plan.Shape `json:"shape"`
	// UniqueBlocks is the number of different blocks of all requests. LiveBlocks is
	// the most blocks at one time that had been used and would be used again.
	UniqueBlocks int `json:"unique_blocks"`
	LiveBlocks   int `json:"live_blocks"`
	// ReachBlocks is the size of an LRU cache, nothing pinned, with 99 % of the
	// possible hits.
	ReachBlocks int `json:"blocks_for_99_percent_of_possible"`
	// SharedKnown reports whether possible and predicted include hits between
	// conversations, which need their texts.
	SharedKnown bool       `json:"shared_known"`
	All         CacheRow   `json:"all_turns"`
	First       CacheRow   `json:"first_turns"`
	Later       CacheRow   `json:"later_turns"`
	Turns       []CacheRow `json:"by_turn"` // From and To are numbers of turns, from 1
	Notes       []string   `json:"notes,omitempty"`
	// rejected is the note that nothing can be predicted for the stated cache; "" if
	// there is no such fault.
	rejected string
	// by is what caches would have done for the collector's turns, nil for
	// turns that no cache saw.
	by []*plan.Turn
}

// CacheRow is a part of the measured turns, those whose tokens are known.
type CacheRow struct {
	From int `json:"from"`
	To   int `json:"to"` // inclusive; 0 is without end
	N    int `json:"n"`

	Prompt int64 `json:"prompt_tokens"`
	// New is what was not in the conversation's previous turn, prompt or answer.
	New int64 `json:"new_tokens"`
	// Possible is the possible hits: those of an unlimited cache.
	Possible int64 `json:"possible_tokens"`
	// Predicted is the hits of a cache of the stated shape, also by tier; null
	// without a shape.
	Predicted     Number            `json:"predicted_tokens"`
	PredictedTier map[string]Number `json:"predicted_by_tier,omitempty"`
	// Cached is the hits by usage, of the Known turns that have them.
	Cached     Number            `json:"cached_tokens"`
	Known      int               `json:"cached_known"`
	CachedTier map[string]Number `json:"cached_by_tier,omitempty"`
	// HitRate is cached / prompt tokens of the known turns, OfPossible cached /
	// possible, PredictedOfPossible predicted / possible.
	HitRate             Number `json:"hit_rate"`
	OfPossible          Number `json:"share_of_possible"`
	PredictedOfPossible Number `json:"predicted_share_of_possible"`
	// TTFT50 is the median of ttft_ms, Recompute50 the median if whole prompts were
	// computed, by the cost model.
	TTFT50      Number `json:"ttft_ms_p50"`
	Recompute50 Number `json:"recompute_ttft_ms_p50"`

	knownPrompt, knownPossible int64
	members                    []int
}

// cachePlan replays the run through the caches. It returns nil if no turn's
// tokens are known.
func (c *Collector) cachePlan() *CachePlan {
	p := &CachePlan{}
	p.shape(c)
	e := c.executed(p)
	var scratch planned
	w := plan.FromTurns(len(c.turns), func(i int) *record.Turn {
		return scratch.of(&c.turns[i])
	}, e)
	if len(w.Requests) == 0 {
		return nil
	}
	step := w.BlockSize / p.Shape.BlockSize
	a, err := plan.Analyse(w, p.Shape.Caches.Coarse(step), kvcache.PromptAndOutput)
	if err != nil {
		return nil // the shape was validated: no error is left
	}
	p.analysed(a, len(c.turns), step)
	c.cacheRows(p)
	if p.All.N == 0 {
		return nil
	}
	return p
}

// executed returns how the turns are read for a prediction.
func (c *Collector) executed(p *CachePlan) plan.Executed {
	e := c.o.Cache.Turns.Of(c.run)
	e.BlockSize = p.Shape.BlockSize
	p.SharedKnown = len(e.Texts) > 0 && e.Tokenizer != nil
	switch {
	case !p.SharedKnown:
		e.Texts = nil
	case !e.DatasetHistory:
		e.Texts = c.beginnings(e.Texts)
	}
	return e
}

// analysed takes over the result for n turns, whose blocks were followed step at
// a time.
func (p *CachePlan) analysed(a *plan.Analysis, n, step int) {
	p.by = make([]*plan.Turn, n)
	for i := range a.Workload.Requests {
		p.by[a.Workload.Requests[i].Source] = &a.Turns[i]
	}
	p.UniqueBlocks = a.Curve.Unique * step
	p.ReachBlocks = a.Curve.Reach(0.99).Capacity * step
	for _, u := range a.WorkingSet {
		p.LiveBlocks = max(p.LiveBlocks, int(u.Live)*step)
	}
	p.Notes = append(p.Notes, a.Workload.Notes...)
	if assumed := p.Shape.Assumption(); assumed != "" {
		p.Notes = append(p.Notes, assumed)
	}
}

// beginnings returns the conversations of the run up to their first answer. No
// other conversation has the server's answer, so nothing after it is shared, and
// its text need not be tokenized.
func (c *Collector) beginnings(texts map[string]*chat.Conversation) map[string]*chat.Conversation {
	out := make(map[string]*chat.Conversation)
	for i := range c.turns {
		name := c.turns[i].conversation
		text := texts[name]
		if text == nil || out[name] != nil {
			continue
		}
		first := *text
		if turns := text.Cut(1); len(turns) > 0 {
			first.Messages = first.Messages[:turns[0].To]
		}
		out[name] = &first
	}
	return out
}

// cacheRows computes the rows from the turns.
func (c *Collector) cacheRows(p *CachePlan) {
	predicted := p.Shape.Config != nil
	p.All, p.First, p.Later = CacheRow{From: 1}, CacheRow{From: 1, To: 1}, CacheRow{From: 2}
	byTurn := make(map[int]*CacheRow)
	for i := range c.turns {
		t, k := &c.turns[i], p.by[i]
		if !t.measured || k == nil {
			continue
		}
		from, to := turnRange(int(t.index) + 1)
		row := byTurn[from]
		if row == nil {
			row = &CacheRow{From: from, To: to}
			byTurn[from] = row
		}
		part := &p.Later
		if t.index == 0 {
			part = &p.First
		}
		for _, r := range []*CacheRow{&p.All, part, row} {
			r.add(i, t, k, predicted)
		}
	}
	for _, from := range slices.Sorted(maps.Keys(byTurn)) {
		p.Turns = append(p.Turns, *byTurn[from])
	}
	for _, r := range p.rows() {
		r.finish(c, predicted)
	}
}

// rows returns all rows of the plan.
func (p *CachePlan) rows() []*CacheRow {
	rows := []*CacheRow{&p.All, &p.First, &p.Later}
	for i := range p.Turns {
		rows = append(rows, &p.Turns[i])
	}
	return rows
}

func (r *CacheRow) add(i int, t *turn, k *plan.Turn, predicted bool) {
	r.N++
	r.members = append(r.members, i)
	r.Prompt += int64(k.Prompt)
	r.New += int64(k.New)
	r.Possible += int64(k.Possible)
	if predicted {
		r.Predicted += Number(k.Predicted())
		for tier, n := range k.Hit {
			addTier(&r.PredictedTier, kvcache.Tier(tier).String(), int(n))
		}
	}
	if t.cached < 0 {
		return
	}
	r.Known++
	r.Cached += Number(t.cached)
	r.knownPrompt += int64(k.Prompt)
	r.knownPossible += int64(k.Possible)
	for tier, n := range t.tiers {
		addTier(&r.CachedTier, plan.TierName(tier), n)
	}
}

func addTier(to *map[string]Number, tier string, n int) {
	if *to == nil {
		*to = make(map[string]Number)
	}
	(*to)[tier] += Number(n)
}

func (r *CacheRow) finish(c *Collector, predicted bool) {
	r.HitRate, r.OfPossible, r.PredictedOfPossible, r.Recompute50 = unknown, unknown, unknown, unknown
	if !predicted {
		r.Predicted = unknown
	} else {
		r.PredictedOfPossible = share(r.Predicted, r.Possible)
	}
	if r.Known == 0 {
		r.Cached = unknown
	} else {
		r.HitRate, r.OfPossible = share(r.Cached, r.knownPrompt), share(r.Cached, r.knownPossible)
	}
	ttft := make([]float64, len(r.members))
	for i, m := range r.members {
		ttft[i] = c.turns[m].sample().TTFTMS
	}
	r.TTFT50 = Number(measure.New(ttft).Median())
}

// share returns part / whole, unknown if the whole is not above 0.
func share(part Number, whole int64) Number {
	if whole <= 0 {
		return unknown
	}
	return part / Number(whole)
}
