package plan

import (
	"cmp"
	"slices"
	"time"

	"multiturn/internal/compact"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
)

// Turn is what caches do for one request, in tokens of its prompt.
type Turn struct {
	Prompt int32
	// New is the prompt less what the previous turn left, as in Request.
	New int32
	// Possible is the possible hits: those of an unlimited cache in the same order of
	// requests. They are whole blocks that an earlier request used, without the last
	// token.
	Possible int32
	// Hit is the hits of a cache of the stated shape, by tier; zero if none was
	// stated.
	Hit [kvcache.NumTiers]int32
	// Waited reports whether that cache had no room when the request arrived,
	// TooLarge whether it is too small for the request.
	Waited, TooLarge bool
}

// Predicted returns the hits in all tiers of the cache of the stated shape.
func (t *Turn) Predicted() int {
	return int(t.Hit[kvcache.GPU]) + int(t.Hit[kvcache.CPU]) + int(t.Hit[kvcache.Disk])
}

// Caches are the shapes of the caches of replicas, in their order. The last one is
// that of all further replicas. Without any, nothing is predicted. All have the same
// block size.
type Caches []kvcache.Config

// of returns the cache of a replica, numbered as in Request; nil without any.
func (c Caches) of(replica int) *kvcache.Config {
	if len(c) == 0 {
		return nil
	}
	return &c[min(max(replica, 1), len(c))-1]
}

// Compare returns what caches would have done for the turns of one run. Config is
// the shape of a cache, whose block size replaces that of o. If it is nil,
// Predicted is 0.
//
// The result has one Turn for each turn given, at the same index, nil for turns
// that are left out (see FromTurns). Warm-up turns fill the caches and should be
// among the turns; their Possible is 0. Turns of different runs must not be mixed,
// since each run has its own clock. Notes are the assumptions, a sentence for
// each.
func Compare(turns []*record.Turn, config *kvcache.Config, o Executed) (out []*Turn,
	notes []string, err error) {
	var caches Caches
	if config != nil {
		o.BlockSize = config.BlockSize
		caches = Caches{*config}
	}
	w := FromTurns(len(turns), func(i int) *record.Turn { return turns[i] }, o)
	if config != nil {
		caches = caches.Coarse(w.BlockSize / config.BlockSize)
	}
	a, err := Analyse(w, caches, kvcache.PromptAndOutput)
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
	// Store is what the caches keep of a request.
	Store kvcache.Store
	// Curve is the hits of an LRU cache against its capacity, with nothing pinned.
	// Its last point is the unlimited cache. With replicas it is the sum of their
	// hits against the capacity of each.
	Curve *kvcache.Curve
	// Caches are the stated shapes.
	Caches Caches
	// Turns are by request, in the workload's order.
	Turns []Turn
	// Pinned is the most blocks that running requests need at one time, on one
	// replica. A block that several of them share counts for each.
	Pinned int
	// WorkingSet is by request, when it ends. It is that of the request's replica.
	WorkingSet []Use
	// parts are the analyses of the replicas, if there are several.
	parts []*Analysis
}

// Use is how many blocks are in use at a time.
type Use struct {
	At time.Duration
	// Unique is the number of different blocks used so far, Live how many of them
	// will be used again, Running how many the running requests need.
	Unique, Live, Running int32
}

// Analyse replays a workload in an unlimited cache and in LRU caches of every
// capacity, all of which keep store of a request, and in caches of the stated shapes
// if there are any. Their block size must be the workload's. Each replica has caches
// of its own.
func Analyse(w *Workload, caches Caches, store kvcache.Store) (*Analysis, error) {
	parts := w.byReplica()
	if len(parts) == 1 {
		return analyseOne(w, parts[0].replica, caches, store)
	}
	a := &Analysis{Workload: w, Store: store, Caches: caches, Turns: make([]Turn, len(w.Requests))}
	var curves []*kvcache.Curve
	for _, p := range parts {
		one, err := analyseOne(&p.Workload, p.replica, caches, store)
		if err != nil {
			return nil, err
		}
		for i := range one.Turns {
			a.Turns[p.requests[i]] = one.Turns[i]
		}
		a.Pinned = max(a.Pinned, one.Pinned)
		a.WorkingSet = append(a.WorkingSet, one.WorkingSet...)
		curves = append(curves, one.Curve)
		a.parts = append(a.parts, one)
	}
	a.Curve = kvcache.Together(curves...)
	slices.SortStableFunc(a.WorkingSet, func(x, y Use) int { return cmp.Compare(x.At, y.At) })
	return a, nil
}

