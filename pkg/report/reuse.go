package report

import (
	"slices"

	"multiturn/pkg/record"
)

// ReuseDistance shows how hits depend on how long a conversation was away, from
// the end of its last answer to its next turn. A cache that is too small misses
// beyond the distance that it can hold.
type ReuseDistance struct {
	Seconds []ReuseBucket `json:"seconds"`
	Turns   []ReuseBucket `json:"turns"`  // of other conversations, sent in between
	Tokens  []ReuseBucket `json:"tokens"` // input tokens of those
}

// ReuseBucket is the measured later turns of one range of distances: From <=
// distance < To. Rates are as in CacheRow, also if some turns are unknown.
type ReuseBucket struct {
	From float64 `json:"from"`
	To   Number  `json:"to"` // null in the last range, which has no end
	N    int     `json:"n"`
	// Share is the share of the turns in this range and nearer ones.
	Share               Number `json:"cumulative_share"`
	HitRate             Number `json:"hit_rate"`
	OfPossible          Number `json:"share_of_possible"`
	PredictedOfPossible Number `json:"predicted_share_of_possible"`
	Known               int    `json:"cached_known"`
}

// reuse is a turn that came back, and how long it was away.
type reuse struct {
	turn    int
	seconds float64
	turns   int
	tokens  int64
}

// reuses returns the measured turns that follow another one of their conversation,
// in the order of their sending.
func (c *Collector) reuses() []reuse {
	type visit struct {
		at     int   // position among all turns sent
		tokens int64 // sent until and with it
		end    record.Clock
	}
	var (
		last   = make(map[[2]string]visit) // by conversation and arm
		sent   int
		tokens int64
		out    []reuse
	)
	for i := range c.turns {
		t := &c.turns[i]
		if !t.sent.OK() {
			continue
		}
		key := [2]string{t.conversation, t.arm}
		if v, ok := last[key]; ok && t.measured && v.end.OK() {
			out = append(out, reuse{i, float64(t.sent-v.end) / 1e9, sent - v.at - 1, tokens - v.tokens})
		}
		tokens += int64(max(0, t.count().input))
		last[key] = visit{sent, tokens, t.end}
		sent++
	}
	return out
}

// Edges of the ranges. Seconds are near 10^(n/2), since times spread over many
// decades; the others double.
var (
	secondEdges = []float64{0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000}
	turnEdges   = doublingEdges(1, 1<<20)
	tokenEdges  = doublingEdges(1024, 1<<40)
)

// doublingEdges returns 0, from, twice from, and so on up to to.
func doublingEdges(from, to float64) []float64 {
	edges := []float64{0}
	for ; from <= to; from *= 2 {
		edges = append(edges, from)
	}
	return edges
}

// reuseDistance returns nil if no conversation came back, or the possible hits
// are unknown.
func (c *Collector) reuseDistance(p *CachePlan) *ReuseDistance {
	all := c.reuses()
	if p == nil || len(all) == 0 {
		return nil
	}
	return &ReuseDistance{
		Seconds: c.buckets(p, all, secondEdges, func(r reuse) float64 { return r.seconds }),
		Turns:   c.buckets(p, all, turnEdges, func(r reuse) float64 { return float64(r.turns) }),
		Tokens:  c.buckets(p, all, tokenEdges, func(r reuse) float64 { return float64(r.tokens) }),
	}
}

// buckets returns the ranges that have a turn.
func (c *Collector) buckets(p *CachePlan, all []reuse, edges []float64,
	of func(reuse) float64) []ReuseBucket {
	predicted := p.Shape.Config != nil
	rows := make([]CacheRow, len(edges))
	total := 0
	for _, r := range all {
		if p.by[r.turn] == nil {
			continue
		}
		i, found := slices.BinarySearch(edges, of(r))
		if !found {
			i--
		}
		rows[max(0, i)].add(r.turn, &c.turns[r.turn], p.by[r.turn], predicted)
		total++
	}
	var out []ReuseBucket
	seen := 0
	for i := range rows {
		row := &rows[i]
		if row.N == 0 {
			continue
		}
		row.finish(c, predicted)
		seen += row.N
		b := ReuseBucket{
			From: edges[i], To: unknown, N: row.N, Share: Number(float64(seen) / float64(total)),
			HitRate: row.HitRate, OfPossible: row.OfPossible, PredictedOfPossible: row.PredictedOfPossible,
			Known: row.Known,
		}
		if i+1 < len(edges) {
			b.To = Number(edges[i+1])
		}
		out = append(out, b)
	}
	return out
}
