package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
	"multiturn/pkg/sim/engine"
)

// The findings of runs against the simulated engine, with a GPU tier from a
// quarter of the working set to four of it and a CPU tier of none, half or all of
// it: with the sizes stated or not, and hits reported by tier or in all. The truth
// is the engine's own count of hits in each tier, in the test's log: the GPU's
// tier alone has 48 % of the possible hits with a quarter of the working set, 79 %
// with half of it, 99 % with all. A CPU tier that is no larger repeats what the
// GPU's has.
func TestMatrixOfFindings(t *testing.T) {
	t.Parallel()
	const (
		small  = cacheTooSmall
		worth  = tierWorth
		both   = cacheTooSmall + " " + tierWorth
		idle   = cacheTooSmall + " " + idleTier
		hidden = abovePredicted // hits of a tier that nobody told of
		fits   = fitsGPU
	)
	// The columns are: stated and by tier, stated, by tier, neither.
	want := map[string][4]string{
		"0.25 none": {small, small, small, small},
		"0.25 half": {both, both, both, hidden + " " + small},
		"0.25 all":  {worth, worth, worth, hidden},
		"0.5 none":  {small, small, small, small},
		"0.5 half":  {idle, idle, idle, small},
		"0.5 all":   {worth, worth, worth, hidden},
		"1 none":    {fits, fits, fits, fits},
		"1 half":    {fits, fits, fits, fits},
		"1 all":     {fits, fits, fits, fits},
		"2 none":    {fits, fits, fits, fits},
		"2 half":    {fits, fits, fits, fits},
		"2 all":     {fits, fits, fits, fits},
		"4 none":    {fits, fits, fits, fits},
		"4 half":    {fits, fits, fits, fits},
		"4 all":     {fits, fits, fits, fits},
	}
	whole := playMatrix(t, shape(1<<20, 0, 0)).summary(true, false)
	set := whole.Prediction.ReachBlocks
	lines := []string{
		fmt.Sprintf("working set %d blocks; hits in %% of the possible ones", set),
		fmt.Sprintf("%-10s %6s %6s %6s   %s", "GPU, CPU", "hit %", "GPU %", "CPU %",
			"stated and by tier | stated | by tier | neither"),
	}
	for _, gpu := range []float64{0.25, 0.5, 1, 2, 4} {
		alone := 0.0 // the mean TTFT without a CPU tier
		for i, cpu := range []string{"none", "half", "all"} {
			config := shape(int(gpu*float64(set)), i*set/2, 0)
			run := playMatrix(t, config)
			name := fmt.Sprintf("%g %s", gpu, cpu)
			if i == 0 {
				alone = run.meanTTFT()
			}
			var cells []string
			for j, how := range [][2]bool{{true, true}, {true, false}, {false, true}, {false, false}} {
				d := run.summary(how[0], how[1])
				cell := run.kinds(d)
				if cell != want[name][j] {
					t.Errorf("%s, stated %v, by tier %v: %q, want %q\n%+v", name, how[0], how[1], cell,
						want[name][j], d.Findings)
				}
				run.checkWorth(t, d, alone)
				cells = append(cells, cell)
			}
			lines = append(lines, fmt.Sprintf("%-10s %6.1f %6.1f %6.1f   %s", name,
				100*run.share(run.hits[kvcache.GPU]+run.hits[kvcache.CPU], whole),
				100*run.share(run.hits[kvcache.GPU], whole), 100*run.share(run.hits[kvcache.CPU], whole),
				strings.Join(cells, " | ")))
		}
	}
	t.Log(strings.Join(lines, "\n"))
}

// matrixRun is what an engine did in a run, and the records of a client.
type matrixRun struct {
	config kvcache.Config
	turns  []any
	hits   [kvcache.NumTiers]int
	prompt int
	last   time.Duration
}

// share returns a number of hits as a share of the possible ones.
func (r *matrixRun) share(hits int, whole *Details) float64 {
	return float64(hits) / float64(whole.Prediction.All.Ideal)
}

// kinds returns the verdicts among the findings; there must be no others.
func (r *matrixRun) kinds(d *Details) string {
	var kinds []string
	for _, f := range d.Findings {
		if f.Kind != autocorrelated {
			kinds = append(kinds, f.Kind)
		}
	}
	return strings.Join(kinds, " ")
}

// checkWorth compares what the tiers had with the engine's truth, and what the
// CPU's was worth with the mean TTFT of the run without it.
func (r *matrixRun) checkWorth(t *testing.T, d *Details, alone float64) {
	t.Helper()
	for i := range d.Worth {
		w := &d.Worth[i]
		for tier, n := range r.hits {
			off := math.Abs(float64(w.Tokens) - float64(n))
			if w.Tier == kvcache.Tier(tier).String() && off > 0.01*float64(w.Tokens) {
				t.Errorf("%s: %v tokens (%s), the engine had %d", w.Tier, w.Tokens, w.From, n)
			}
		}
		without := Number(alone - r.meanTTFT())
		if e := w.TTFT; w.lower() && w.known() && !(e.Low <= without && without <= e.High) {
			t.Errorf("%s: worth %v, a run without it differs by %v ms", w.Tier, e, without)
		}
	}
}

