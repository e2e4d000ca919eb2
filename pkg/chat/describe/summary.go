package describe

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"

	"multiturn/pkg/measure"
)

// Summary is what a dataset is like. Lengths are in tokens.
type Summary struct {
	Name          string `json:"name"`
	Form          string `json:"form"` // what the conversations were read as
	Tokenizer     string `json:"tokenizer"`
	Conversations int    `json:"conversations"`
	Turns         int64  `json:"turns"` // requests that playing all of it sends
	Messages      int64  `json:"messages"`
	Tokens        int64  `json:"tokens"` // of all messages and tools, without a chat template
	Duplicates    int    `json:"duplicates"`

	PerConversation []Lengths `json:"per_conversation"` // turns, messages, tokens
	Roles           []Lengths `json:"roles"`            // tokens of a message
	ByTurn          []Turn    `json:"by_turn"`
	Prefixes        Prefixes  `json:"prefixes"`
	Systems         []System  `json:"system_prompts"` // that several conversations have
	Longest         []Longest `json:"longest"`
	Tools           Tools     `json:"tools"`
	Media           []Named   `json:"media"`   // content parts that are not text, by type
	Scripts         []Named   `json:"scripts"` // conversations, by what most letters are
}

// Number is a number that is null in JSON if it is not known.
type Number float64

// MarshalJSON writes null for NaN.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// Lengths describes many lengths of one kind.
type Lengths struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
	Sum   int64  `json:"sum"`
	Mean  Number `json:"mean"`
	P50   Number `json:"p50"`
	P90   Number `json:"p90"`
	P99   Number `json:"p99"`
	Max   Number `json:"max"`
}

func lengths(name string, h *measure.Histogram) Lengths {
	sum := int64(0)
	if h.N() > 0 {
		sum = int64(math.Round(h.Mean() * float64(h.N())))
	}
	return Lengths{
		Name: name, Count: h.N(), Sum: sum, Mean: Number(h.Mean()), P50: Number(h.Percentile(50)),
		P90: Number(h.Percentile(90)), P99: Number(h.Percentile(99)), Max: Number(h.Max()),
	}
}

// Turn describes the turns of one place in conversations, or of several places.
type Turn struct {
	Turn  string `json:"turn"` // 1, or 9-16
	Count int64  `json:"count"`
	// New is what the turn sends for the first time, Prompt the whole history with
	// it, and Answer the dataset's answer.
	NewP50    Number `json:"new_p50"`
	NewP99    Number `json:"new_p99"`
	PromptP50 Number `json:"prompt_p50"`
	PromptP90 Number `json:"prompt_p90"`
	PromptP99 Number `json:"prompt_p99"`
	PromptMax Number `json:"prompt_max"`
	AnswerP50 Number `json:"answer_p50"`
	AnswerP99 Number `json:"answer_p99"`
}

// Prefixes describes what first prompts share.
type Prefixes struct {
	Bytes         int64  `json:"first_prompt_bytes"`
	Shared        int64  `json:"shared_bytes"` // with the beginning of an earlier first prompt
	Share         Number `json:"shared_share"`
	Conversations int    `json:"conversations_that_share"`
	SystemPrompts int    `json:"system_prompts"` // different ones
	WithoutSystem int    `json:"conversations_without_system"`
	// AtLeast is true if there are more different system prompts than are told
	// apart.
	AtLeast bool `json:"more_system_prompts"`
}

// System is a system prompt.
type System struct {
	Begin         string `json:"begin"`
	Conversations int    `json:"conversations"`
	Tokens        int    `json:"tokens"`
	order         int
}

// Longest is one of the longest conversations.
type Longest struct {
	ID       string `json:"id"`
	Turns    int    `json:"turns"`
	Messages int    `json:"messages"`
	Tokens   int    `json:"tokens"`
}

// Tools counts the use of tools.
type Tools struct {
	Conversations int `json:"conversations"` // with tools beside messages, or calls
	Described     int `json:"described"`     // with tools beside messages
	Calls         int `json:"calls"`
	Results       int `json:"results"`
}

func (t *Tools) add(u *Tools) {
	t.Conversations += u.Conversations
	t.Described += u.Described
	t.Calls += u.Calls
	t.Results += u.Results
}

// Named is a count with its name.
type Named struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// Summary returns what was counted.
func (c *Counter) Summary(name, form, tokenizer string) *Summary {
	s := &Summary{
		Name: name, Form: form, Tokenizer: tokenizer, Conversations: int(c.turns.N()), Duplicates: c.duplicates,
		PerConversation: []Lengths{
			lengths("turns", c.turns), lengths("messages", c.messages), lengths("tokens", c.tokens),
		},
		Longest: c.longest, Tools: c.tools, Systems: c.prefixes.frequent(),
		Media: named(c.media), Scripts: named(c.scripts),
	}
	s.Turns, s.Messages, s.Tokens = s.PerConversation[0].Sum, s.PerConversation[1].Sum,
		s.PerConversation[2].Sum
	for _, role := range slices.Sorted(maps.Keys(c.roles)) {
		s.Roles = append(s.Roles, lengths(role, c.roles[role]))
	}
	slices.SortStableFunc(s.Roles, func(a, b Lengths) int { return cmp.Compare(b.Sum, a.Sum) })
	for g := range c.byTurn {
		s.ByTurn = append(s.ByTurn, c.byTurn[g].summary(turnName(g)))
	}
	p := &c.prefixes
	s.Prefixes = Prefixes{
		Bytes: p.bytes, Shared: p.shared, Share: Number(float64(p.shared) / float64(p.bytes)),
		Conversations: p.conversations, SystemPrompts: len(p.systems), WithoutSystem: p.without,
		AtLeast: p.tooMany,
	}
	return s
}

func (t *turnCounts) summary(name string) Turn {
	return Turn{
		Turn: name, Count: t.prompt.N(),
		NewP50: Number(t.new.Percentile(50)), NewP99: Number(t.new.Percentile(99)),
		PromptP50: Number(t.prompt.Percentile(50)), PromptP90: Number(t.prompt.Percentile(90)),
		PromptP99: Number(t.prompt.Percentile(99)), PromptMax: Number(t.prompt.Max()),
		AnswerP50: Number(t.answer.Percentile(50)), AnswerP99: Number(t.answer.Percentile(99)),
	}
}

// turnName returns the name of a group of turns.
func turnName(g int) string {
	if g < soloTurns {
		return strconv.Itoa(g + 1)
	}
	from := soloTurns << (g - soloTurns)
	return strconv.Itoa(from+1) + "-" + strconv.Itoa(2*from)
}

// named returns counts, the largest first.
func named(counts map[string]int) []Named {
	var all []Named
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, Named{name, counts[name]})
	}
	slices.SortStableFunc(all, func(a, b Named) int { return cmp.Compare(b.Count, a.Count) })
	return all
}
