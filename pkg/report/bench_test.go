package report

import (
	"fmt"
	"runtime"
	"testing"

	"multiturn/pkg/record"
)

// manyTurns returns a collector of n turns, of conversations of ten.
func manyTurns(n int) *Collector {
	c := NewCollector("x", Options{})
	at := record.Clock(1)
	for i := range n {
		turn, cached := i%10, 0
		c.Add(&record.Turn{
			Conversation: fmt.Sprint(i / 10), Turn: turn, Messages: 2*turn + 1,
			Exchange: record.Exchange{
				Outcome: record.OK, Sent: at, FirstToken: at + 1e6, End: at + 2e6, Stream: true,
				Chunks: 10, GapsUS: record.Gaps{100, 110, 120},
				Usage: &record.Usage{Prompt: 50 + 60*turn, Completion: 10, Cached: &cached},
			},
		})
		at += 1e6
	}
	return c
}

// heapInUse returns the bytes of the heap that are in use.
func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A report of a million turns has to fit into half a gigabyte. Not parallel: the
// memory of other tests would be counted.
func TestMemoryOfATurn(t *testing.T) {
	const n = 100_000
	before := heapInUse()
	c := manyTurns(n)
	if b := (heapInUse() - before) / n; b > 230 {
		t.Errorf("%d bytes are kept of a turn, want at most 230: 152, and the slack of a slice", b)
	}
	s := c.Summary()
	if b := (heapInUse() - before) / n; b > 330 {
		t.Errorf("a summary keeps %d bytes for a turn, want at most 330", b)
	}
	if s.measured != n {
		t.Errorf("%d turns were measured", s.measured)
	}
}

// BenchmarkTurns shows the memory that a summary keeps for a turn.
func BenchmarkTurns(b *testing.B) {
	const n = 100_000
	b.ReportAllocs()
	for b.Loop() {
		before := heapInUse()
		c := manyTurns(n)
		s := c.Summary()
		b.ReportMetric(float64(heapInUse()-before)/n, "B/turn")
		runtime.KeepAlive(s)
	}
}

// BenchmarkCachePlan shows what a prediction allocates for 100,000 turns.
func BenchmarkCachePlan(b *testing.B) {
	c := manyTurns(100_000)
	c.settle()
	b.ReportAllocs()
	for b.Loop() {
		if c.cachePlan() == nil {
			b.Fatal("no plan")
		}
	}
}
