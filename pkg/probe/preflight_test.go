package probe

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// caching is a server that caches in blocks and tells it, or not.
type caching struct {
	block          int // 0 = no cache
	silent         bool
	omitsZero      bool
	counters       bool
	extra          int // tokens of the template
	flat           bool
	fails          int // the request that fails, from 1
	requests       int
	seen           []string
	cachedInAll    int
	longest        int
	kind           string
	maxModelLength int
}

func (s *caching) ask(_ context.Context, text string) *record.Exchange {
	s.requests++
	if s.requests == s.fails {
		return &record.Exchange{Outcome: record.HTTPStatus, Error: "status 500"}
	}
	words := strings.Fields(text)
	prompt := s.extra + len(words) + 2
	s.longest = max(s.longest, prompt)
	shared := 0
	for _, before := range s.seen {
		b := strings.Fields(before)
		n := 0
		for n < min(len(b), len(words)) && b[n] == words[n] {
			n++
		}
		n += s.extra
		if before == text {
			n = prompt
		}
		shared = max(shared, min(n, prompt-1))
	}
	s.seen = append(s.seen, text)
	cached := 0
	if s.block > 0 {
		cached = shared / s.block * s.block
	}
	s.cachedInAll += cached
	ms := 10.0
	if !s.flat {
		ms += float64(prompt - cached)
	}
	u := &record.Usage{Prompt: prompt}
	if !s.silent && (cached > 0 || !s.omitsZero) {
		u.Cached, u.CachedField = &cached, "usage.cached_tokens"
	}
	return &record.Exchange{
		Outcome: record.OK, Sent: 1e6, FirstToken: record.Clock(1e6 + ms*1e6), Usage: u,
	}
}

func (s *caching) target() Target {
	out := Target{
		Server: server.Identity{Name: s.kind, MaxModelLen: s.maxModelLength}, Ask: s.ask,
	}
	if s.counters {
		out.Counters = func(context.Context) (float64, bool) { return float64(s.cachedInAll), true }
	}
	return out
}

func draw(n int) []string {
	words := make([]string, n)
	for i := range words {
		words[i] = fmt.Sprintf("w%d", i)
	}
	return words
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		server caching
		want   string // of PreflightText
		block  int
	}{
		{"blocks of 16", caching{block: 16, extra: 7},
			"cached tokens are reported (usage.cached_tokens); the cache is on (by usage: 1504 " +
				"of 1509 tokens of a prompt sent again); blocks of 16 tokens", 16},
		{"blocks of 32", caching{block: 32, extra: 11}, "blocks of 32 tokens", 32},
		{"blocks of 64", caching{block: 64, extra: 3}, "blocks of 64 tokens", 64},
		{"to the token", caching{block: 1, extra: 9}, "exact to the token", 1},
		{"zero left out", caching{block: 16, omitsZero: true}, "left out where there are none", 16},
		{"no cache", caching{kind: "vllm"}, "the cache is off (by usage: 0 of 1502 tokens of a " +
			"prompt sent again); start vLLM without --no-enable-prefix-caching", 0},
		{"vllm does not report", caching{block: 16, silent: true, kind: "vllm"},
			"cached tokens are not reported; the cache is on (by time); start vLLM with " +
				"--enable-prompt-tokens-details", 0},
		{"sglang does not report", caching{block: 1, silent: true, counters: true, flat: true,
			kind: "sglang"}, "not reported; the cache is on (by counters); start SGLang with " +
			"--enable-cache-report", 0},
		{"nobody knows", caching{block: 16, silent: true, flat: true},
			"cached tokens are not reported; whether there is a cache is unknown", 0},
		{"off by counters", caching{silent: true, counters: true},
			"the cache is off (by counters)", 0},
		{"fails", caching{fails: 1}, "preflight: status 500", 0},
		{"fails later", caching{block: 16, fails: 3}, "then a request failed: status 500", 0},
		{"short context", caching{block: 16, maxModelLength: 512}, "blocks of 16 tokens", 16},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := Preflight(t.Context(), tc.server.target(), draw)
			if got := PreflightText(p); !strings.Contains(got, tc.want) {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if p.BlockSize != tc.block {
				t.Errorf("block size %d, want %d (%+v)", p.BlockSize, tc.block, p.Requests)
			}
			if m := tc.server.maxModelLength; m > 0 && tc.server.longest > m {
				t.Errorf("a prompt of %d tokens for a context of %d", tc.server.longest, m)
			}
		})
	}
}

func TestZeroOmittedIsSaid(t *testing.T) {
	t.Parallel()
	s := caching{block: 16, omitsZero: true}
	p := Preflight(t.Context(), s.target(), draw)
	if !p.ZeroOmitted || !p.Reported || p.Caching != record.CachingOn ||
		p.Requests[0].Cached != nil {
		t.Errorf("%+v", p)
	}
}
