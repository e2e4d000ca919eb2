// Package describe counts what a dataset of conversations is like: how many and
// how long conversations, turns and messages are, what their first prompts
// share, and which are the longest.
//
// # How much memory
//
// The conversations pass by one at a time. What is kept does not grow with their
// texts: percentiles come from histograms (three significant digits; counts,
// sums, means and extremes are exact), shared prefixes from a table of fixed
// size, and each conversation leaves 8 bytes by which its duplicates are
// recognised.
//
// # Shared prefixes
//
// The first prompt of a conversation is what its first turn sends: tools, system
// prompt, and all up to the first answer. It is cut into blocks of 64 bytes. A
// block is shared if an earlier conversation's first prompt has the same bytes up
// to the block's end. A cache can serve these, whatever it holds of the same
// conversation. The table remembers the last 4,194,304 different blocks or more,
// so in a dataset with more of them the share is a lower bound.
package describe

import (
	"cmp"
	"slices"

	"multiturn/pkg/chat"
	"multiturn/pkg/measure"
)

// Counter counts conversations, in the order in which they are added.
type Counter struct {
	turns, messages, tokens *measure.Histogram // of a conversation
	roles                   map[string]*measure.Histogram
	byTurn                  []turnCounts
	longest                 []Longest
	seen                    map[uint64]struct{} // digests of conversations
	prefixes                prefixes
	tools                   Tools
	media                   map[string]int
	mediaIn                 int
	scripts                 map[string]int
	duplicates              int
}

// NewCounter returns an empty Counter.
func NewCounter() *Counter {
	return &Counter{
		turns: measure.NewHistogram(), messages: measure.NewHistogram(),
		tokens: measure.NewHistogram(), roles: map[string]*measure.Histogram{},
		seen: map[uint64]struct{}{}, prefixes: newPrefixes(), media: map[string]int{},
		scripts: map[string]int{},
	}
}

// longestKept is how many of the longest conversations are listed.
const longestKept = 10

// Add counts a conversation that Look has looked at.
func (c *Counter) Add(f *Facts) {
	c.turns.Add(int64(len(f.turns)), 1)
	c.messages.Add(int64(len(f.messages)), 1)
	c.tokens.Add(int64(f.tokens), 1)
	for _, m := range f.messages {
		h := c.roles[m.role]
		if h == nil {
			h = measure.NewHistogram()
			c.roles[m.role] = h
		}
		h.Add(int64(m.tokens), 1)
	}
	for i, t := range f.turns {
		c.turn(i).add(t)
	}
	c.addLongest(Longest{ID: f.id, Turns: len(f.turns), Messages: len(f.messages), Tokens: f.tokens})
	c.prefixes.add(f)
	c.tools.add(&f.tools)
	for kind, n := range f.media {
		c.media[kind] += n
	}
	if len(f.media) > 0 {
		c.mediaIn++
	}
	c.scripts[f.script]++
	if _, again := c.seen[f.digest]; again {
		c.duplicates++
	}
	c.seen[f.digest] = struct{}{}
}

// addLongest keeps a conversation if it is one of the longest; of equal ones the
// first.
func (c *Counter) addLongest(l Longest) {
	if n := len(c.longest); n == longestKept && l.Tokens <= c.longest[n-1].Tokens {
		return
	}
	c.longest = append(c.longest, l)
	slices.SortStableFunc(c.longest, func(a, b Longest) int { return cmp.Compare(b.Tokens, a.Tokens) })
	c.longest = c.longest[:min(len(c.longest), longestKept)]
}

// turnCounts are the lengths of a turn, or of several that are counted together.
type turnCounts struct {
	new, prompt, answer *measure.Histogram
}

// soloTurns is how many turns are counted each on its own. Later ones are counted
// together, twice as many each time: 9 to 16, 17 to 32.
const soloTurns = 8

// group returns the index of the counts of a turn, from 0.
func group(turn int) int {
	g := turn
	if turn >= soloTurns {
		g = soloTurns
		for end := 2 * soloTurns; turn >= end; end *= 2 {
			g++
		}
	}
	return g
}

func (c *Counter) turn(i int) *turnCounts {
	for group(i) >= len(c.byTurn) {
		c.byTurn = append(c.byTurn, turnCounts{
			measure.NewHistogram(), measure.NewHistogram(), measure.NewHistogram(),
		})
	}
	return &c.byTurn[group(i)]
}

func (t *turnCounts) add(f turnFacts) {
	t.new.Add(int64(f.new), 1)
	t.prompt.Add(int64(f.prompt), 1)
	if f.answer >= 0 {
		t.answer.Add(int64(f.answer), 1)
	}
}

// Look looks at a conversation. It may run on several conversations at a time.
// count returns the number of tokens of a text.
func Look(c *chat.Conversation, count func(string) int) *Facts {
	f := &Facts{id: c.ID, messages: make([]messageFacts, len(c.Messages)), media: map[string]int{}}
	sum := make([]int, len(c.Messages)+1) // tokens before each message
	sum[0] = 0
	tools := c.Tools()
	if tools != "" {
		f.tools.Conversations = 1
		f.tools.Described = 1
		sum[0] = count(tools)
	}
	for i := range c.Messages {
		m := &c.Messages[i]
		tokens := count(m.AllText())
		f.messages[i] = messageFacts{m.Role, tokens}
		sum[i+1] = sum[i] + tokens
		f.lookInside(m)
	}
	f.tokens = sum[len(c.Messages)]
	for _, t := range c.Cut(0) {
		turn := turnFacts{new: sum[t.To] - sum[t.From], prompt: sum[t.To], answer: -1}
		if t.From == 0 {
			turn.new = turn.prompt
		}
		if t.Answer >= 0 {
			turn.answer = sum[c.AfterAnswer(t.Answer)] - sum[t.Answer]
		}
		f.turns = append(f.turns, turn)
	}
	f.lookAtPrefix(c, tools, count)
	return f
}

// Conversations returns how many were added.
func (c *Counter) Conversations() int { return int(c.turns.N()) }
