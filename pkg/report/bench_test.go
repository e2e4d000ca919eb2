package report

import (
	"fmt"
	"testing"

	"multiturn/pkg/record"
)

// BenchmarkCachePlan shows what a prediction allocates for 100,000 turns.
func BenchmarkCachePlan(b *testing.B) {
	c := NewCollector("x", Options{})
	at := record.Clock(1)
	for i := range 10_000 {
		for turn := range 10 {
			cached := 0
			c.Add(&record.Turn{
				Conversation: fmt.Sprint(i), Turn: turn, Messages: 2*turn + 1,
				Exchange: record.Exchange{
					Outcome: record.OK, Sent: at, FirstToken: at + 1e6, End: at + 2e6,
					Usage: &record.Usage{Prompt: 50 + 60*turn, Completion: 10, Cached: &cached},
				},
			})
			at += 1e6
		}
	}
	c.settle()
	b.ReportAllocs()
	for b.Loop() {
		if c.cachePlan() == nil {
			b.Fatal("no plan")
		}
	}
}
