package report

import (
	"slices"

	"multiturn/pkg/record"
)

// ReuseDistance is how hits depend on how long a conversation was away: from
// the end of its last answer to its next turn. A cache that is too small misses
// beyond the distance that it can hold.
type ReuseDistance struct {
	Seconds []ReuseBucket `json:"seconds"`
	Turns   []ReuseBucket `json:"turns"`  // of other conversations, sent in between
	Tokens  []ReuseBucket `json:"tokens"` // input tokens of those
}

// ReuseBucket is the measured later turns of one range of distances: From <=
// distance < To. Tokens are sums; what is not known of every turn is as in
// CacheRow.
type ReuseBucket struct {
	From float64 `json:"from"`
	To   Number  `json:"to"` // does not exist in the last range, which has no end
	N    int     `json:"n"`
	// Share is the turns of this range and of nearer ones by all.
	Share         Number `json:"cumulative_share"`
	HitRate       Number `json:"hit_rate"`
	EligibleRate  Number `json:"eligible_hit_rate"`
	PredictedRate Number `json:"predicted_eligible_hit_rate"`
	Known         int    `json:"cached_known"`
}

// reuse is a turn that came back, and how long it was away.
type reuse struct {
	turn    int
	seconds float64
	turns   int
	tokens  int64
}

// reuses are the measured turns that follow another one of their conversation,
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

// Edges of the ranges. Those of seconds are near 10^(n/2), the others double.
var (
	secondEdges = []float64{0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000}
	turnEdges   = doublingEdges(1, 1<<20)
	tokenEdges  = doublingEdges(1024, 1<<40)
)

// doublingEdges are 0, from, twice that, and so on.
func doublingEdges(from, to float64) []float64 {
	edges := []float64{0}
	for ; from <= to; from *= 2 {
		edges = append(edges, from)
	}
	return edges
}

// reuseDistance is nil if no conversation came back, or nothing is known of
// what could be hit.
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

// buckets are the ranges that have a turn.
func (c *Collector) buckets(p *CachePlan, all []reuse, edges []float64,
	of func(reuse) float64) []ReuseBucket {
	rows := make([]CacheRow, len(edges))
	for _, r := range all {
		if p.by[r.turn] == nil {
			continue
		}
		i, found := slices.BinarySearch(edges, of(r))
		if !found {
			i--
		}
		rows[max(0, i)].add(r.turn, &c.turns[r.turn], p.by[r.turn], p.Shape.Config != nil)
	}
	var (
		out   []ReuseBucket
		total int
		seen  int
	)
	for i := range rows {
		total += rows[i].N
	}
	for i := range rows {
		row := &rows[i]
		if row.N == 0 {
			continue
		}
		row.finish(c, p.Shape.Config != nil)
		seen += row.N
		b := ReuseBucket{
			From: edges[i], To: unknown, N: row.N, Share: Number(float64(seen) / float64(total)),
			HitRate:      row.HitRate,
			EligibleRate: row.EligibleRate, PredictedRate: row.PredictedRate, Known: row.Known,
		}
		if i+1 < len(edges) {
			b.To = Number(edges[i+1])
		}
		out = append(out, b)
	}
	return out
}
