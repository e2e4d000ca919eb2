package kvcache

import (
	"cmp"
	"slices"
)

// Sessions measures reuse distances as Reuse does, from token counts alone, for conversations that share nothing and whose
// prompts continue the turn before: then the blocks of a conversation lie side by side in the order of use, and one weight
// stands for all of them. A turn costs O(log sessions), whatever its length; the curve is that of the blocks, exactly.
type Sessions struct {
	blockSize int
	store     Store

	sessions map[string]*session
	owner    []*session // per slot, nil if its session has moved on
	weights  []int64    // Fenwick tree over slots: blocks of the sessions last used there
	next     int

	runs []hitRun

	accesses, promptTokens, unique int64
	largest                        int
}

type session struct {
	slot   int
	blocks int
	last   Turn
}

// hitRun is a turn's hits: one block at each distance in (from, to].
type hitRun struct{ from, to int64 }

// NewSessions returns an empty measurement of blocks of so many tokens, of a cache that keeps what store says.
func NewSessions(blockSize int, store Store) *Sessions {
	if blockSize < 1 {
		panic("kvcache: block size below 1")
	}
	return &Sessions{blockSize: blockSize, store: store, sessions: map[string]*session{}}
}

// Add takes the next turn of a conversation, in the order in which turns ran, and returns the prompt tokens an unlimited
// cache would have hit.
func (s *Sessions) Add(conversation string, turn Turn) int {
	c := s.sessions[conversation]
	if c == nil {
		c = &session{slot: none}
		s.sessions[conversation] = c
	}
	hit := Bound(c.last, turn.Prompt, s.blockSize, s.store)
	if n := int64(hit / s.blockSize); n > 0 {
		newer := s.sum(len(s.owner)) - s.sum(c.slot+1)
		s.runs = append(s.runs, hitRun{newer, newer + n})
	}
	if c.slot != none {
		s.owner[c.slot] = nil
		s.add(c.slot, -int64(c.blocks))
	}
	// A prompt that is shorter than what is known leaves the rest in the cache: it counts as used again.
	kept := turn.kept(s.store) / s.blockSize
	s.accesses += int64(kept)
	s.largest = max(s.largest, kept)
	s.unique += int64(max(0, kept-c.blocks))
	c.blocks = max(c.blocks, kept)
	c.last = turn
	s.promptTokens += int64(max(0, turn.Prompt))

	if s.next == len(s.owner) {
		s.renumber()
	}
	c.slot = s.next
	s.owner[c.slot] = c
	s.add(c.slot, int64(c.blocks))
	s.next++
	return hit
}

// Curve returns the hits by capacity of the turns so far.
func (s *Sessions) Curve() *Curve {
	c := &Curve{BlockSize: s.blockSize, Accesses: s.accesses, PromptTokens: s.promptTokens, Unique: int(s.unique), Largest: s.largest}
	type change struct{ at, delta int64 }
	changes := make([]change, 0, 2*len(s.runs))
	for _, r := range s.runs {
		changes = append(changes, change{r.from, 1}, change{r.to, -1})
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	var p Point
	var depth int64
	for i, ch := range changes {
		depth += ch.delta
		if depth == 0 || i+1 == len(changes) {
			continue
		}
		for at := ch.at + 1; at <= changes[i+1].at; at++ {
			p.Capacity = int(at)
			p.HitBlocks += depth
			p.HitTokens = p.HitBlocks * int64(s.blockSize)
			c.steps = append(c.steps, p)
		}
	}
	return c
}

// sum is the weight of the slots below n.
func (s *Sessions) sum(n int) int64 {
	var w int64
	for ; n > 0; n &= n - 1 {
		w += s.weights[n]
	}
	return w
}

func (s *Sessions) add(slot int, w int64) {
	for i := slot + 1; i < len(s.weights); i += i & -i {
		s.weights[i] += w
	}
}

// renumber moves the slots in use together and leaves as many free ones behind them.
func (s *Sessions) renumber() {
	live := slices.DeleteFunc(s.owner, func(c *session) bool { return c == nil })
	s.next = len(live)
	s.owner = make([]*session, 2*len(live)+64)
	s.weights = make([]int64, len(s.owner)+1)
	for i, c := range live {
		c.slot = i
		s.owner[i] = c
		s.add(i, int64(c.blocks))
	}
}
