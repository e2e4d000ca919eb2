package bench

import (
	"context"

	"multiturn/pkg/chat"
	"multiturn/pkg/load"
)

// Fetch fetches what has to be counted before a run of o begins, if the counter is
// a Fetcher: the marker, and the answers whose lengths are asked for.
func Fetch(ctx context.Context, o Options, conversations []chat.Conversation) error {
	f, ok := o.Counter.(Fetcher)
	if !ok {
		return nil
	}
	texts := []string{o.Marker}
	if o.needsLengths() {
		l, err := load.New(o.Options, conversations)
		if err != nil {
			return err
		}
		plays := l.Plays()
		if o.MaxRequests > 0 && !o.Warmup && len(plays) > o.MaxRequests { // each has a request at least
			plays = plays[:o.MaxRequests]
		}
		for _, p := range plays {
			c := &conversations[p.Conversation]
			for _, t := range p.Turns {
				for _, m := range c.Answer(t) {
					if m.OutputTokens == 0 {
						texts = append(texts, m.AllText())
					}
				}
			}
		}
	}
	return f.Fetch(ctx, texts)
}
