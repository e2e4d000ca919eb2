// Package remote counts the tokens of texts by asking a server for them, for
// models whose tokenizer cannot be read.
package remote

import (
	"context"
	"crypto/sha256"
	"sync"

	"golang.org/x/sync/errgroup"
)

// AtOnce is how many texts are asked for at the same time: enough to hide the
// network, and few enough to leave the server its own work.
const AtOnce = 8

// Counter has the counts of the texts that were fetched. It is safe for
// concurrent use.
type Counter struct {
	// Ask returns the tokens of a text, without special tokens around it.
	Ask func(ctx context.Context, text string) (int, error)
	// Progress, unless nil, is called when n texts are about to be fetched. It
	// returns functions for each text that was, and for the end.
	Progress func(n int) (add, done func())

	mu    sync.Mutex
	known map[key]int
}

// key stands for a text, which may be long.
type key [sha256.Size]byte

func keyOf(text string) key { return sha256.Sum256([]byte(text)) }

// Count returns the tokens of a text that was fetched, and 0 for any other one:
// it asks nobody.
func (c *Counter) Count(text string) int {
	if text == "" {
		return 0
	}
	k := keyOf(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[k]
}

// Known reports whether the count of a text was fetched. That of "" is known.
func (c *Counter) Known(text string) bool {
	if text == "" {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.known[keyOf(text)]
	return ok
}

// Fetch asks for the counts of texts, each once. The first error ends it.
func (c *Counter) Fetch(ctx context.Context, texts []string) error {
	wanted := c.unknown(texts)
	if len(wanted) == 0 {
		return nil
	}
	add, done := func() {}, func() {}
	if c.Progress != nil {
		add, done = c.Progress(len(wanted))
	}
	defer done()
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(AtOnce)
	for _, text := range wanted {
		if asking.Err() != nil {
			break
		}
		group.Go(func() error {
			n, err := c.Ask(asking, text)
			if err != nil {
				return err
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.known[keyOf(text)] = n
			add()
			return nil
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// unknown returns the texts whose counts are not known, each once.
func (c *Counter) unknown(texts []string) (wanted []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[key]int{}
	}
	seen := map[string]bool{"": true}
	for _, text := range texts {
		if seen[text] {
			continue
		}
		seen[text] = true
		if _, ok := c.known[keyOf(text)]; !ok {
			wanted = append(wanted, text)
		}
	}
	return wanted
}
