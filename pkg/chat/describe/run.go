package describe

import (
	"context"
	"fmt"
	"iter"
	"runtime"

	"golang.org/x/sync/errgroup"

	"multiturn/pkg/chat"
)

// batchSize is how many conversations a worker gets at a time, and batchText how
// many bytes of text at most: enough that handing over costs nothing.
const (
	batchSize = 64
	batchText = 1 << 20
)

// batch is some conversations on their way through a worker.
type batch struct {
	conversations []*chat.Conversation
	facts         []*Facts
	done          chan struct{}
}

// Run looks at all conversations with one worker for each processor, and returns
// their counts. count returns the number of tokens of a text; it is called from
// several goroutines. A conversation without an id is called conversation-N, as
// chat.Name does.
func Run(ctx context.Context, all iter.Seq[*chat.Conversation],
	count func(string) int) (*Counter, error) {
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	work, ordered := make(chan *batch, workers), make(chan *batch, 2*workers)
	group.Go(func() error {
		defer close(work)
		defer close(ordered)
		return deal(ctx, all, work, ordered)
	})
	for range workers {
		group.Go(func() error {
			for b := range work {
				for _, c := range b.conversations {
					b.facts = append(b.facts, Look(c, count))
				}
				b.conversations = nil
				close(b.done)
			}
			return nil
		})
	}
	counter := NewCounter()
	group.Go(func() error {
		for b := range ordered {
			<-b.done
			for _, f := range b.facts {
				counter.Add(f)
			}
		}
		return nil
	})
	return counter, group.Wait()
}

// deal passes the conversations on in batches.
func deal(ctx context.Context, all iter.Seq[*chat.Conversation],
	work, ordered chan<- *batch) error {
	b, text, n := &batch{done: make(chan struct{})}, 0, 0
	send := func() error {
		for _, to := range []chan<- *batch{work, ordered} {
			select {
			case to <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		b, text = &batch{done: make(chan struct{})}, 0
		return nil
	}
	for c := range all {
		if n++; c.ID == "" {
			c.ID = fmt.Sprintf("conversation-%d", n)
		}
		b.conversations = append(b.conversations, c)
		for i := range c.Messages {
			text += len(c.Messages[i].Text)
		}
		if len(b.conversations) == batchSize || text >= batchText {
			if err := send(); err != nil {
				return err
			}
		}
	}
	return send()
}