// part is the requests of one replica.
type part struct {
	Workload
	replica  int
	requests []int32 // their indices in the whole workload
}

// byReplica returns the parts of the workload, at least one.
func (w *Workload) byReplica() []*part {
	var parts []*part
	of := map[int32]*part{}
	for i := range w.Requests {
		n := w.Requests[i].Replica
		if of[n] == nil {
			of[n] = &part{replica: int(n), Workload: Workload{
				BlockSize: w.BlockSize, Timed: w.Timed, PartialBlocks: w.PartialBlocks,
			}}
			parts = append(parts, of[n])
		}
		of[n].requests = append(of[n].requests, int32(i))
	}
	if len(parts) < 2 { // nothing is copied
		return append(parts, &part{})[:1]
	}
	for _, p := range parts {
		p.Requests = make([]Request, len(p.requests))
		for i, n := range p.requests {
			p.Requests[i] = w.Requests[n]
		}
	}
	slices.SortFunc(parts, func(a, b *part) int { return cmp.Compare(a.replica, b.replica) })
	return parts
}

// analyseOne is Analyse for the requests of one replica.
func analyseOne(w *Workload, replica int, caches Caches, store kvcache.Store) (*Analysis, error) {
	config := caches.of(replica)
	a := &Analysis{Workload: w, Store: store, Turns: make([]Turn, len(w.Requests))}
	if config != nil {
		a.Caches = Caches{*config}
	}
	plays := w.plays()
	for i := range w.Requests {
		r := &w.Requests[i]
		a.Turns[i] = Turn{Prompt: compact.Narrow(r.Prompt), New: r.New}
	}
	if config != nil { // first, since what measure keeps takes memory
		if err := a.predict(plays, *config); err != nil {
			return nil, err
		}
	}
	a.measure(plays)
	return a, nil
}

// predict replays the requests in a cache of a stated shape.
func (a *Analysis) predict(plays kvcache.Plays, config kvcache.Config) error {
	cache, err := kvcache.New(config)
	if err != nil {
		return err
	}
	for i, p := range kvcache.Replay(cache, plays) {
		t := &a.Turns[i]
		t.Waited, t.TooLarge = p.Waited, p.TooLarge
		for tier, n := range p.Hits {
			t.Hit[tier] = compact.Narrow(n * config.BlockSize)
		}
	}
	return nil
}

// gpuAlone returns the hits, in tokens, that the GPU's tiers of the stated shapes
// would have without the tiers below them; nil if there are none.
func (a *Analysis) gpuAlone() *int64 {
	stated := a.Caches[0]
	config := kvcache.Config{BlockSize: stated.BlockSize}
	if stated.Tiers[kvcache.CPU].Blocks == 0 && stated.Tiers[kvcache.Disk].Blocks == 0 {
		return nil
	}
	if a.parts != nil {
		var sum int64
		for _, p := range a.parts {
			n := p.gpuAlone()
			if n == nil {
				return nil
			}
			sum += *n
		}
		return &sum
	}
	config.Tiers[kvcache.GPU] = stated.Tiers[kvcache.GPU]
	cache, err := kvcache.New(config)
	if err != nil {
		return nil // the tiers below it are all there is
	}
	var sum int64
	for i, p := range kvcache.Replay(cache, a.Workload.plays()) {
		if !a.Workload.Requests[i].Warmup {
			sum += int64(p.Hits[kvcache.GPU] * config.BlockSize)
		}
	}
	return &sum
}

