package report

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// Replicas are the measured turns by the replica that had them, and how
// conversations moved between replicas.
type Replicas struct {
	// Balance is how turns were shared, as in the header; "" if it is unknown.
	Balance string    `json:"balance,omitempty"`
	Each    []Replica `json:"each"` // in the order of the header
	// Conversations had several turns, and Stayed of them had all on one replica.
	Conversations int `json:"conversations"`
	Stayed        int `json:"conversations_stayed"`
	// Later turns had a turn before them in the run, Moved of them had it on another
	// replica.
	Later int `json:"later_turns"`
	Moved int `json:"later_turns_moved"`
	// StayedShare and MovedShare are cached by prompt tokens of the later turns that
	// stayed and of those that moved. MovedBefore is the share of the latter's prompt
	// tokens that were in the turn before, on the replica that they left.
	StayedShare Number `json:"stayed_cached_share"`
	MovedShare  Number `json:"moved_cached_share"`
	MovedBefore Number `json:"moved_share_of_turn_before"`
}

// Replica is the turns of one replica.
type Replica struct {
	Number        int    `json:"replica"` // from 1
	URL           string `json:"url,omitempty"`
	Conversations int    `json:"conversations"` // with a measured turn here
	Turns         int    `json:"turns"`
	Failed        int    `json:"failed"` // of the measured arm; not among Turns
	// TTFT is the mean with its 95 % interval, by conversation.
	TTFT     Number `json:"ttft_ms_mean"`
	TTFTLow  Number `json:"ttft_ms_mean_low"`
	TTFTHigh Number `json:"ttft_ms_mean_high"`
	TTFT50   Number `json:"ttft_ms_p50"`
	TTFT90   Number `json:"ttft_ms_p90"`
	// Cached by Input are the prompt tokens by usage, of CachedKnown turns; else by
	// this replica's counters, of the whole run.
	Cached      Number `json:"cached_tokens"`
	Input       Number `json:"input_tokens"`
	CachedShare Number `json:"cached_share"`
	CachedKnown int    `json:"cached_known"`
	// OfPossible is Cached by the possible hits on this replica.
	OfPossible Number `json:"share_of_possible"`
	// Requests, Prompt and Output are per second of the run's time.
	Requests    Number `json:"requests_per_sec"`
	Prompt      Number `json:"input_tokens_per_sec"`
	Output      Number `json:"output_tokens_per_sec"`
	InFlight    Number `json:"mean_in_flight"` // turns, failed ones too
	MaxInFlight int    `json:"max_in_flight"`
}

// replicas returns nil unless several replicas had turns to get.
func (c *Collector) replicas(p *CachePlan) *Replicas {
	numbers := c.replicaNumbers()
	if len(numbers) < 2 {
		return nil
	}
	r := &Replicas{Balance: loadOf(c.run).Balance}
	for _, n := range numbers {
		r.Each = append(r.Each, c.replica(n, p))
	}
	r.move(c, p)
	return r
}

// replicaNumbers returns the numbers of the replicas in the header, or else those
// that had turns.
func (c *Collector) replicaNumbers() []int {
	had := map[int]bool{}
	if c.run != nil {
		for i := range c.run.Replicas {
			had[i+1] = true
		}
	}
	for i := range c.turns {
		if n := c.turns[i].replica; n > 0 {
			had[n] = true
		}
	}
	return slices.Sorted(maps.Keys(had))
}

func (c *Collector) replica(number int, p *CachePlan) Replica {
	r := Replica{Number: number}
	if c.run != nil && number <= len(c.run.Replicas) {
		r.URL = c.run.Replicas[number-1].URL
	}
	var turns []turn // of this replica
	var ttft []float64
	var conversations []string
	var cached, input, possible int64
	for i := range c.turns {
		t := &c.turns[i]
		if t.replica != number {
			continue
		}
		turns = append(turns, *t)
		if t.arm == c.arm && !t.warmup && !t.outside && !t.outcome.OK() &&
			t.outcome != record.Cancelled {
			r.Failed++
		}
		if !t.measured {
			continue
		}
		ttft = append(ttft, t.sample().TTFTMS)
		conversations = append(conversations, t.conversation)
		if n := t.count().input; t.cached >= 0 && n >= 0 {
			r.CachedKnown++
			cached += int64(t.cached)
			input += int64(n)
			if p != nil && p.by[i] != nil {
				possible += int64(p.by[i].Possible)
			}
		}
	}
	r.Turns, r.Conversations = len(ttft), distinct(conversations)
	r.times(ttft, conversations)
	r.hits(c, cached, input, possible)
	r.rates(c, turns)
	return r
}

