package probe

import (
	"context"
	"fmt"
	"strings"

	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// Words is the length of the preflight's prompt in words, and about that in
// tokens: enough that the beginnings differ by many blocks of the usual sizes.
const Words = 1500

// beginnings are the lengths of the beginnings that are sent, in thousandths of
// the prompt. Each is shorter than the one before: a server that keeps one text
// per slot forgets what follows the last one. No two differ by a round number of
// blocks, which would make the common divisor too large.
var beginnings = []int{871, 737, 613, 459, 297}

// faster is how many times faster the second answer must begin to be a sign of a
// cache by the clock alone. Twice is beyond the jitter of an idle server, and far
// less than what a cache saves of a prompt of Words.
const faster = 2

// Target is the server that a preflight asks.
type Target struct {
	// Server is what is known of the server; the zero value if nothing is.
	Server server.Identity
	// Ask sends a user message and returns how it went. The answer is one token.
	Ask func(ctx context.Context, text string) *record.Exchange
	// Counters, unless nil, returns how many cached tokens the server has counted
	// so far; ok is false if it has no such counter.
	Counters func(ctx context.Context) (cached float64, ok bool)
}

// Preflight asks the server. draw makes n random words. A request that fails
// ends the preflight; its error is in the result.
func Preflight(ctx context.Context, t Target, draw func(n int) []string) *record.Preflight {
	f := &flight{
		target: t,
		result: &record.Preflight{Caching: record.CachingUnknown},
	}
	n := Words
	if limit := t.Server.MaxModelLen; limit > 0 {
		n = min(n, limit/2) // a word may be two tokens in an odd vocabulary
	}
	f.send(ctx, draw(n))
	if len(f.result.Requests) >= 2 {
		f.conclude()
	}
	return f.result
}

// flight is a preflight on its way.
type flight struct {
	target Target
	result *record.Preflight
	// fields are where each request's answer had its cached tokens.
	fields []string
	// counted are the server's cached tokens before and after the second request.
	counted [2]float64
	counts  bool
}

// send sends the prompt twice and then its beginnings.
func (f *flight) send(ctx context.Context, words []string) {
	if !f.ask(ctx, words) {
		return
	}
	before, ok := f.count(ctx)
	if !f.ask(ctx, words) {
		return
	}
	after, also := f.count(ctx)
	f.counted, f.counts = [2]float64{before, after}, ok && also
	if f.result.Requests[1].Cached == nil {
		return // nothing can be learnt of blocks
	}
	for _, part := range beginnings {
		if !f.ask(ctx, words[:len(words)*part/1000]) {
			return
		}
	}
}

func (f *flight) count(ctx context.Context) (float64, bool) {
	if f.target.Counters == nil {
		return 0, false
	}
	return f.target.Counters(ctx)
}

// ask sends one request and reports whether it went well.
func (f *flight) ask(ctx context.Context, words []string) bool {
	x := f.target.Ask(ctx, strings.Join(words, " "))
	if !x.Outcome.OK() && x.Outcome != record.Empty {
		f.result.Error = x.Error
		if f.result.Error == "" {
			f.result.Error = string(x.Outcome)
		}
		return false
	}
	first := x.FirstToken
	if first == 0 {
		first = x.End
	}
	p := record.Probe{TTFTMS: (first - x.Sent).MS()}
	field := ""
	if u := x.Usage; u != nil {
		p.Prompt, p.Cached, field = u.Prompt, u.Cached, u.CachedField
	}
	f.result.Requests = append(f.result.Requests, p)
	f.fields = append(f.fields, field)
	return true
}

// conclude fills the result from at least two answers.
func (f *flight) conclude() {
	p := f.result
	cold, warm := p.Requests[0], p.Requests[1]
	p.Reported = warm.Cached != nil || cold.Cached != nil
	p.CachedField = f.fields[1]
	if p.CachedField == "" {
		p.CachedField = f.fields[0]
	}
	p.ZeroOmitted = cold.Cached == nil && warm.Cached != nil
	switch {
	case warm.Cached != nil && *warm.Cached > 0:
		p.Caching, p.Evidence = record.CachingOn, "usage"
		p.BlockSize = blockSize(p.Requests[1:])
	case warm.Cached != nil:
		p.Caching, p.Evidence = record.CachingOff, "usage"
	case f.counts:
		p.Caching, p.Evidence = record.CachingOff, "counters"
		if f.counted[1] > f.counted[0] {
			p.Caching = record.CachingOn
		}
	case warm.TTFTMS > 0 && cold.TTFTMS > faster*warm.TTFTMS:
		p.Caching, p.Evidence = record.CachingOn, "time"
	}
	p.Advice = advice(f.target.Server.Name, p)
}

// exactBelow is the smallest block of paged caches, in tokens. A smaller common
// divisor of counts that are exact to the token is there by chance.
const exactBelow = 8

// blockSize guesses the block size from requests whose prompts were sent before,
// or are beginnings of one. It returns 0 if no size explains them all.
func blockSize(warm []record.Probe) int {
	divisor, least := 0, 1
	for _, a := range warm {
		if a.Cached == nil || *a.Cached <= 0 {
			return 0
		}
		divisor = gcd(divisor, *a.Cached)
	}
	// Of a prompt that was sent before, the last token is always computed, and
	// otherwise only the block that is not full.
	if a := warm[0]; a.Prompt > 0 {
		least = a.Prompt - *a.Cached
	}
	switch {
	case divisor < least, len(warm) < 2:
		return 0
	case least == 1 && divisor < exactBelow:
		return 1
	}
	return divisor
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// advice returns what to do about the server; "" if nothing is known to help.
func advice(name string, p *record.Preflight) string {
	s := server.Of(name)
	a := s.Advice
	switch {
	case s.Name == "": // what helps another server is no advice
		return ""
	case p.Caching == record.CachingOff && a.Cache != "":
		return a.Cache + " to have a cache"
	case p.Caching != record.CachingOff && !p.Reported && a.Report != "":
		return a.Report + " to have cached tokens reported"
	}
	return ""
}

// PreflightText returns a preflight in one line.
func PreflightText(p *record.Preflight) string {
	if p.Error != "" && len(p.Requests) < 2 {
		return "preflight: " + p.Error
	}
	parts := []string{reportedText(p), cachingText(p)}
	switch {
	case p.BlockSize == 1:
		parts = append(parts, "it is exact to the token")
	case p.BlockSize > 1:
		parts = append(parts, fmt.Sprintf("blocks of %d tokens", p.BlockSize))
	}
	if p.Advice != "" {
		parts = append(parts, p.Advice)
	}
	if p.Error != "" {
		parts = append(parts, "then a request failed: "+p.Error)
	}
	return strings.Join(parts, "; ")
}

func reportedText(p *record.Preflight) string {
	switch {
	case !p.Reported:
		return "cached tokens are not reported"
	case p.ZeroOmitted:
		return fmt.Sprintf("cached tokens are reported (%s, left out where there are none)",
			p.CachedField)
	}
	return fmt.Sprintf("cached tokens are reported (%s)", p.CachedField)
}

func cachingText(p *record.Preflight) string {
	if p.Caching != record.CachingOn && p.Caching != record.CachingOff {
		return "whether there is a cache is unknown"
	}
	again := ""
	if a := p.Requests[1]; a.Cached != nil {
		again = fmt.Sprintf(": %d of %d tokens of a prompt sent again", *a.Cached, a.Prompt)
	}
	return fmt.Sprintf("the cache is %s (by %s%s)", p.Caching, p.Evidence, again)
}
