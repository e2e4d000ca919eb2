package plan

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
)

// someTurns returns turns of every kind: retried and failed ones, with usage and
// without, with reasoning, of several arms and replicas.
func someTurns(n, length int) []*record.Turn {
	rng := rand.New(rand.NewPCG(1, 2))
	var turns []*record.Turn
	for i := range n {
		at := record.Clock(1 + i*1_000_000)
		t := &record.Turn{
			Conversation: fmt.Sprint(i / length), Turn: i % length, Messages: 1 + 2*(i%length),
			Warmup: i%50 == 0, Replica: i / length % 3, Scheduled: at,
			Exchange: record.Exchange{Outcome: record.OK, Sent: at, FirstToken: at + 500,
				LastToken: at + 900, End: at + 1000, Chunks: rng.IntN(3)},
			Counted: record.Counted{Input: 100 + 90*(i%length), Output: 40},
		}
		if i%3 > 0 {
			t.Usage = &record.Usage{Prompt: 110 + 90*(i%length), Completion: 40}
		}
		switch rng.IntN(12) {
		case 0:
			t.Outcome, t.FirstToken, t.Usage = record.Connect, 0, nil
		case 1:
			t.History = record.HistoryOmitted
		case 2:
			t.Arm = record.ArmNoReuse
		case 3:
			t.ChunksReasoning = 2
		case 4:
			t.Usage = &record.Usage{Prompt: 30, Completion: 2, Reasoning: new(int)}
			*t.Usage.Reasoning = 2
		case 5:
			t.Sent, t.Issued, t.LastToken, t.Implausible = 0, at, 0, "chunks -1"
		}
		turns = append(turns, t)
	}
	return turns
}

func TestTurnsKeepWhatAPlanNeeds(t *testing.T) {
	t.Parallel()
	turns := someTurns(2000, 8)
	var kept Turns
	for _, turn := range turns {
		kept.Add(turn)
	}
	want := fromTurns(turns, Executed{})
	if got := FromTurns(kept.Len(), kept.At(), Executed{}); !reflect.DeepEqual(got, want) {
		t.Errorf("the workload of kept turns differs:\n%+v\n%+v", got.Notes, want.Notes)
	}
	if len(want.Notes) < 6 {
		t.Errorf("the turns are not of every kind: %q", want.Notes)
	}
}

// perTurn returns the bytes of the heap that made keeps for each of n turns. The
// memory of other tests would be counted: no test that calls it runs beside others.
func perTurn(n int, make func() any) int {
	inUse := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := inUse()
	kept := make()
	size := inUse() - before
	runtime.KeepAlive(kept)
	return int(size) / n
}

// A plan of a million turns has to fit into a gigabyte, and its blocks with it.
func TestMemoryOfATurn(t *testing.T) {
	const n = 100_000
	var kept Turns
	add := func() any {
		for i := range n {
			turn, at := i%20, record.Clock(1+1000*i)
			kept.Add(&record.Turn{Conversation: fmt.Sprint(i / 20), Turn: turn, Exchange: record.Exchange{
				Outcome: record.OK, Sent: at, FirstToken: at + 500, LastToken: at + 900, End: at + 900,
				Chunks: 40, GapsUS: make(record.Gaps, 39),
				Usage: &record.Usage{Prompt: 60 + 100*turn, Completion: 40},
			}})
		}
		return &kept
	}
	if b := perTurn(n, add); b > 160 {
		t.Errorf("%d bytes are kept of a turn, want at most 160", b)
	}
	analyse := func() any {
		w := FromTurns(kept.Len(), kept.At(), Executed{})
		a, err := Analyse(w, nil, kvcache.PromptAndOutput)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	// Of them 8 for each of the 6 new blocks of a turn.
	if b := perTurn(n, analyse); b > 250 {
		t.Errorf("%d bytes are kept of an analysed turn, want at most 250", b)
	}
}
