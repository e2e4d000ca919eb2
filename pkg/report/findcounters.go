package report

import (
	"fmt"
	"math"

	"multiturn/internal/human"
)

// counters compares the server's counters with the tokens sent and with usage.
func (f *finder) counters() {
	k := f.d.Counters
	if k.Invalid != "" {
		f.add(countersInvalid, fmt.Sprintf("The server's counters cannot be used, since %s: the server "+
			"restarted, or several servers share the address.", k.Invalid), "%s",
			human.Count(k.Servers, "address"))
		return
	}
	if k.Turns > 0 && !f.d.prompts.found() && !f.foreignPrompts(k) {
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

// foreignPrompts adds a finding if the counters are foreign, and reports whether
// they are.
func (f *finder) foreignPrompts(k *Counters) bool {
	if !k.foreign() {
		return false
	}
	prompt := k.value("prompt_tokens")
	kind, text := otherTraffic, "The server had other traffic, which hits and times include: it "+
		"processed %s prompt tokens, and this run sent %s."
	if prompt < Number(k.Prompt) {
		kind, text = missingTraffic, "The server's counters miss a part of the run, %s prompt tokens of "+
			"%s: several servers may share the address, and not all were read."
	}
	f.add(kind, fmt.Sprintf(text, tokens(prompt), tokens(k.Prompt)), "by %s, and by the usage of %s",
		k.name("prompt_tokens"), human.Count(k.Turns, "turn"))
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
	f.add(countersDisagree, fmt.Sprintf("The server's counters disagree with the usage it sent: they "+
		"have %s cached tokens, usage has %s.", tokens(cached), tokens(k.Cached)),
		"by %s; %+.1f %% of the prompt tokens apart", k.name("cached_tokens"),
		100*apart/float64(max(1, k.Prompt)))
}

// preemptions reports requests that the server had to interrupt.
func (f *finder) preemptions() {
	n := f.d.Counters.value("preemptions")
	if !(n >= 1) {
		return
	}
	f.add(preemptions, fmt.Sprintf("The server ran out of blocks for running requests, and latencies "+
		"include %s, after which tokens were computed again.", preempted(int(n))), "by %s",
		f.d.Counters.name("preemptions"))
}

func preempted(n int) string {
	if n == 1 {
		return "1 preemption"
	}
	return tokens(n) + " preemptions"
}
