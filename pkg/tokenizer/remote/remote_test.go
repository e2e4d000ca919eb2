package remote

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
)

func TestCounter(t *testing.T) {
	t.Parallel()
	var asked, added, most, now, ended atomic.Int64
	c := &Counter{
		Ask: func(_ context.Context, text string) (int, error) {
			asked.Add(1)
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			return len(text), nil
		},
		Progress: func(int) (add, done func()) {
			return func() { added.Add(1) }, func() { ended.Add(1) }
		},
	}
	if c.Count("a") != 0 || asked.Load() != 0 {
		t.Error("it asks without a Fetch")
	}
	texts := []string{"", "a", "bb", "a"}
	for i := range 100 {
		texts = append(texts, fmt.Sprintf("text %03d", i))
	}
	for range 2 { // the second time everything is known
		if err := c.Fetch(t.Context(), texts); err != nil {
			t.Fatal(err)
		}
	}
	if asked.Load() != 102 || added.Load() != 102 || ended.Load() != 1 || most.Load() > AtOnce {
		t.Errorf("%d asked, %d added, %d at once", asked.Load(), added.Load(), most.Load())
	}
	if c.Count("bb") != 2 || c.Count("text 042") != 8 || c.Count("") != 0 || c.Count("x") != 0 {
		t.Error("the counts differ")
	}
}

// The first error ends a Fetch, and a context that is cancelled does, too.
func TestErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var texts []string
	for i := range 1000 {
		texts = append(texts, fmt.Sprint(i))
	}
	asked := atomic.Int64{}
	c := &Counter{Ask: func(context.Context, string) (int, error) {
		asked.Add(1)
		return 0, broken
	}}
	if err := c.Fetch(t.Context(), texts); !errors.Is(err, broken) || asked.Load() > 2*AtOnce {
		t.Errorf("%v after %d", err, asked.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.Ask = func(ctx context.Context, _ string) (int, error) {
		cancel()
		<-ctx.Done()
		return 0, errors.New("an error of the request")
	}
	if err := c.Fetch(ctx, texts); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
