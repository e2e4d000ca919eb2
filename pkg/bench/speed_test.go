package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"multiturn/pkg/record"

	"multiturn/pkg/load"
)

// instant is a server that answers at once.
type instant struct{ start time.Time }

func (s *instant) Send(context.Context, *Request) *Reply {
	r := &Reply{Text: "yes", First: "yes"}
	r.Outcome = record.OK
	r.Sent = record.At(s.start, time.Now())
	r.End = r.Sent
	return r
}

// BenchmarkTurn is the time from the end of an answer to the next request, of
// one client and of several that are always busy.
func BenchmarkTurn(b *testing.B) {
	for _, clients := range []int{1, 8, 256} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			cs := conversations(1024, 64)
			b.ReportAllocs()
			turns := 0
			var gap, n int64
			for b.Loop() {
				start := time.Now()
				last := make([]record.Clock, clients)
				o := of(load.Options{Clients: clients, Active: 2 * clients})
				o.Start, o.History = start, DatasetAnswers
				o.OnFinished = func(e *Finished) error {
					turns++
					if c := e.Turn.Client; last[c] > 0 {
						gap += int64(e.Turn.Issued - last[c])
						n++
					}
					last[e.Turn.Client] = e.Turn.End
					return nil
				}
				if _, err := Run(b.Context(), o, &instant{start}, cs, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(gap)/float64(n), "ns-gap")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(turns), "ns/turn")
		})
	}
}