func distinct(names []string) int {
	return len(slices.Compact(slices.Sorted(slices.Values(names))))
}

func (r *Replica) times(ttft []float64, conversations []string) {
	s := measure.New(ttft)
	in := measure.MeanOfClusters(ttft, conversations, 0)
	r.TTFT, r.TTFTLow, r.TTFTHigh = Number(s.Mean()), Number(in.Low), Number(in.High)
	r.TTFT50, r.TTFT90 = Number(s.Median()), tail(s, 90)
}

func (r *Replica) hits(c *Collector, cached, input, possible int64) {
	r.Cached, r.Input, r.CachedShare, r.OfPossible = unknown, unknown, unknown, unknown
	if r.CachedKnown > 0 {
		r.Cached, r.Input = Number(cached), Number(input)
		r.CachedShare, r.OfPossible = share(r.Cached, input), share(r.Cached, possible)
		return
	}
	own := slices.DeleteFunc(slices.Clone(c.scrapes), func(s *record.Scrape) bool {
		return s.Replica != r.Number
	})
	k := c.counters(own)
	r.Cached, r.Input = k.value("cached_tokens"), k.value("prompt_tokens")
	if r.Input.OK() {
		r.CachedShare = share(r.Cached, int64(r.Input))
	}
}

// rates sets what went through the replica, over the time of the measured arm.
func (r *Replica) rates(c *Collector, turns []turn) {
	busy := c.stretches(c.arm, 0)
	r.Requests, r.Prompt, r.Output, r.InFlight = unknown, unknown, unknown, unknown
	turns = slices.DeleteFunc(turns, func(t turn) bool { return !t.beside(c.arm) })
	r.MaxInFlight = maxInFlight(turns)
	time := length(busy)
	if time <= 0 {
		return
	}
	of := Throughput{Seconds: Number(time / 1e6 / 1000)}
	of.rates(turns)
	r.Requests, r.Prompt, r.Output = of.Requests, of.Input, of.Output
	r.InFlight = Number(inFlight(turns, busy) / time)
}

// move counts the turns that went to another replica than the turn before.
func (r *Replicas) move(c *Collector, p *CachePlan) {
	type last struct{ index, replica int }
	before := make(map[*talk]last)
	moved := make(map[*talk]bool)
	several := make(map[*talk]bool)
	var stayed, went struct{ cached, input, before int64 }
	for i := range c.turns {
		t := &c.turns[i]
		if t.arm != c.arm || t.replica == 0 {
			continue
		}
		b, later := before[t.talk]
		before[t.talk] = last{int(t.index), t.replica}
		if !later || int(t.index) <= b.index {
			continue
		}
		several[t.talk] = true
		part := &stayed
		if b.replica != t.replica {
			moved[t.talk], part = true, &went
		}
		if !t.measured {
			continue
		}
		r.Later++
		if part == &went {
			r.Moved++
		}
		if n := t.count().input; t.cached >= 0 && n >= 0 {
			part.cached += int64(t.cached)
			part.input += int64(n)
			if p != nil && p.by[i] != nil {
				part.before += int64(max(0, p.by[i].Prompt-p.by[i].New))
			}
		}
	}
	r.Conversations, r.Stayed = len(several), len(several)-len(moved)
	r.StayedShare = share(Number(stayed.cached), stayed.input)
	r.MovedShare = share(Number(went.cached), went.input)
	r.MovedBefore = unknown
	if p != nil {
		r.MovedBefore = share(Number(went.before), went.input)
	}
}

// slowest returns the replica with the highest mean TTFT, and the mean of all turns
// of the others with its interval; nil unless the slowest is slower by more than
// chance.
func (c *Collector) slowest(r *Replicas) (*Replica, measure.Interval, float64) {
	worst := slices.MaxFunc(r.Each, func(a, b Replica) int {
		return cmp.Compare(orLeast(a.TTFT), orLeast(b.TTFT))
	})
	var ttft []float64
	var conversations []string
	for i := range c.turns {
		if t := &c.turns[i]; t.measured && t.replica > 0 && t.replica != worst.Number {
			ttft = append(ttft, t.sample().TTFTMS)
			conversations = append(conversations, t.conversation)
		}
	}
	in := measure.MeanOfClusters(ttft, conversations, 0)
	mean := measure.New(ttft).Mean()
	if !in.OK() || !(float64(worst.TTFTLow) > in.High) {
		return nil, in, mean
	}
	return &worst, in, mean
}

// orLeast returns the number, less than all others if it is unknown.
func orLeast(n Number) float64 {
	if !n.OK() {
		return math.Inf(-1)
	}
	return float64(n)
}
