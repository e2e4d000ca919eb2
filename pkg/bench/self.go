package bench

import (
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"multiturn/pkg/record"
)

// self measures the client while it measures the server.
type self struct {
	start time.Time
	cpu   time.Duration
	gc    debug.GCStats
	quit  chan struct{}
	wake  chan []float64
}

// probePeriod is the probe's interval: far above a timer's resolution, and 6,000
// samples a minute.
const probePeriod = 10 * time.Millisecond

// watch starts the probe.
func watch() *self {
	s := &self{
		start: time.Now(), cpu: cpuTime(), quit: make(chan struct{}), wake: make(chan []float64, 1),
	}
	debug.ReadGCStats(&s.gc)
	go s.probe()
	return s
}

// probe wakes up at fixed times and notes by how much it is late. Whatever
// delays it delays the clients' goroutines in the same way.
func (s *self) probe() {
	var late []float64
	timer := time.NewTimer(probePeriod)
	defer timer.Stop()
	for due := s.start.Add(probePeriod); ; {
		select {
		case <-s.quit:
			s.wake <- late
			return
		case <-timer.C:
		}
		now := time.Now()
		late = append(late, float64(now.Sub(due))/1e6)
		// Times stay on the grid; those that were slept through are left out.
		due = due.Add(max(probePeriod, now.Sub(due).Truncate(probePeriod)+probePeriod))
		timer.Reset(due.Sub(now))
	}
}

// certificate ends the probe and returns what the process knows of itself. What
// the turns show, and the verdict, are left to readers of the records.
func (s *self) certificate() record.Certificate {
	close(s.quit)
	wall := time.Since(s.start)
	cpu := cpuTime() - s.cpu
	c := record.Certificate{
		Wake:         quantiles(<-s.wake),
		CPUSeconds:   cpu.Seconds(),
		PeakMemoryMB: float64(peakMemory()) / 1e6,
	}
	if wall > 0 {
		c.CPUShare = cpu.Seconds() / wall.Seconds() / float64(runtime.NumCPU())
	}
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	c.GCs = int(gc.NumGC - s.gc.NumGC)
	for _, p := range gc.Pause[:min(len(gc.Pause), c.GCs)] { // newest first
		c.GCPauseMaxMS = max(c.GCPauseMaxMS, float64(p)/1e6)
	}
	return c
}

// quantiles returns the quantiles of a sample, of type 7 as everywhere.
func quantiles(xs []float64) record.Quantiles {
	q := record.Quantiles{N: len(xs)}
	if len(xs) == 0 {
		return q
	}
	slices.Sort(xs)
	at := func(p float64) float64 {
		h := p * float64(len(xs)-1)
		lo := math.Floor(h)
		hi := min(int(lo)+1, len(xs)-1)
		return xs[int(lo)] + (h-lo)*(xs[hi]-xs[int(lo)])
	}
	q.P50, q.P99, q.Max = at(0.5), at(0.99), xs[len(xs)-1]
	return q
}