// plays returns the requests as caches replay them.
func (w *Workload) plays() kvcache.Plays {
	if !w.PartialBlocks { // all their blocks are full
		return requests(w.Requests)
	}
	plays := make(kvcache.PlayList, len(w.Requests))
	for i := range w.Requests {
		plays[i] = w.Requests[i].Play
		plays[i].Hashes = w.full(&w.Requests[i])
	}
	return plays
}

// requests are requests as plays.
type requests []Request

func (r requests) Len() int                 { return len(r) }
func (r requests) Play(i int) *kvcache.Play { return &r[i].Play }

// full returns the blocks of a request that are full: servers share no others.
func (w *Workload) full(r *Request) []kvcache.Hash {
	return r.Hashes[:min(len(r.Hashes), r.Prompt/w.BlockSize)]
}

// measure replays the requests once for all capacities.
func (a *Analysis) measure(plays kvcache.Plays) {
	s := newSweep(a, plays.Len())
	started := -1 // a play whose start is looked at when the next moment is known
	for play, end := range kvcache.Timeline(plays) {
		// Requests between the start and the end of one hit its prompt. If there are
		// none, the use at its end is enough.
		if started >= 0 {
			s.start(started, end && play == started)
			started = -1
		}
		if end {
			s.end(play)
		} else {
			started = play
		}
	}
	s.finish()
}

// measurement counts the hits at every capacity.
type measurement interface {
	Lookup(hashes []kvcache.Hash, prompt int) int
	Use(hashes []kvcache.Hash)
	Curve() *kvcache.Curve
	WorkingSet() kvcache.WorkingSet
}

// sweep is the state of measure.
type sweep struct {
	*Analysis
	reuse   measurement
	running int     // blocks that running requests need
	calls   int     // of reuse.Use
	ends    []int32 // of the requests' ends, as positions among the calls
}

func newSweep(a *Analysis, n int) *sweep {
	s := &sweep{Analysis: a, reuse: kvcache.NewChainReuse(a.Workload.BlockSize),
		ends: make([]int32, 0, n)}
	if a.Workload.PartialBlocks {
		r := kvcache.NewReuse(a.Workload.BlockSize)
		r.CountPartial = true
		s.reuse = r
	}
	a.WorkingSet = make([]Use, 0, n)
	return s
}

// start looks a request's prompt up, and uses it unless the request runs alone.
func (s *sweep) start(play int, alone bool) {
	q := &s.Workload.Requests[play]
	keep := s.keep(q)
	s.running += s.need(q)
	s.Pinned = max(s.Pinned, s.running)
	if !q.Warmup {
		n := s.reuse.Lookup(keep, q.Prompt) * s.Workload.BlockSize
		s.Turns[play].Possible = compact.Narrow(max(0, min(n, q.Prompt-1)))
	}
	if !alone {
		s.reuse.Use(keep[:min(len(keep), q.Prompt/s.Workload.BlockSize)])
		s.calls++
	}
}

// end uses all that is kept of a request.
func (s *sweep) end(play int) {
	q := &s.Workload.Requests[play]
	s.reuse.Use(s.keep(q))
	s.ends = append(s.ends, int32(s.calls))
	s.calls++
	s.WorkingSet = append(s.WorkingSet, Use{At: q.End, Running: compact.Narrow(s.running)})
	s.running -= s.need(q)
}

// keep returns the blocks that are kept of a request.
func (s *sweep) keep(q *Request) []kvcache.Hash {
	switch {
	case !s.Workload.PartialBlocks:
		return q.Hashes[:min(len(q.Hashes), q.Kept(s.Store)/s.Workload.BlockSize)]
	case s.Store == kvcache.Nothing:
		return nil
	}
	return q.Hashes
}

// need returns the blocks that a request needs while it runs.
func (s *sweep) need(q *Request) int {
	return (q.Kept(kvcache.PromptAndOutput) + s.Workload.BlockSize - 1) / s.Workload.BlockSize
}

// finish takes over the curve and the working set.
func (s *sweep) finish() {
	s.Curve = s.reuse.Curve()
	set := s.reuse.WorkingSet()
	for i, call := range s.ends {
		s.WorkingSet[i].Unique, s.WorkingSet[i].Live = set.Unique[call], set.Live[call]
	}
}
