package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"multiturn/pkg/chat"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
)

// spaces is a tokenizer of words.
type spaces struct{}

func (spaces) Append(ids []int32, text string) []int32 {
	for word := range strings.FieldsSeq(text) {
		id := int32(0)
		for _, r := range word {
			id = id*31 + r
		}
		ids = append(ids, id)
	}
	return ids
}

// turnsOf are the turns among records.
func turnsOf(recs []any) (out []*record.Turn) {
	for _, r := range recs {
		if t, ok := r.(*record.Turn); ok {
			out = append(out, t)
		}
	}
	return out
}

func scrapesOf(recs []any) (out []*record.Scrape) {
	for _, r := range recs {
		if s, ok := r.(*record.Scrape); ok {
			out = append(out, s)
		}
	}
	return out
}

// without returns the records that are not of type T.
func without[T any](recs []any) []any {
	return slices.DeleteFunc(recs, func(r any) bool {
		_, is := r.(T)
		return is
	})
}

// Each finding is made when the records show it, with the numbers that show it, and only then.
func TestFindings(t *testing.T) {
	t.Parallel()
	// lose takes cached tokens away from turns.
	lose := func(recs []any, from int, share float64) {
		for _, turn := range turnsOf(recs) {
			if turn.Turn >= from {
				n := int(float64(*turn.Usage.Cached)*share) / 16 * 16
				turn.Usage.Cached = &n
			}
		}
		countAgain(recs)
	}
	clean := func() world {
		w := small()
		w.config = shape(500, 3000, 0)
		return w
	}
	for _, tc := range []struct {
		name   string
		w      func(*world)
		change func([]any) []any
		o      func(*Options)
		kinds  []string
		text   string // a part of the first one
		shown  string // a part of its evidence
	}{
		{name: "nothing to say", kinds: []string{tierWorth}},
		{
			name: "fits", w: func(w *world) { w.config = shape(4000, 0, 0) },
			kinds: []string{fitsGPU},
			text:  "which alone had 100.0 % of the possible hits: this run cannot show",
			shown: "the run used ",
		},
		{
			name: "fits, without limit", w: func(w *world) {
				w.config = shape(kvcache.Unlimited, 0, 0)
			},
			kinds: []string{fitsGPU},
			text:  "which alone had 100.0 % of the possible hits",
			shown: "gpu no limit",
		},
		{
			name: "all held by a cache of unknown size", w: func(w *world) {
				w.config = shape(4000, 0, 0)
			},
			change: func(recs []any) []any {
				return recs[: len(recs)-3 : len(recs)-3]
			}, o: func(o *Options) { o.Cache = stated(kvcache.Config{BlockSize: 16}) },
			kinds: []string{fitsGPU}, // the server's metrics say the size
		},
		{
			name: "all held by a cache of unknown size, without metrics", w: func(w *world) {
				w.config = shape(4000, 0, 0)
			},
			change: without[*record.Scrape],
			o:      func(o *Options) { o.Cache = stated(kvcache.Config{BlockSize: 16}) },
			kinds:  []string{allHeld}, shown: "possible tokens",
		},
		{
			name: "not reported, vLLM", w: func(w *world) { w.silent, w.kind = true, "vllm" },
			kinds: []string{notReported, tierWorth},
			text:  "start vLLM with --enable-prompt-tokens-details",
			shown: "72 turns with usage",
		},
		{
			name: "not reported, SGLang", w: func(w *world) { w.silent, w.kind = true, "sglang" },
			kinds: []string{notReported, tierWorth}, text: "--enable-cache-report",
		},
		{
			name: "not reported, by somebody", w: func(w *world) {
				w.silent, w.kind = true, "other"
			},
			kinds: []string{notReported, tierWorth},
			text: "vLLM has --enable-prompt-tokens-details for " +
				"it, SGLang --enable-cache-report",
		},
		{
			name: "not reported, the preflight knows more", w: func(w *world) {
				w.silent, w.kind = true, "vllm"
			},
			change: func(recs []any) []any {
				recs[0].(*record.Run).Preflight = &record.Preflight{Caching: record.CachingUnknown,
					Advice: "Ask for it."}
				return recs
			},
			kinds: []string{notReported, tierWorth},
			text:  "cached tokens for 0 of 72 turns: Ask for it.",
		},
		{
			name: "no usage at all",
			change: func(recs []any) []any {
				for _, turn := range turnsOf(recs) {
					turn.Counted = record.Counted{Input: turn.Usage.Prompt,
						Output: turn.Usage.Completion}
					turn.Usage = nil
				}
				return recs
			},
			kinds: []string{noUsage, tierWorth},
			text:  "sent no usage for 72 of 72 turns",
			shown: "0 turns have usage",
		},
		{
			name: "zeros left out",
			change: func(recs []any) []any {
				for _, turn := range turnsOf(recs) {
					if *turn.Usage.Cached == 0 {
						turn.Usage.Cached = nil
					}
				}
				return recs
			},
			kinds: []string{partlyReported, tierWorth},
			text:  "for 60 of 72 turns only",
			shown: "12 of the others are first turns",
		},
		{
			name: "off", w: func(w *world) {
				w.kind = "vllm"
			}, change: func(recs []any) []any { lose(recs, 0, 0); return recs },
			kinds: []string{cacheOff}, text: "--no-enable-prefix-caching",
			shown: "60 later turns",
		},
		{
			name: "off, by the preflight",
			change: func(recs []any) []any {
				lose(recs, 0, 0)
				recs[0].(*record.Run).Preflight = &record.Preflight{Caching: record.CachingOff,
					Evidence: "usage", Advice: "Turn it on."}
				return recs
			},
			kinds: []string{cacheOff}, text: "Turn it on.",
			shown: "by usage",
		},
		{
			name: "far below from turn 3 on", change: func(recs []any) []any {
				lose(recs, 2, 0.4)
				return recs
			},
			kinds: []string{belowPredicted, tierWorth},
			text:  "From turn 3 on there are only 39.5 % of the hits",
			shown: "tokens cached by usage",
		},
		{name: "a little below", kinds: []string{tierWorth}, change: func(recs []any) []any {
			lose(recs, 0, 0.9)
			return recs
		}},
		{
			name: "warm", w: func(w *world) { w.warm = true },
			kinds: []string{warmStart, tierWorth},
			text: "1,168 of 1,169 tokens were hit, which this run had not sent yet; empty the " +
				"cache, or salt the prompts.",
			shown: "1 request sent before the first answer, each with hits",
		},
		{
			name: "warm, and the generator put nothing in common", w: func(w *world) {
				w.warm = true
			},
			change: func(recs []any) []any {
				recs[0].(*record.Run).Dataset.Generator = json.RawMessage(
					`{"prompt_input":{"common_prefix_num_tokens":{"distribution":"constant","value":20}}}`)
				return recs
			},
			kinds: []string{warmStart, warmFirstTurns, tierWorth},
		},
		{
			name: "other traffic",
			change: func(recs []any) []any {
				scrapesOf(recs)[2].Values["prompt_tokens"] += 5000
				return recs
			},
			kinds: []string{otherTraffic, tierWorth}, shown: "by vllm:prompt_tokens_total",
		},
		{
			name: "counters of half of the servers",
			change: func(recs []any) []any {
				scrapesOf(recs)[1].Values["prompt_tokens"] = 1000
				scrapesOf(recs)[2].Values["prompt_tokens"] = 2000
				return recs
			},
			kinds: []string{missingTraffic, tierWorth}, text: "not all were read",
		},
		{
			name: "counters disagree",
			change: func(recs []any) []any {
				scrapesOf(recs)[2].Values["cached_tokens"] += 5000
				return recs
			},
			kinds: []string{countersDisagree, tierWorth},
			shown: "+5.3 % of the prompt tokens apart",
		},
		{
			name: "restarted in between",
			change: func(recs []any) []any {
				scrapesOf(recs)[1].Values["prompt_tokens"] = 3
				return recs
			},
			kinds: []string{countersInvalid, tierWorth},
			text:  "since vllm:prompt_tokens_total went back from 1000 to 3",
			shown: "1 address",
		},
		{
			name: "preemptions",
			change: func(recs []any) []any {
				for i, s := range scrapesOf(recs) {
					s.Values["preemptions"] = float64(3 * i)
				}
				return recs
			},
			kinds: []string{tierWorth, preemptions},
			text:  "The CPU tier",
			shown: "server's counters",
		},
		{
			name: "too small", w: func(w *world) { w.config = shape(300, 0, 0) },
			kinds: []string{cacheTooSmall}, shown: "the cache has gpu 300 blocks",
			text: "later turns hit 2,976 of 75,440 possible tokens",
		},
		{
			name: "too small, of unknown size", w: func(w *world) { w.config = shape(300, 0, 0) },
			change: without[*record.Scrape],
			o:      func(o *Options) { o.Cache = stated(kvcache.Config{BlockSize: 16}) },
			kinds:  []string{belowPossible}, text: "state the cache's size to see whether it is too small",
			shown: "blocks of 16 tokens",
		},
		{
			name: "only the second of two early requests hits", w: func(w *world) {
				w.clients, w.warm = 2, true
			},
			change: func(recs []any) []any {
				none := 0
				turnsOf(recs)[1].Usage.Cached = &none
				countAgain(recs)
				return recs
			},
			kinds: []string{tierWorth},
		},
		{
			name: "first turns only", w: func(w *world) { w.turns = 1 },
			kinds: []string{noLaterTurns},
			text:  "No second turn was played, in 12 conversations: no history was sent again",
			shown: "12 first turns",
		},
		{
			name: "a tier slower than computing", w: func(w *world) {
				w.loaded[kvcache.CPU] = 0.09
			},
			kinds: []string{slowTier},
			text:  "The CPU tier costs 15.7 ms of TTFT a turn [15.4, 16.1], since loading",
			shown: "0.0499 ms to compute one - 0.0899 ms to load it",
		},
		{
			name: "stated too small", o: func(o *Options) { o.Cache = stated(shape(60, 0, 0)) },
			kinds: []string{statedTooSmall, tierWorth}, text: "requests ran that do not fit",
			shown: "the stated cache has blocks of 16 tokens",
		},
		{
			name: "prefixes broken",
			change: func(recs []any) []any {
				return append(recs, &record.Prefix{Before: 100, Shared: 100},
					&record.Prefix{Before: 100, Shared: 60, Broken: record.BrokenReasoning,
						Role: "assistant", Field: "reasoning"})
			},
			kinds: []string{prefixBroken, tierWorth},
			shown: "mostly (1): reasoning, in the reasoning of a message of role assistant",
		},
		{
			name: "the cache's effect", w: func(w *world) {
				w.arms = []string{record.ArmMeasured, record.ArmNoReuse}
			},
			kinds: []string{effectFound, tierWorth},
			text:  "With the cache, the first token of later turns",
			shown: "95 % interval from 12 conversations",
		},
		{
			name: "no effect in a run of the same twice", w: func(w *world) {
				w.arms = []string{record.ArmAA1, record.ArmAA2}
			},
			kinds: []string{effectNotFound}, text: `Arms "no-reuse-1" and "no-reuse-2" do not ` +
				`differ by more than chance`,
		},
		{
			name: "a control arm that hits", w: func(w *world) {
				w.arms = []string{record.ArmMeasured, record.ArmNoReuse}
			},
			change: func(recs []any) []any {
				for _, turn := range turnsOf(recs) {
					if turn.Arm == record.ArmNoReuse && turn.Turn > 0 {
						n := turn.Usage.Prompt / 2
						turn.Usage.Cached = &n
					}
				}
				countAgain(recs)
				return recs
			},
			kinds: []string{controlHits, effectFound, tierWorth},
			text:  `The control arm "no-reuse" is contaminated`, shown: "in 72 turns",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := clean()
			if tc.w != nil {
				tc.w(&w)
			}
			recs := w.play()
			if tc.change != nil {
				recs = tc.change(recs)
			}
			o := Options{Cache: stated(w.config)}
			if tc.o != nil {
				tc.o(&o)
			}
			s := collected(o, recs...).Summary()
			var kinds []string
			for _, f := range s.Details.Findings {
				kinds = append(kinds, f.Kind)
				if f.Text == "" || f.Evidence == "" || !strings.HasSuffix(f.Text, ".") {
					t.Errorf("%+v", f)
				}
			}
			if fmt.Sprint(kinds) != fmt.Sprint(tc.kinds) {
				t.Fatalf("%+v\nwant %v", s.Details.Findings, tc.kinds)
			}
			if len(kinds) > 0 {
				if f := s.Details.Findings[0]; !strings.Contains(f.Text, tc.text) ||
					!strings.Contains(f.Evidence, tc.shown) {
					t.Errorf("%q\n%q\nwant %q, %q", f.Text, f.Evidence, tc.text, tc.shown)
				}
			}
		})
	}
}

