package report

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"multiturn/pkg/kvcache"
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
	// The columns are: stated and by tier, stated, by tier, neither. All of the
	// working set fits into the GPU's tier from 1 on.
	want := map[string][4]string{
		"0.25 none": {small, small, small, small},
		"0.25 half": {both, both, both, hidden + " " + small},
		"0.25 all":  {worth, worth, worth, hidden},
		"0.5 none":  {small, small, small, small},
		"0.5 half":  {idle, idle, idle, small},
		"0.5 all":   {worth, worth, worth, hidden},
	}
	play := func(config kvcache.Config) *engineRun {
		return engineLoad{
			cache: config, conversations: 20, turns: 6, answer: 10, clients: 1, seed: 1, jitter: 0.05,
		}.play(t)
	}
	whole := play(shape(1<<20, 0, 0)).summary(true, false)
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
			run := play(config)
			name := fmt.Sprintf("%g %s", gpu, cpu)
			verdicts := want[name]
			if gpu >= 1 {
				verdicts = [4]string{fits, fits, fits, fits}
			}
			if i == 0 {
				alone = run.meanTTFT()
			}
			var cells []string
			for j, how := range [][2]bool{{true, true}, {true, false}, {false, true}, {false, false}} {
				d := run.summary(how[0], how[1])
				cell := run.kinds(d)
				if cell != verdicts[j] {
					t.Errorf("%s, stated %v, by tier %v: %q, want %q\n%+v", name, how[0], how[1], cell,
						verdicts[j], d.Findings)
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

// share returns a number of hits as a share of the possible ones.
func (r *engineRun) share(hits int, whole *Details) float64 {
	return float64(hits) / float64(whole.Prediction.All.Possible)
}

// kinds returns the verdicts among the findings; there must be no others.
func (r *engineRun) kinds(d *Details) string {
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
func (r *engineRun) checkWorth(t *testing.T, d *Details, alone float64) {
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