// meanTTFT returns the mean time to the first token, in ms.
func (r *matrixRun) meanTTFT() float64 {
	sum := 0.0
	for _, turn := range turnsOf(r.turns) {
		sum += since(turn.FirstToken, turn.Sent)
	}
	return sum / float64(len(r.turns))
}

// summary is what a report says of the run. The server tells the size of its GPU
// tier; by tier, also that of the CPU's and the hits in each.
func (r *matrixRun) summary(isStated, byTier bool) *Details {
	var recs []any
	recs = append(recs, &record.Run{Server: record.Server{Kind: "sim"}, OutputLength: record.LengthExact})
	for i, when := range []string{record.Before, record.After} {
		values := map[string]float64{
			"block_size": float64(r.config.BlockSize), "gpu_blocks": float64(r.config.Tiers[0].Blocks),
			"prompt_tokens": float64(i * r.prompt),
			"cached_tokens": float64(i * (r.hits[kvcache.GPU] + r.hits[kvcache.CPU])),
		}
		if byTier {
			values["cached_tokens_gpu"] = float64(i * r.hits[kvcache.GPU])
			values["cached_tokens_cpu"] = float64(i * r.hits[kvcache.CPU])
			if n := r.config.Tiers[kvcache.CPU].Blocks; n > 0 {
				values["cpu_tokens"] = float64(n * r.config.BlockSize)
			}
		}
		at := record.Clock(1) + record.Clock(i)*record.Clock(r.last+time.Second)
		recs = append(recs, &record.Scrape{At: at, URL: "s", When: when, Values: values})
	}
	o := Options{Cache: stated(kvcache.Config{BlockSize: r.config.BlockSize})}
	if isStated {
		o.Cache = stated(r.config)
	}
	return collected(o, append(recs, r.turns...)...).Summary().Details
}

// matrixTalk is a conversation, which is also the request that it has in flight.
type matrixTalk struct {
	engine.Sequence
	name  string
	chain *kvcache.Chain
	turn  int
	sent  time.Duration
}

// Token returns ids that nothing depends on: each conversation has its own chain.
func (c *matrixTalk) Token(i int) int32 { return int32(i) }

// playMatrix plays 20 conversations of 6 turns, 10 in progress, one request in
// flight, against the batch engine.
func playMatrix(t *testing.T, config kvcache.Config) *matrixRun {
	t.Helper()
	cache, err := kvcache.New(config)
	if err != nil {
		t.Fatal(err)
	}
	e := engine.NewBatch(engine.BatchOptions{
		MaxSequences: 256, MaxStepTokens: 8192, Step: 5 * time.Millisecond,
		PerPrefillToken: 50 * time.Microsecond, PerSequence: 20 * time.Microsecond, Jitter: 0.05,
		Load: engine.LoadTimes{0, 4 * time.Microsecond, 0},
	}, cache)
	random := rand.New(rand.NewPCG(1, 2))
	r := &matrixRun{config: config}
	var open, rest []*matrixTalk
	for i := range 20 {
		name := fmt.Sprint("C", i)
		rest = append(rest, &matrixTalk{name: name, chain: kvcache.NewChain(config.BlockSize, name)})
	}
	now := 10 * time.Millisecond
	for len(open)+len(rest) > 0 {
		for len(open) < 10 && len(rest) > 0 {
			open, rest = append(open, rest[0]), rest[1:]
		}
		next := random.IntN(len(open))
		c := open[next]
		open = slices.Delete(open, next, next+1)
		added := 20 + random.IntN(200)
		if c.turn == 0 {
			added += 600 + random.IntN(800)
		}
		c.chain.AppendUnknown(added)
		c.Sequence = engine.Sequence{
			Chain: c.chain, PromptTokens: c.chain.Tokens(), OutputTokens: 10 + random.IntN(20), Owner: c,
		}
		e.Submit(now, &c.Sequence)
		for !c.Done() {
			at, _ := e.Next()
			e.Advance(at, func(*engine.Sequence, time.Duration, int) {})
		}
		r.add(c, now)
		now = c.Last + 200*time.Microsecond
		if c.turn++; c.turn < 6 {
			open = append(open, c)
		}
	}
	r.last = now
	return r
}

// add adds a turn that was sent at that time.
func (r *matrixRun) add(c *matrixTalk, sent time.Duration) {
	cached := c.CachedTokens()
	r.prompt += c.PromptTokens
	for tier, n := range c.Cached {
		r.hits[tier] += n
	}
	r.turns = append(r.turns, &record.Turn{
		Conversation: c.name, Turn: c.turn, Messages: 2*c.turn + 1, MaxTokens: c.OutputTokens,
		Exchange: record.Exchange{
			Outcome: record.OK, Stream: true, Chunks: c.OutputTokens, Sent: record.Clock(sent),
			FirstToken: record.Clock(c.First), LastToken: record.Clock(c.Last),
			End: record.Clock(c.Last + time.Microsecond),
			Usage: &record.Usage{
				Prompt: c.PromptTokens, Completion: c.OutputTokens, Cached: &cached,
			},
		},
	})
}
