package kvcache

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// Prediction is what a cache would have done for a play.
type Prediction struct {
	Hits Hits
	// Waited reports whether the request found no room when it came, and had to wait.
	Waited bool
	// TooLarge reports whether the request could not run on this cache at all.
	TooLarge bool
}

// Replay runs plays through a cache in the order in which they ran and returns
// what each would have hit. A request takes the blocks of its prompt when it
// starts and those of its answer as it is generated. If there is no room it
// waits, in order of arrival, until others end; if its answer finds none, the
// request that started last is preempted and resumes before all that wait. A
// request that should already have ended by the time it is admitted ends as soon
// as it has started.
func Replay(c *Cache, plays Plays) []Prediction {
	r := &replay{cache: c, plays: plays,
		out: make([]Prediction, plays.Len()), state: make([]played, plays.Len())}
	for i, atEnd := range Timeline(plays) {
		p := plays.Play(i)
		if atEnd {
			r.growUntil(max(p.Start, p.End))
			r.end(i)
		} else {
			r.growUntil(p.Start - 1) // at equal times all starts come before any answer
			r.arrive(i)
		}
	}
	return r.out
}

// replay is the state of Replay.
type replay struct {
	cache   *Cache
	plays   Plays
	out     []Prediction
	state   []played
	running []int // in order of start
	waiting []int // preempted ones first, then in order of arrival
	growing growths
}

// played is the state of one play.
type played struct {
	seq      *Sequence // nil unless it runs
	known    int       // tokens, prompt and answer, that have their KV by now
	admitted bool      // it has run, though it may have been preempted
	ended    bool
}

// arrive starts a request, or makes it wait.
func (r *replay) arrive(i int) {
	p := r.plays.Play(i)
	if !r.cache.fits(p.Prompt) {
		r.out[i].TooLarge = true
		return
	}
	r.state[i].known = max(1, p.Prompt)
	if len(r.waiting) > 0 || !r.start(i) {
		r.out[i].Waited = true
		r.waiting = append(r.waiting, i)
	}
	if g, ok := r.next(i); ok {
		heap.Push(&r.growing, g)
	}
}

// start admits a request, for the first time or after a preemption. It reports
// whether there was room.
func (r *replay) start(i int) bool {
	p, s := r.plays.Play(i), &r.state[i]
	q := Request{Hashes: p.Hashes, Tokens: max(1, p.Prompt), Prompt: max(1, p.Prompt)}
	if s.admitted {
		q.Tokens = s.known
	}
	var ok bool
	if s.seq, ok = r.cache.Start(q); !ok {
		return false
	}
	if !s.admitted {
		s.admitted, r.out[i].Hits = true, s.seq.Hits()
	}
	r.running = append(r.running, i)
	if s.ended {
		r.finish(i)
	}
	return true
}

// end ends a request, or notes that it ends as soon as it starts.
func (r *replay) end(i int) {
	if r.out[i].TooLarge {
		return
	}
	r.state[i].ended = true
	if r.state[i].seq == nil {
		return
	}
	r.finish(i)
	r.admit()
}

// finish ends a running request.
func (r *replay) finish(i int) {
	p, s := r.plays.Play(i), &r.state[i]
	if n := p.Kept(PromptAndOutput) - s.seq.Computed(); n > 0 {
		// Without room the rest of the answer is not kept.
		s.seq.Grow(p.Hashes, n)
	}
	s.seq.Finish()
	r.stop(i)
}

// stop takes a request off the list of those that run.
func (r *replay) stop(i int) {
	r.state[i].seq = nil
	n := slices.Index(r.running, i)
	r.running = slices.Delete(r.running, n, n+1)
}

// admit starts those that wait, as long as there is room.
func (r *replay) admit() {
	for len(r.waiting) > 0 && r.start(r.waiting[0]) {
		r.waiting = r.waiting[1:]
	}
}

// growUntil generates the answers up to a time, and takes their blocks.
func (r *replay) growUntil(at time.Duration) {
	for len(r.growing) > 0 && r.growing[0].at <= at {
		g := r.growing[0]
		r.state[g.play].known = r.plays.Play(g.play).Prompt + g.token + 1
		r.grow(g.play)
		if more, ok := r.next(g.play); ok {
			r.growing[0] = more
			heap.Fix(&r.growing, 0)
		} else {
			heap.Pop(&r.growing)
		}
	}
}

// grow takes the blocks of what a running request has generated. If there are too
// few, it preempts the request that started last until there are enough.
func (r *replay) grow(i int) {
	s := &r.state[i]
	for s.seq != nil && !s.seq.Grow(r.plays.Play(i).Hashes, s.known-s.seq.Computed()) {
		r.preempt(r.running[len(r.running)-1])
	}
}

// preempt takes the blocks of a running request away. It waits before all others,
// unless the cache is too small even for it alone.
func (r *replay) preempt(i int) {
	s := &r.state[i]
	s.seq.Preempt()
	r.stop(i)
	if r.cache.fits(s.known) {
		r.waiting = slices.Insert(r.waiting, 0, i)
	}
}

// growth is a token of an answer that needs a new block.
type growth struct {
	at    time.Duration
	token int // of the answer, from 0
	play  int
}

// next returns the next token of a play that needs a block; false if there is
// none. The KV of the last token is never computed.
func (r *replay) next(i int) (growth, bool) {
	p := r.plays.Play(i)
	token := r.cache.blocksOf(r.state[i].known)*r.cache.config.BlockSize - p.Prompt
	if token > p.Output-2 {
		return growth{}, false
	}
	return growth{p.generated(token), token, i}, true
}

// growths is a heap of the next growth of each play.
type growths []growth

func (g growths) Len() int      { return len(g) }
func (g growths) Swap(i, j int) { g[i], g[j] = g[j], g[i] }
func (g growths) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(g[i].at, g[j].at), cmp.Compare(g[i].token, g[j].token),
		cmp.Compare(g[i].play, g[j].play)) < 0
}
func (g *growths) Push(x any) { *g = append(*g, x.(growth)) }
func (g *growths) Pop() any {
	last := len(*g) - 1
	x := (*g)[last]
	*g = (*g)[:last]
	return x
}