// onlyFound reports whether a summary has findings of just these kinds, in order.
func onlyFound(s *Summary, kinds ...string) bool {
	return slices.EqualFunc(s.Details.Findings, kinds, func(f Finding, kind string) bool {
		return f.Kind == kind
	})
}

// countAgain makes the counters agree with usage.
func countAgain(recs []any) {
	var cached float64
	for _, turn := range turnsOf(recs) {
		cached += float64(*turn.Usage.Cached)
	}
	for i, s := range scrapesOf(recs) {
		s.Values["cached_tokens"] = 1000 + cached*float64(i)/2
	}
}

// With texts it is known what conversations share: hits on that are no sign of
// an earlier run, and others are.
func TestSharedTexts(t *testing.T) {
	t.Parallel()
	const system = 160
	common := strings.Repeat("word ", system)
	texts := make(map[string]*chat.Conversation)
	var recs []any
	for i := range 12 {
		name := fmt.Sprintf("C%d", i)
		own := strings.Repeat(fmt.Sprintf("own%d ", i), 300)
		c := chat.Conversation{ID: name, Messages: []chat.Message{
			{Role: chat.User, Text: common + own},
			{Role: chat.Assistant, Text: "An answer of the dataset."},
			{Role: chat.User, Text: "Go on."},
		}}
		texts[name] = &c
		at := record.Clock(1e9 * (i + 1))
		cached := 0
		if i > 0 {
			cached = system / 16 * 16
		}
		recs = append(recs, &record.Turn{
			Conversation: name, Messages: 1,
			Exchange: record.Exchange{
				Outcome: record.OK, Stream: true, Sent: at, FirstToken: at + 1e7, End: at + 2e7,
				Usage: &record.Usage{Prompt: system + 308, Completion: 5, Cached: &cached},
			},
		})
	}
	o := Options{Cache: stated(kvcache.Config{BlockSize: 16})}
	o.Cache.Turns.Texts, o.Cache.Turns.Tokenizer = texts, spaces{}
	s := collected(o, recs...).Summary()
	p := s.Details.Prediction
	if !p.SharedKnown || p.First.Possible != 11*160 || p.First.Cached != 11*160 ||
		!onlyFound(s, noLaterTurns) {
		t.Errorf("possible %d, cached %v, %+v", p.First.Possible, p.First.Cached, s.Details.Findings)
	}
	for i, r := range recs[1:] {
		n := 400
		if i%2 == 0 {
			r.(*record.Turn).Usage.Cached = &n
		}
	}
	s = collected(o, recs...).Summary()
	if f := s.Details.Findings; !onlyFound(s, warmFirstTurns, noLaterTurns) ||
		!strings.Contains(f[0].Evidence, "their texts share 1,760") {
		t.Errorf("%+v", f)
	}
}
