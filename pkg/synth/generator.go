package synth

import (
	"context"
	"iter"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"multiturn/pkg/chat"
	"multiturn/pkg/tokenizer"
)

// Options are the options of a run besides config and text.
type Options struct {
	// Seed is the seed of all draws, as the reference's.
	Seed uint32
	// CleanUpSpaces removes spaces from decoded text as transformers up to
	// version 4 does for a tokenizer with clean_up_tokenization_spaces.
	CleanUpSpaces bool
	// Workers is the number of conversations made at once; 0 means one per
	// processor.
	Workers int
}

// Generator makes the conversations of a config from a corpus. It is safe for
// concurrent use.
type Generator struct {
	cfg         *Config
	corpus      *Corpus
	opts        Options
	instruction int
	common      string
	// openings caches the texts of answers by number of tokens, since all
	// answers are the same opening. Few answers are longer than 1024 tokens.
	openings [1024]atomic.Pointer[string]
}

// New prepares a run. It returns a *ShortTextError if the text is too short for
// the config and seed, and another error if the config draws a number that is
// not allowed.
func New(ctx context.Context, cfg *Config, corpus *Corpus, opts Options) (*Generator, error) {
	g := &Generator{cfg: cfg, corpus: corpus, opts: opts,
		instruction: corpus.tok.Count(cfg.Fillers.Instruction)}
	p := g.plan()
	if p.common > 0 {
		end := p.common - 2
		if end < 0 {
			end += len(corpus.ids)
		}
		g.common = g.decode(0, min(max(end, 0), len(corpus.ids))) + "."
	}
	if err := g.check(ctx); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *Generator) plan() *planner { return newPlanner(g.cfg, g.opts.Seed, g.instruction) }

// All yields the conversations in order. It makes a few at a time, so memory
// does not grow with their number. The error is that of the context, or one
// that New returns too.
func (g *Generator) All(ctx context.Context) iter.Seq2[*chat.Conversation, error] {
	return Map(ctx, g, func(c *chat.Conversation) *chat.Conversation { return c })
}

// Map yields the result of f for each conversation, in order. It calls f on
// several goroutines, so that work on each conversation, such as encoding it,
// uses all processors.
func Map[T any](ctx context.Context, g *Generator, f func(*chat.Conversation) T) iter.Seq2[T,
	error] {
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		workers := g.opts.Workers
		if workers <= 0 {
			workers = runtime.GOMAXPROCS(0)
		}
		type job struct {
			draft draft
			err   error
			done  chan T
		}
		// Every job goes to a worker, and in order to this goroutine, which
		// waits for each in turn.
		todo, ordered := make(chan job), make(chan job, 2*workers)
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		for range workers {
			all.Go(func() {
				for j := range todo {
					j.done <- f(g.conversation(j.draft))
				}
			})
		}
		all.Go(func() {
			defer close(todo)
			defer close(ordered)
			p := g.plan()
			for range g.cfg.NumConversations {
				d, err := p.draft()
				j := job{d, err, make(chan T, 1)}
				select {
				case ordered <- j:
				case <-ctx.Done():
					return
				}
				if err != nil {
					return
				}
				todo <- j
			}
		})
		var none T
		for j := range ordered {
			if j.err != nil {
				yield(none, j.err)
				return
			}
			select {
			case v := <-j.done:
				if !yield(v, nil) {
					return
				}
			case <-ctx.Done():
			}
			if ctx.Err() != nil {
				break
			}
		}
		if err := ctx.Err(); err != nil {
			yield(none, err)
		}
	}
}

// conversation writes out a draft.
func (g *Generator) conversation(d draft) *chat.Conversation {
	salt := fill(g.cfg.Fillers.Salt, d.number)
	saltTokens := g.corpus.tok.Count(salt)
	c := &chat.Conversation{ID: "CONV_ID_" + strconv.Itoa(d.number),
		Messages: make([]chat.Message, d.turns)}
	base := d.base + d.prefix
	for t := range c.Messages {
		m := &c.Messages[t]
		if t%2 == 1 {
			m.Role, m.Text = chat.Assistant, g.opening(d.output[t])
			continue
		}
		text, left := salt, d.input[t]-saltTokens
		if t == 0 {
			if g.common != "" {
				text = g.common + salt
				left = d.input[t] - g.corpus.tok.Count(text)
			}
			if d.prefix > 0 {
				text += fill(g.cfg.Fillers.Prefix, d.number) + g.decode(d.base, base)
			}
		}
		text += g.cfg.Fillers.Instruction
		left -= g.instruction
		if left > 0 {
			start := base + t*d.width
			text += g.decode(start, start+left)
		}
		m.Role, m.Text = chat.User, text
	}
	return c
}

// decode returns the text of the tokens from up to to.
func (g *Generator) decode(from, to int) string {
	text := g.corpus.tok.Decode(g.corpus.ids[from:to], false)
	if g.opts.CleanUpSpaces {
		text = tokenizer.CleanUpSpaces(text)
	}
	return text
}

// opening returns the text of the first n tokens of the corpus.
func (g *Generator) opening(n int) string {
	if n >= len(g.openings) {
		return g.decode(0, n)
	}
	if known := g.openings[n].Load(); known != nil {
		return *known
	}
	text := g.decode(0, n)
	g.openings[n].Store(&text)
	return text
}
