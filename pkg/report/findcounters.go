package report

import (
	"math"

	"multiturn/internal/human"
)

// counters compares the server's counters with the tokens sent and with usage.
func (f *finder) counters() {
	k := f.d.Counters
	if k.Invalid != "" {
		f.add(countersInvalid, "The server's counters cannot be used for this run: the server "+
			"restarted, or several servers share the address.", "%s", k.Invalid)
		return
	}
	if k.Turns > 0 && !f.foreignPrompts(k) {
		f.usageDisagrees(k)
	}
}

// allowed returns how far counters and usage may differ, in tokens.
func (k *Counters) allowed() float64 {
	return max(warmTokens, countersApart*float64(k.Prompt))
}

// foreign reports whether the server counted other prompt tokens than this run
// sent.
func (k *Counters) foreign() bool {
	prompt := k.value("prompt_tokens")
	return prompt.OK() && k.PromptUnknown == 0 &&
		math.Abs(float64(prompt)-float64(k.Prompt)) > k.allowed()
}

// foreignPrompts reports whether the server counted other prompt tokens than this
// run sent.
func (f *finder) foreignPrompts(k *Counters) bool {
	if !k.foreign() {
		return false
	}
	prompt := k.value("prompt_tokens")
	kind, text := otherTraffic, "The server had other traffic: it processed more prompt tokens than "+
		"this run sent. Hits and times include the effects of that traffic."
	if prompt < Number(k.Prompt) {
		kind, text = missingTraffic, "The server's counters miss a part of the run: several servers may "+
			"share the address, and not all were read."
	}
	f.add(kind, text, "%s prompt tokens by %s, %s by the usage of %s", tokens(prompt),
		k.name("prompt_tokens"), tokens(k.Prompt), human.Count(k.Turns, "turn"))
	return true
}

// usageDisagrees looks for cached tokens that differ between counters and usage.
func (f *finder) usageDisagrees(k *Counters) {
	cached := k.value("cached_tokens")
	if !cached.OK() || k.Unknown > 0 {
		return
	}
	apart := float64(cached) - float64(k.Cached)
	if math.Abs(apart) <= k.allowed() {
		return
	}
	f.add(countersDisagree, "The server's counters disagree with the usage it sent.",
		"cached tokens: %s by %s, %s by usage, %+.1f %% of the prompt tokens apart", tokens(cached),
		k.name("cached_tokens"), tokens(k.Cached), 100*apart/float64(max(1, k.Prompt)))
}

// preemptions reports requests that the server had to interrupt.
func (f *finder) preemptions() {
	n := f.d.Counters.value("preemptions")
	if !(n >= 1) {
		return
	}
	f.add(preemptions, "The server ran out of blocks for running requests and preempted some, to "+
		"compute them again later: latencies include that.",
		"%s by %s", preempted(int(n)), f.d.Counters.name("preemptions"))
}

func preempted(n int) string {
	if n == 1 {
		return "1 preemption"
	}
	return tokens(n) + " preemptions"
}
