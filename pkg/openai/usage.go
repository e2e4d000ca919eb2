package openai

import (
	"strings"

	"github.com/tidwall/gjson"

	"multiturn/internal/jsonseq"
	"multiturn/internal/limits"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// cachedFields are where servers report how many prompt tokens came from a
// cache, the preferred one first.
var cachedFields = server.CachedFields()

// createdFields are where servers report how many prompt tokens were put into the
// cache.
var createdFields = []string{
	"prompt_tokens_details.created_cache_tokens", "cache_creation_input_tokens",
	"input_tokens_details.cache_write_tokens",
}

// maxTiers is the most tiers that are read: no cache has as many.
const maxTiers = 32

const sglextField = "sglext.cached_tokens_details" // SGLang, split by tier

// A server's usage stands at the top of an event (OpenAI), in its first choice
// (Moonshot), or in an object of the server's own whose name begins with x_ (Groq);
// llama.cpp has the same numbers in its timings. The last one with numbers counts:
// gateways send others that are empty or of zeros, and a prompt has no 0 tokens.

// takeUsage takes a usage object of the event, wherever it stood.
func (c *chunk) takeUsage(v []byte) {
	if v = present(v); v != nil && !c.counted {
		c.usage, c.counted = v, hasTokens(v)
	}
}

// takeNested takes the usage in an object of the server's own.
func (c *chunk) takeNested(v []byte) {
	if len(v) > 0 && v[0] == '{' {
		c.takeUsage(member(v, "usage"))
	}
}

// member returns the value of a member of an object, or nil.
func member(object []byte, name string) (v []byte) {
	cur := jsonseq.Cursor{Text: object, AnyBytes: true}
	for key := range cur.Object {
		if string(key) == name {
			v = cur.Skip()
		}
	}
	return v
}

// hasTokens reports whether a usage object has a number of prompt tokens above 0.
func hasTokens(usage []byte) bool {
	if usage[0] != '{' || len(usage) > limits.Object {
		return false
	}
	found := false
	cur := jsonseq.Cursor{Text: usage, AnyBytes: true}
	for name := range cur.Object {
		switch string(name) {
		case "prompt_tokens", "input_tokens", "cache_read_input_tokens":
			v := cur.Skip()
			found = found || len(v) > 0 && v[0] >= '1' && v[0] <= '9'
		}
	}
	return found
}

// newUsage parses a usage object, which may be nil. timings and sglext are other
// objects of the answer, or nil. A number that is absent or null is unknown.
func newUsage(usage, timings, sglext []byte) *record.Usage {
	if len(usage) == 0 {
		return newTimed(timings)
	}
	u := &record.Usage{}
	fields := gjson.ParseBytes(usage)
	prompt := fields.Get("prompt_tokens")
	if prompt.Type == gjson.Number {
		u.Prompt = count(prompt)
	} else {
		// Anthropic's input_tokens are those that no cache was read or written for.
		u.Prompt = count(fields.Get("input_tokens")) + count(fields.Get("cache_read_input_tokens")) +
			count(fields.Get("cache_creation_input_tokens"))
	}
	u.Completion = completionTokens(fields)
	u.Reasoning = number(fields.Get("completion_tokens_details.reasoning_tokens"))
	if u.Reasoning == nil {
		u.Reasoning = number(fields.Get("output_tokens_details.reasoning_tokens"))
	}
	for _, name := range createdFields {
		if u.Created = number(fields.Get(name)); u.Created != nil {
			break
		}
	}
	for _, name := range cachedFields {
		if path, ok := strings.CutPrefix(name, "usage."); ok {
			u.Cached = number(fields.Get(path))
		} else if path, ok := strings.CutPrefix(name, "timings."); ok {
			u.Cached = number(gjson.GetBytes(timings, path))
		}
		if u.Cached != nil {
			u.CachedField = name
			break
		}
	}
	sum := 0
	gjson.GetBytes(sglext, "cached_tokens_details").ForEach(func(tier, n gjson.Result) bool {
		if n.Type == gjson.Number {
			if u.Tiers == nil {
				u.Tiers = map[string]int{}
			}
			u.Tiers[tier.Str] = count(n)
			sum += count(n)
		}
		return len(u.Tiers) < maxTiers
	})
	if u.Cached == nil && u.Tiers != nil {
		u.Cached, u.CachedField = &sum, sglextField
	}
	return u
}

// completionTokens returns the tokens of the answer by a usage object; 0 is unknown.
func completionTokens(usage gjson.Result) int {
	n := usage.Get("completion_tokens")
	if n.Type != gjson.Number {
		n = usage.Get("output_tokens")
	}
	return count(n)
}

// newTimed returns the tokens of llama.cpp's timings, which it sends unasked; nil if
// there are none.
func newTimed(timings []byte) *record.Usage {
	if len(timings) == 0 {
		return nil
	}
	fields := gjson.ParseBytes(timings)
	cached := number(fields.Get("cache_n"))
	u := &record.Usage{
		Prompt:     count(fields.Get("prompt_n")) + count(fields.Get("cache_n")),
		Completion: count(fields.Get("predicted_n")), Cached: cached,
	}
	if cached != nil {
		u.CachedField = "timings.cache_n"
	}
	if u.Prompt <= 0 {
		return nil
	}
	return u
}

func number(v gjson.Result) *int {
	if v.Type != gjson.Number {
		return nil
	}
	n := count(v)
	return &n
}

// count returns a number that may be any, within what can be added without an
// overflow; record.Exchange.CheckUsage decides whether it can be true.
func count(v gjson.Result) int {
	return int(max(-limits.Bytes, min(v.Num, limits.Bytes)))
}
