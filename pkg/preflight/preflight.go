// Package preflight finds out, before a run, what a server tells of its KV cache: whether it reports cached tokens at all,
// whether it caches, and in what blocks.
//
// One long prompt of words drawn by chance, which no dataset has, is sent twice; the second time all of it can come from the
// cache. Then some beginnings of it are sent, because what is cached of each is a whole number of blocks: the greatest
// common divisor tells the block size (in one case of 60, by chance, a multiple of it). A count that is absent is not 0: if the first,
// cold request lacks it and the second has it, the server leaves zeros out.
//
// Where usage says nothing, the server's counters are asked, and at last the clock: a second answer that begins in less than half
// the time is taken for a sign of a cache.
package preflight

import (
	"context"
	"fmt"
	"strings"

	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// Words of the long prompt, about as many tokens.
const Words = 1500

// beginnings of it are sent, of these lengths in thousandths, each shorter than the one before: a server that keeps one text
// per slot has forgotten what is behind it.
var beginnings = []int{871, 737, 613, 459, 297}

// slower is how much faster an answer must begin to tell a cache by the clock alone.
const slower = 2

// Answer is what one request told.
type Answer struct {
	Prompt int  // tokens, by usage; 0 = not said
	Cached *int // of them, nil = not said
	Field  string
	TTFTMS float64
}

// Server is what is asked.
type Server struct {
	// Kind is as openai.Server has it; "" = not known.
	Kind string
	// MaxModelLen bounds the prompt, 0 = not known.
	MaxModelLen int
	// Ask sends a user message and returns what came with the answer, of one token.
	Ask func(ctx context.Context, text string) (Answer, error)
	// Counters, unless nil, returns the server's count of cached tokens so far; false where it has none.
	Counters func(ctx context.Context) (float64, bool)
}

// Draw makes n words by chance.
type Draw func(n int) []string

// Run asks the server. A request that fails is in the result's Error.
func Run(ctx context.Context, s Server, draw Draw) *record.Preflight {
	p := &record.Preflight{Caching: record.CachingUnknown}
	n := Words
	if s.MaxModelLen > 0 {
		n = min(n, s.MaxModelLen/2) // a word may be two tokens in an odd vocabulary
	}
	words := draw(n)
	var answers []Answer
	var counted [2]float64
	var counts [2]bool
	count := func(i int) {
		if s.Counters != nil {
			counted[i], counts[i] = s.Counters(ctx)
		}
	}
	lengths := []int{n, n}
	for _, part := range beginnings {
		lengths = append(lengths, n*part/1000)
	}
	for i, part := range lengths {
		if i == 1 {
			count(0)
		}
		a, err := s.Ask(ctx, strings.Join(words[:part], " "))
		if err != nil {
			p.Error = err.Error()
			break
		}
		if i == 1 {
			count(1)
		}
		answers = append(answers, a)
		p.Requests = append(p.Requests, record.Probe{Prompt: a.Prompt, Cached: a.Cached, TTFTMS: a.TTFTMS})
		if i == 1 && a.Cached == nil {
			break // nothing to learn of blocks
		}
	}
	if len(answers) < 2 {
		return p
	}
	cold, warm := answers[0], answers[1]
	p.Reported = warm.Cached != nil || cold.Cached != nil
	p.CachedField = warm.Field
	if p.CachedField == "" {
		p.CachedField = cold.Field
	}
	p.ZeroOmitted = cold.Cached == nil && warm.Cached != nil
	switch {
	case warm.Cached != nil && *warm.Cached > 0:
		p.Caching, p.Evidence = record.CachingOn, "usage"
		p.BlockSize = blockSize(answers[1:])
	case warm.Cached != nil:
		p.Caching, p.Evidence = record.CachingOff, "usage"
	case counts[0] && counts[1]:
		p.Caching, p.Evidence = record.CachingOff, "counters"
		if counted[1] > counted[0] {
			p.Caching = record.CachingOn
		}
	case warm.TTFTMS > 0 && cold.TTFTMS > slower*warm.TTFTMS:
		p.Caching, p.Evidence = record.CachingOn, "time"
	}
	p.Advice = advice(s.Kind, p)
	return p
}

// blockSize guesses from requests all of whose prompts but the end was sent before. 0 = they do not agree with any.
func blockSize(warm []Answer) int {
	divisor, least := 0, 1
	for _, a := range warm {
		if a.Cached == nil || *a.Cached <= 0 {
			return 0
		}
		divisor = gcd(divisor, *a.Cached)
	}
	// The last token is always computed, and nothing else of a prompt that was sent as it is but the block that is not full.
	if a := warm[0]; a.Prompt > 0 {
		least = a.Prompt - *a.Cached
	}
	switch {
	case divisor < least, len(warm) < 2:
		return 0
	case least == 1 && divisor < 8:
		return 1 // exact to the token: a common divisor is by chance
	}
	return divisor
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// advice says which option of the server would help; "" if none is known.
func advice(kind string, p *record.Preflight) string {
	s := server.Of(kind)
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

// Text is a preflight in a line.
func Text(p *record.Preflight) string {
	var b strings.Builder
	if p.Error != "" && len(p.Requests) < 2 {
		return "preflight: " + p.Error
	}
	switch {
	case !p.Reported:
		b.WriteString("cached tokens are not reported")
	case p.ZeroOmitted:
		fmt.Fprintf(&b, "cached tokens are reported (%s, left out where there are none)", p.CachedField)
	default:
		fmt.Fprintf(&b, "cached tokens are reported (%s)", p.CachedField)
	}
	switch p.Caching {
	case record.CachingOn, record.CachingOff:
		fmt.Fprintf(&b, "; the cache is %s (by %s", p.Caching, p.Evidence)
		if a := p.Requests[1]; a.Cached != nil {
			fmt.Fprintf(&b, ": %d of %d tokens of a prompt sent again", *a.Cached, a.Prompt)
		}
		b.WriteString(")")
	default:
		b.WriteString("; whether there is a cache cannot be told")
	}
	switch {
	case p.BlockSize == 1:
		b.WriteString("; it is exact to the token")
	case p.BlockSize > 1:
		fmt.Fprintf(&b, "; blocks of %d tokens", p.BlockSize)
	}
	if p.Advice != "" {
		b.WriteString("; " + p.Advice)
	}
	if p.Error != "" {
		b.WriteString("; then a request failed: " + p.Error)
	}
	return b.String()
}
