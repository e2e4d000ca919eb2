package plan

import (
	"time"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
)

// Turn is what caches do for one request, in tokens of its prompt.
type Turn struct {
	Prompt int
	// New is Request's: the prompt less what the turn before it left.
	New int
	// Ideal is what an unlimited cache would have hit under the same
	// interleaving: whole blocks that any request before it had used, and never
	// the last token.
	Ideal int
	// Hit is what the cache of the stated shape would have hit, by tier; zero
	// when no shape was stated.
	Hit [kvcache.NumTiers]int
	// Waited says that this cache had no room when the request came, TooLarge
	// that it could never run it.
	Waited, TooLarge bool
}

// Predicted is what the cache of the stated shape would have hit in all its
// tiers.
func (t *Turn) Predicted() int { return t.Hit[kvcache.GPU] + t.Hit[kvcache.CPU] + t.Hit[kvcache.Disk] }

// Compare is the turns of one run beside what caches would have done for them,
// for a report to put beside what was measured. Config is the shape of the
// cache, nil if it is not known: Predicted is then 0. Its block size counts,
// not that of o.
//
// The answer has one Turn for each turn given, at the same index; nil for a
// turn that no cache saw (see FromTurns). Warm-up turns fill the caches and
// should be among the turns; their Ideal is 0. Turns of different runs must not
// be mixed: they have clocks of their own. Notes say what had to be assumed,
// one sentence each.
func Compare(turns []*record.Turn, config *kvcache.Config, o Executed) (out []*Turn,
	notes []string, err error) {
	if config != nil {
		o.BlockSize = config.BlockSize
	}
	w := FromTurns(turns, o)
	a, err := Analyse(w, config, kvcache.PromptAndOutput)
	if err != nil {
		return nil, nil, err
	}
	out = make([]*Turn, len(turns))
	for i := range a.Turns {
		out[w.Requests[i].Source] = &a.Turns[i]
	}
	return out, w.Notes, nil
}

// Analysis is what caches do for a workload.
type Analysis struct {
	Workload *Workload
	// Store is what the unlimited cache and those of the curve keep.
	Store kvcache.Store
	// Curve is the hits of one LRU cache against its capacity, nothing pinned.
	// Its last point is the unlimited cache.
	Curve *kvcache.Curve
	// Config is the shape that was stated, if one was.
	Config *kvcache.Config
	// Turns are by request, in the workload's order.
	Turns []Turn
	// Pinned is the most blocks that running requests need at one time; blocks
	// that several of them share count for each.
	Pinned int
	// WorkingSet is by request, when it ends.
	WorkingSet []Use
}

// Use is how many blocks matter at a time.
type Use struct {
	At time.Duration
	// Unique is the number of different blocks used so far, Live of those the
	// ones that will be used again, Running what running requests need.
	Unique, Live, Running int
}

// Analyse takes a workload through an unlimited cache and LRU caches of every
// capacity, which keep what store says, and through a cache of the shape config
// if that is not nil. Its block size must be the workload's.
func Analyse(w *Workload, config *kvcache.Config, store kvcache.Store) (*Analysis, error) {
	a := &Analysis{Workload: w, Store: store, Config: config, Turns: make([]Turn, len(w.Requests))}
	plays := make([]kvcache.Play, len(w.Requests))
	for i := range w.Requests {
		r := &w.Requests[i]
		plays[i] = r.Play
		// A block that is not full is nothing that a server shares.
		plays[i].Hashes = r.Hashes[:min(len(r.Hashes), (r.Prompt+max(0, r.Output))/w.BlockSize)]
		if w.PartialBlocks {
			plays[i].Hashes = r.Hashes[:min(len(r.Hashes), r.Prompt/w.BlockSize)]
		}
		a.Turns[i] = Turn{Prompt: r.Prompt, New: r.New}
	}
	a.measure(plays)
	if config == nil {
		return a, nil
	}
	cache, err := kvcache.New(*config)
	if err != nil {
		return nil, err
	}
	for i, p := range kvcache.Replay(cache, plays) {
		t := &a.Turns[i]
		t.Waited, t.TooLarge = p.Waited, p.TooLarge
		for tier, n := range p.Hits {
			t.Hit[tier] = n * config.BlockSize
		}
	}
	return a, nil
}

// measure goes through the requests once for all capacities.
func (a *Analysis) measure(plays []kvcache.Play) {
	w := a.Workload
	r := kvcache.NewReuse(w.BlockSize)
	r.CountPartial = w.PartialBlocks
	type moment struct {
		play int
		end  bool
	}
	moments := make([]moment, 0, 2*len(plays))
	for i, end := range kvcache.Timeline(plays) {
		moments = append(moments, moment{i, end})
	}
	blocks := func(tokens int) int { return (tokens + w.BlockSize - 1) / w.BlockSize }
	running := 0
	uses := make([]int, 0, len(plays)) // of the requests' ends, as positions among the calls of Use
	calls := 0
	for m, now := range moments {
		q := &w.Requests[now.play]
		keep := q.Hashes
		if !w.PartialBlocks {
			keep = keep[:min(len(keep), kept(q.Turn, a.Store)/w.BlockSize)]
		} else if a.Store == kvcache.Nothing {
			keep = nil
		}
		need := blocks(q.Prompt + max(0, q.Output-1))
		if now.end {
			r.Use(keep)
			calls++
			uses = append(uses, calls-1)
			a.WorkingSet = append(a.WorkingSet, Use{At: q.End, Running: running})
			running -= need
			continue
		}
		running += need
		a.Pinned = max(a.Pinned, running)
		if !q.Warmup {
			n := r.Lookup(keep, q.Prompt) * w.BlockSize
			a.Turns[now.play].Ideal = max(0, min(n, q.Prompt-1))
		}
		// What comes between the start and the end of a request finds its
		// prompt; when nothing does, one use is enough.
		if m+1 < len(moments) && moments[m+1] != (moment{now.play, true}) {
			r.Use(keep[:min(len(keep), q.Prompt/w.BlockSize)])
			calls++
		}
	}
	a.Curve = r.Curve()
	set := r.WorkingSet()
	for i, call := range uses {
		a.WorkingSet[i].Unique, a.WorkingSet[i].Live = set.Unique[call], set.Live[call]
	}
}
