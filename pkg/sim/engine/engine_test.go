package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"multiturn/pkg/kvcache"
)

const ms = time.Millisecond

// owner supplies tokens that no other owner has.
type owner int32

func (o owner) Token(i int) int32 { return int32(o)<<16 | int32(i) | 1<<15 }

func newCache(t testing.TB, c kvcache.Config) *kvcache.Cache {
	t.Helper()
	cache, err := kvcache.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

func gpu(blocks, size int) kvcache.Config {
	c := kvcache.Config{BlockSize: size}
	c.Tiers[kvcache.GPU].Blocks = blocks
	return c
}

// sequence returns a request whose prompt is the tokens first to first+prompt-1
// of a text.
func sequence(size, first, prompt, output int) *Sequence {
	c := kvcache.NewChain(size, "")
	for i := range prompt {
		c.Append(int32(first + i))
	}
	return &Sequence{Chain: c, PromptTokens: prompt, OutputTokens: output, Owner: owner(first + 1)}
}

// made is a call of Emit.
type made struct {
	s  int // index of the sequence
	at time.Duration
	n  int
}

// play submits sequences at their times and advances from event to event until
// none is left.
func play(t *testing.T, e Engine, at []time.Duration, list []*Sequence) []made {
	t.Helper()
	var log []made
	emit := func(s *Sequence, at time.Duration, n int) {
		log = append(log, made{slices.Index(list, s), at, n})
	}
	i := 0
	for range 1_000_000 {
		next, ok := e.Next()
		if i < len(list) && (!ok || at[i] <= next) {
			e.Submit(at[i], list[i])
			e.Advance(at[i], emit)
			i++
			continue
		}
		if !ok {
			if c := e.Cache(); c.Running() != 0 {
				t.Errorf("%d blocks are pinned at the end", c.Running())
			}
			return log
		}
		e.Advance(next, emit)
	}
	t.Fatal("the engine never comes to an end")
	return nil
}

func TestFixed(t *testing.T) {
	t.Parallel()
	e := NewFixed(FixedOptions{Base: 100 * ms, PerToken: ms, Interval: 20 * ms},
		newCache(t, gpu(100, 4)))
	a := sequence(4, 0, 10, 3)
	b := sequence(4, 0, 10, 2) // the same prompt: two blocks are cached
	log := play(t, e, []time.Duration{0, 5 * ms}, []*Sequence{a, b})
	want := []made{{1, 107 * ms, 1}, {0, 110 * ms, 1}, {1, 127 * ms, 1}, {0, 130 * ms, 1},
		{0, 150 * ms, 1}}
	if !slices.Equal(log, want) {
		t.Errorf("%v, want %v", log, want)
	}
	if a.Computed() != 10 || b.Computed() != 2 || b.Cached[kvcache.GPU] != 8 || b.First != 107*ms ||
		b.Last != 127*ms {
		t.Errorf("computed %d and %d", a.Computed(), b.Computed())
	}
}

// A late caller gets all tokens that are due together; none is lost, and the
// schedule stays.
func TestFixedLate(t *testing.T) {
	t.Parallel()
	e := NewFixed(FixedOptions{Base: 10 * ms, Interval: 10 * ms}, newCache(t, gpu(100, 4)))
	s := sequence(4, 0, 4, 10)
	var log []made
	emit := func(_ *Sequence, at time.Duration, n int) { log = append(log, made{0, at, n}) }
	e.Submit(0, s)
	e.Advance(10*ms, emit)
	e.Advance(55*ms, emit)
	e.Advance(60*ms, emit)
	e.Advance(time.Second, emit)
	want := []made{{0, 10 * ms, 1}, {0, 20 * ms, 4}, {0, 60 * ms, 1}, {0, 70 * ms, 4}}
	if !slices.Equal(log, want) {
		t.Errorf("%v, want %v", log, want)
	}
}

// A sequence that finds no room runs without the cache and affects no other.
func TestFixedBeside(t *testing.T) {
	t.Parallel()
	e := NewFixed(FixedOptions{Base: 10 * ms, PerToken: ms, Interval: 10 * ms},
		newCache(t, gpu(3, 4)))
	a, b := sequence(4, 0, 8, 9), sequence(4, 100, 8, 2)
	log := play(t, e, []time.Duration{0, 0}, []*Sequence{a, b})
	if len(log) != 11 || !b.Beside || b.Computed() != 8 || !a.Beside {
		t.Errorf("%d tokens, beside %v %v", len(log), a.Beside, b.Beside)
	}
	c := sequence(4, 0, 9, 1) // what a had before it ran out of room is still there
	play(t, e, []time.Duration{time.Second}, []*Sequence{c})
	if c.CachedTokens() != 8 || c.Beside {
		t.Errorf("%d cached", c.CachedTokens())
	}
}

var speeds = BatchOptions{MaxSequences: 8, MaxStepTokens: 64, Step: 10 * ms, PerSequence: ms,
	PerPrefillToken: ms / 2}

// Steps computed by hand: their sequences and their durations.
func TestBatchSteps(t *testing.T) {
	t.Parallel()
	e := NewBatch(speeds, newCache(t, gpu(100, 4)))
	a := sequence(4, 0, 20, 3) // one step of 20 tokens: 20 ms
	// arrives in it; then 63 tokens beside a's one: 10 + 1 + 31.5; then 17 beside one: 10 + 1 + 8.5
	b := sequence(4, 1000, 80, 2)
	log := play(t, e, []time.Duration{0, 5 * ms}, []*Sequence{a, b})
	want := []made{
		{0, 20 * ms, 1},
		{0, 62*ms + ms/2, 1},
		{0, 82 * ms, 1}, {1, 82 * ms, 1},
		{1, 93 * ms, 1},
	}
	if !slices.Equal(log, want) {
		t.Errorf("%v, want %v", log, want)
	}
	if b.Scheduled != 20*ms || b.First != 82*ms || e.stats.steps != 4 || e.stats.busy != 93*ms {
		t.Errorf("scheduled %v, first %v, %+v", b.Scheduled, b.First, e.stats)
	}
}

// A prompt token makes a pair with itself and each token before it, however the
// prefill is cut.
func TestBatchPairs(t *testing.T) {
	t.Parallel()
	o := BatchOptions{MaxSequences: 1, MaxStepTokens: 1000, Step: 1, PairRate: 1e6}
	for _, chunk := range []int{1000, 30, 7} {
		o.MaxStepTokens = chunk
		e := NewBatch(o, newCache(t, gpu(100, 4)))
		s := sequence(4, 0, 100, 1)
		play(t, e, []time.Duration{0}, []*Sequence{s})
		steps := (100 + chunk - 1) / chunk
		if want := 5050*time.Microsecond + time.Duration(steps); (s.First - want).Abs() > 100 {
			t.Errorf("chunks of %d: %v, want %v", chunk, s.First, want)
		}
	}
}

// Times vary by at most the given share, around the same mean; the same seed
// gives the same times.
func TestJitter(t *testing.T) {
	t.Parallel()
	run := func(seed int64) []made {
		e := NewFixed(FixedOptions{Base: 100 * ms, Interval: 20 * ms, Jitter: 0.25, Seed: seed},
			newCache(t, gpu(1000, 4)))
		return play(t, e, []time.Duration{0}, []*Sequence{sequence(4, 0, 4, 2001)})
	}
	log := run(1)
	if first := log[0].at; first < 75*ms || first > 125*ms {
		t.Errorf("first token after %v", first)
	}
	low, high := time.Hour, time.Duration(0)
	for i := 1; i < len(log); i++ {
		gap := log[i].at - log[i-1].at
		low, high = min(low, gap), max(high, gap)
	}
	mean := (log[len(log)-1].at - log[0].at) / time.Duration(len(log)-1)
	if low < 15*ms || low > 16*ms || high > 25*ms || high < 24*ms || mean < 19*ms || mean > 21*ms ||
		len(log) != 2001 {
		t.Errorf("gaps from %v to %v, mean %v", low, high, mean)
	}
	if !slices.Equal(log, run(1)) || slices.Equal(log, run(2)) {
		t.Error("the seed does not decide")
	}
	o := speeds
	o.Jitter = 0.25
	e := NewBatch(o, newCache(t, gpu(100, 4)))
	steps := play(t, e, []time.Duration{0}, []*Sequence{sequence(4, 0, 4, 200)})
	for i := 1; i < len(steps); i++ {
		if gap := steps[i].at - steps[i-1].at; gap < 11*ms*3/4 || gap > 11*ms*5/4 {
			t.Errorf("a step of %v", gap)
		}
	}
}

// The queue is served in order of arrival, two at a time. The first request has
// a step to itself, since no other had arrived.
func TestBatchQueue(t *testing.T) {
	t.Parallel()
	o := speeds
	o.MaxSequences = 2
	e := NewBatch(o, newCache(t, gpu(1000, 4)))
	var list []*Sequence
	for i := range 5 {
		list = append(list, sequence(4, 1000*i, 4, 2))
	}
	log := play(t, e, make([]time.Duration, 5), list)
	var order []int
	for _, m := range log {
		order = append(order, m.s)
	}
	if want := []int{0, 0, 1, 1, 2, 2, 3, 3, 4, 4}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
}

// When blocks run out, the youngest sequence is preempted, resumes, and
// recomputes only what the cache has lost.
func TestBatchPreemption(t *testing.T) {
	t.Parallel()
	e := NewBatch(speeds, newCache(t, gpu(8, 4)))
	a, b := sequence(4, 0, 12, 16), sequence(4, 1000, 12, 12)
	log := play(t, e, []time.Duration{0, 0}, []*Sequence{a, b})
	if a.Preemptions != 0 || b.Preemptions == 0 || a.Generated != 16 || b.Generated != 12 ||
		len(log) != 28 {
		t.Errorf("preempted %d and %d times, generated %d and %d in %d", a.Preemptions,
			b.Preemptions, a.Generated, b.Generated, len(log))
	}
	if b.CachedTokens() != 0 {
		t.Errorf("%d tokens count as cached: the request's own do not", b.CachedTokens())
	}
	if b.Last < a.Last {
		t.Error("the youngest ended first")
	}
}

// A prefix in a lower tier is loaded before it is used, one load after another,
// while steps go on.
func TestBatchLoad(t *testing.T) {
	t.Parallel()
	config := gpu(16, 4)
	config.Tiers[kvcache.CPU].Blocks = kvcache.Unlimited
	o := speeds
	o.Load[kvcache.CPU] = ms
	e := NewBatch(o, newCache(t, config))
	first := sequence(4, 0, 41, 1)
	play(t, e, []time.Duration{0}, []*Sequence{first})
	// pushes the first out of the GPU
	play(t, e, []time.Duration{time.Second}, []*Sequence{sequence(4, 5000, 60, 1)})
	again := sequence(4, 0, 41, 2)
	log := play(t, e, []time.Duration{2 * time.Second}, []*Sequence{again})
	// 10 blocks: tail first, all were evicted but one.
	gpuTokens, cpuTokens := again.Cached[kvcache.GPU], again.Cached[kvcache.CPU]
	if gpuTokens+cpuTokens != 40 || cpuTokens == 0 {
		t.Fatalf("%d on the GPU, %d on the CPU", gpuTokens, cpuTokens)
	}
	load := time.Duration(cpuTokens) * ms
	want := []made{{0, 2*time.Second + load + 10*ms + ms/2, 1},
		{0, 2*time.Second + load + 21*ms + ms/2, 1}}
	if again.Loading != load || !slices.Equal(log, want) {
		t.Errorf("loading %v, %v; want %v, %v", again.Loading, log, load, want)
	}
}

// Two loads from one tier wait for each other.
func TestBatchLoadShared(t *testing.T) {
	t.Parallel()
	config := gpu(64, 4)
	config.Tiers[kvcache.CPU].Blocks = kvcache.Unlimited
	o := speeds
	o.Load[kvcache.CPU] = ms
	cache := newCache(t, config)
	e := NewBatch(o, cache)
	play(t, e, []time.Duration{0, 0}, []*Sequence{sequence(4, 0, 41, 1), sequence(4, 1000, 41, 1)})
	cache.Reset(kvcache.GPU)
	a, b := sequence(4, 0, 41, 1), sequence(4, 1000, 41, 1)
	play(t, e, []time.Duration{time.Second, time.Second}, []*Sequence{a, b})
	if a.Loading != 40*ms || b.Loading != 80*ms {
		t.Errorf("loads of %v and %v, want 40ms and 80ms", a.Loading, b.Loading)
	}
	if d := b.First - a.First; d != 40*ms {
		t.Errorf("second token %v after the first, want 40ms", d)
	}
}

// Abort in every state leaves nothing behind, and the other sequences go on.
func TestBatchAbort(t *testing.T) {
	t.Parallel()
	o := speeds
	o.MaxSequences = 2
	e := NewBatch(o, newCache(t, gpu(100, 4)))
	list := []*Sequence{sequence(4, 0, 8, 50), sequence(4, 1000, 8, 5), sequence(4, 2000, 8, 5)}
	for _, s := range list {
		e.Submit(0, s)
	}
	counts := map[*Sequence]int{}
	emit := func(s *Sequence, _ time.Duration, n int) { counts[s] += n }
	e.Advance(20*ms, emit)
	e.Abort(20*ms, list[0]) // in the running step
	e.Abort(20*ms, list[0])
	e.Advance(25*ms, emit)
	e.Abort(25*ms, list[2]) // waiting or in its first step
	e.Advance(time.Second, emit)
	if _, ok := e.Next(); ok || e.Cache().Running() != 0 {
		t.Error("something is left")
	}
	if counts[list[1]] != 5 || counts[list[0]] > 1 || counts[list[2]] != 0 {
		t.Errorf("tokens %d, %d, %d", counts[list[0]], counts[list[1]], counts[list[2]])
	}
}

// With random loads, every request that fits finishes, whatever the pressure;
// times never go back; and a repetition gives the same.
func TestRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(24) {
		run := func() (string, Engine) {
			rng := rand.New(rand.NewPCG(seed, 7))
			size := 1 + rng.IntN(8)
			config := gpu(20+rng.IntN(60), size)
			if rng.IntN(2) == 0 {
				config.Tiers[kvcache.CPU].Blocks = 1 + rng.IntN(200)
				config.Exclusive = rng.IntN(2) == 0
			}
			cache := newCache(t, config)
			var e Engine
			load := LoadTimes{kvcache.CPU: time.Duration(rng.IntN(3)) * ms}
			if seed%3 == 0 {
				e = NewFixed(FixedOptions{Base: 10 * ms, PerToken: ms,
					Interval: time.Duration(rng.IntN(3)) * 10 * ms, Load: load}, cache)
			} else {
				o := BatchOptions{MaxSequences: 1 + rng.IntN(6), Step: 5 * ms, PerSequence: ms,
					PerPrefillToken: ms, PerContextToken: 100, Load: load}
				o.MaxStepTokens = o.MaxSequences + rng.IntN(40)
				if err := o.Validate(); err != nil {
					t.Fatal(err)
				}
				e = NewBatch(o, cache)
			}
			room := config.Tiers[kvcache.GPU].Blocks * size
			var list []*Sequence
			var at []time.Duration
			now := time.Duration(0)
			for range 40 {
				prompt := 1 + rng.IntN(room*3/4)
				list = append(list,
					sequence(size, 10_000*rng.IntN(4), prompt, 1+rng.IntN(max(1, room-prompt))))
				now += time.Duration(rng.IntN(60)) * ms
				at = append(at, now)
			}
			log := play(t, e, at, list)
			last := time.Duration(0)
			got := make([]int, len(list))
			for _, m := range log {
				if m.at < last && seed%3 != 0 {
					t.Errorf("seed %d: time goes back from %v to %v", seed, last, m.at)
				}
				last = m.at
				got[m.s] += m.n
			}
			for i, s := range list {
				if got[i] != s.OutputTokens || !s.Done() || s.First < s.Scheduled ||
					s.Scheduled < s.Arrived {
					t.Errorf("seed %d: sequence %d has %d of %d tokens; arrived %v, scheduled "+
						"%v, first %v", seed, i, got[i], s.OutputTokens, s.Arrived,
						s.Scheduled, s.First)
				}
			}
			return fmt.Sprint(log, cache.Stats()), e
		}
		a, _ := run()
		if b, _ := run(); a != b {
			t.Errorf("seed %d: a second run differs", seed)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	if err := speeds.Validate(); err != nil {
		t.Error(err)
	}
	for _, o := range []BatchOptions{
		{}, {MaxSequences: 4, MaxStepTokens: 2, Step: ms},
		{MaxSequences: 1, MaxStepTokens: 1, Step: ms, PerSequence: -1},
		{MaxSequences: 1, MaxStepTokens: 1, Step: ms, Load: LoadTimes{0, -1}},
	} {
		if o.Validate() == nil {
			t.Errorf("%+v passes", o)
		}
	}
	if (&FixedOptions{Base: -1}).Validate() == nil || (&FixedOptions{Jitter: 1}).Validate() == nil {
		t.Error("a negative time passes")
	}
}

func BenchmarkFixed(b *testing.B) {
	e := NewFixed(FixedOptions{Interval: 20 * ms}, newCache(b, gpu(1<<16, 16)))
	n := 0
	emit := func(*Sequence, time.Duration, int) { n++ }
	for i := range 1000 {
		e.Submit(time.Duration(i)*20*time.Microsecond, sequence(16, 100*i, 64, 1<<30))
	}
	b.ReportAllocs()
	for b.Loop() {
		next, _ := e.Next()
		e.Advance(next, emit)
	}
}
