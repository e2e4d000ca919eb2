package scrape

import (
	"context"
	"time"

	"multiturn/pkg/record"
)

// settle is how long after the last turn its counters are read: servers count a
// request just after they have answered it.
const settle = 200 * time.Millisecond

// hurry is the longest that the last reading may take once the run is cancelled,
// which has to end within a second: ample for a server that answers.
const hurry = 300 * time.Millisecond

// Watch reads metrics beside a run: before it, at an interval, and after it.
type Watch struct {
	scraper *Scraper
	sink    func(record.Scrape)
	stop    context.CancelFunc
	done    chan struct{}
}

// Begin reads the metrics before the first measured turn, and from then on every
// interval, on a goroutine of its own; an interval of 0 is none. sink gets each
// reading.
func (s *Scraper) Begin(
	ctx context.Context, interval time.Duration, sink func(record.Scrape),
) *Watch {
	for _, r := range s.Scrape(ctx, record.Before) {
		sink(r)
	}
	w := &Watch{scraper: s, sink: sink, done: make(chan struct{})}
	ctx, w.stop = context.WithCancel(ctx)
	go func() {
		defer close(w.done)
		if interval > 0 {
			s.Every(ctx, interval, sink)
		}
	}()
	return w
}

// End reads the metrics after the last turn, even if ctx is cancelled, but then in
// a hurry. No reading reaches the sink after it.
func (w *Watch) End(ctx context.Context) {
	w.stop()
	<-w.done
	select {
	case <-time.After(settle):
	case <-ctx.Done():
	}
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(hurry, cancel) })()
	for _, r := range w.scraper.Scrape(last, record.After) {
		w.sink(r)
	}
}

// Sum adds a quantity over the servers that were read at the same time. ok is
// false if one of them does not expose it.
func Sum(list []record.Scrape, quantity string) (sum float64, ok bool) {
	ok = true
	for _, r := range list {
		n, exposed := r.Values[quantity]
		sum, ok = sum+n, ok && exposed
	}
	return sum, ok
}

// Describe adds to a server what its metrics expose of its cache. Sizes are
// added; replicas that differ have no block in common. They may be any numbers:
// record.Check decides which of them can be true.
func Describe(list []record.Scrape, s *record.Server) {
	for i, r := range list {
		block := int(r.Values["block_size"])
		offload := 0
		if n := int(r.Values["offload_blocks"]); n > 1 {
			offload = n * block
		}
		if i > 0 && block != s.BlockSize {
			block = 0
		}
		if i > 0 && offload != s.OffloadBlockSize {
			offload = 0
		}
		s.BlockSize, s.OffloadBlockSize = block, offload
		s.GPUBlocks += int(r.Values["gpu_blocks"])
		if n := int(r.Values["cpu_tokens"]); n > 0 {
			s.CPUTokens += n
		} else {
			s.CPUTokens += int(r.Values["cpu_blocks"] * r.Values["block_size"])
		}
	}
}
