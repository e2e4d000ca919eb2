package report

import (
	"fmt"
	"strings"
	"testing"
)

// What a tier is worth by one run, beside the difference of two runs against the
// simulated engine. With one request in flight the interval holds it; with eight,
// requests wait for each other, which the worth leaves out.
func TestWorthBesideTwoRuns(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, tc := range []struct {
		clients, conversations, turns, answer, gpu int
		pairs, inside, near                        int
	}{
		{1, 20, 6, 10, 400, 20, 18, 20},
		{8, 32, 8, 80, 1800, 5, 0, 5},
	} {
		inside, near := 0, 0
		for i := range tc.pairs {
			l := engineLoad{
				cache: shape(tc.gpu, 0, 0), inTurn: tc.clients > 1,
				conversations: tc.conversations, turns: tc.turns, answer: tc.answer,
				clients: tc.clients, seed: uint64(i + 1), chance: int64(2 * i), jitter: 0.1,
			}
			without := l.play(t)
			l.cache, l.chance = shape(tc.gpu, 20000, 0), l.chance+1
			with := l.play(t)
			d := with.summary(false, true)
			w := d.Worth[1]
			e, difference := w.TTFT, Number(without.meanTTFT()-with.meanTTFT())
			off := float64(e.Value/difference - 1)
			if e.Low <= difference && difference <= e.High {
				inside++
			}
			if -0.2 <= off && off <= 0.2 {
				near++
			}
			lines = append(lines, fmt.Sprintf("%d %3d %7.2f %7.2f %7.2f   %7.2f [%.2f, %.2f] %+.1f %%",
				tc.clients, i+1, without.meanTTFT(), with.meanTTFT(), difference, e.Value, e.Low, e.High,
				100*off))
			counted := strings.Contains(d.Findings[0].Text, "queueing not counted")
			if counted != (tc.clients > 1) {
				t.Errorf("%d in flight: %q", tc.clients, d.Findings[0].Text)
			}
		}
		if inside < tc.inside || near < tc.near {
			t.Errorf("%d in flight: %d of %d inside the interval, %d within 20 %%", tc.clients, inside,
				tc.pairs, near)
		}
	}
	t.Log("in flight, pair, mean TTFT without, with, difference, worth\n" + strings.Join(lines, "\n"))
}
