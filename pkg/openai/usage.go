package openai

import (
	"strings"

	"github.com/tidwall/gjson"

	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// cachedFields are where servers report how many prompt tokens came from a
// cache, the preferred one first.
var cachedFields = server.CachedFields()

const sglextField = "sglext.cached_tokens_details" // SGLang, split by tier

// newUsage parses a usage object. timings and sglext are other objects of the
// answer, or nil. A number that is absent or null is unknown.
func newUsage(usage, timings, sglext []byte) *record.Usage {
	if usage == nil || usage[0] != '{' {
		return nil
	}
	u := &record.Usage{}
	fields := gjson.ParseBytes(usage)
	prompt := fields.Get("prompt_tokens")
	if !prompt.Exists() {
		prompt = fields.Get("input_tokens")
	}
	completion := fields.Get("completion_tokens")
	if !completion.Exists() {
		completion = fields.Get("output_tokens")
	}
	u.Prompt, u.Completion = int(prompt.Int()), int(completion.Int())
	u.Reasoning = number(fields.Get("completion_tokens_details.reasoning_tokens"))
	if u.Created = number(fields.Get("prompt_tokens_details.created_cache_tokens")); u.Created == nil {
		u.Created = number(fields.Get("cache_creation_input_tokens"))
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
			u.Tiers[tier.Str] = int(n.Int())
			sum += int(n.Int())
		}
		return true
	})
	if u.Cached == nil && u.Tiers != nil {
		u.Cached, u.CachedField = &sum, sglextField
	}
	return u
}

func number(v gjson.Result) *int {
	if v.Type != gjson.Number {
		return nil
	}
	n := int(v.Int())
	return &n
}
