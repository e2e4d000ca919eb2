package main

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"multiturn/pkg/record"
)

// live is what the progress line of a run has beside the counts.
type live struct {
	inFlight atomic.Int64

	mu     sync.Mutex
	failed int
	recent []firstToken // the oldest first
}

// firstToken is the TTFT of a turn and when the turn finished.
type firstToken struct {
	at   time.Time
	ttft float64 // ms
}

// The turns that the TTFT of the line is of: those of the last seconds, and not
// so many that sorting them several times a second costs anything.
const (
	recentTime  = 10 * time.Second
	recentTurns = 500
)

// finished notes a turn that has finished.
func (l *live) finished(t *record.Turn, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !t.Outcome.OK() {
		l.failed++
	}
	l.forget(now)
	if t.FirstToken == 0 {
		return
	}
	if len(l.recent) == recentTurns {
		l.recent = slices.Delete(l.recent, 0, 1)
	}
	l.recent = append(l.recent, firstToken{now, t.FirstToken.MS() - t.Sent.MS()})
}

// forget drops the turns that finished too long ago.
func (l *live) forget(now time.Time) {
	old := 0
	for old < len(l.recent) && now.Sub(l.recent[old].at) > recentTime {
		old++
	}
	l.recent = slices.Delete(l.recent, 0, old)
}

func (l *live) note() string { return l.text(time.Now()) }

// text returns "0 failed, 8 in flight, TTFT 47 ms". The TTFT is the median.
func (l *live) text(now time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(now)
	ttft := "-"
	if len(l.recent) > 0 {
		var all []float64
		for _, r := range l.recent {
			all = append(all, r.ttft)
		}
		slices.Sort(all)
		ttft = fmt.Sprintf("%.0f ms", all[len(all)/2])
	}
	return fmt.Sprintf("%d failed, %d in flight, TTFT %s", l.failed, l.inFlight.Load(), ttft)
}
