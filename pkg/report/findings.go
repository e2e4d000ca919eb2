package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// Finding is something that the records show of the cache, in words, with the
// numbers that show it.
type Finding struct {
	Kind     string `json:"kind"` // one of the kinds below, for programs
	Text     string `json:"text"`
	Evidence string `json:"evidence"`
}

// Kinds of findings, in the order in which they are told.
const (
	notReported      = "not_reported"      // the server does not say cached tokens
	partlyReported   = "partly_reported"   // it says them for some turns
	cacheOff         = "cache_off"         // it says 0 for all that could be cached
	warmStart        = "warm_start"        // the run's first requests hit
	warmFirstTurns   = "warm_first_turns"  // first turns hit more than conversations share
	controlHits      = "control_hits"      // turns of a control arm hit
	prefixBroken     = "prefix_broken"     // prompts do not begin with the turn before
	otherTraffic     = "other_traffic"     // the server counted more prompts than were sent
	missingTraffic   = "missing_traffic"   // it counted fewer
	countersInvalid  = "counters_invalid"  // a counter went back
	countersDisagree = "counters_disagree" // counters and usage differ
	// requests ran that do not fit into a cache of the stated size
	statedTooSmall = "stated_too_small"
	fitsGPU        = "fits_gpu" // the GPU's cache alone hits all that could be
	// a cache of the stated size hits far less than one without limit
	cacheTooSmall = "too_small"
	// hits far below those of one without limit, whatever the size
	belowIdeal     = "below_ideal"
	allHeld        = "all_held"         // the cache, of whatever size, hit nearly all that could be
	belowPredicted = "below_predicted"  // hits far below those of a cache of the stated size
	abovePredicted = "above_predicted"  // hits far above them
	preemptions    = "preemptions"      // the server ran out of blocks for running requests
	slowTier       = "slow_tier"        // loading from a tier takes longer than computing
	effectFound    = "effect"           // arms differ
	effectNotFound = "effect_not_found" // they do not differ by more than chance
)

// Thresholds of findings.
const (
	// fitsShare is the share of the ideal hits at which a cache holds all that
	// matters. The last percent is blocks that are used once more long after.
	fitsShare = 0.99
	// heldShare is the same for measured hits, which also lose what client and
	// server count differently: a few tokens of each prompt.
	heldShare = 0.97
	// farShare is the share of the expected hits below which a difference is
	// named: a model that ignores what else the server does is within a fifth.
	// farPrompt is the least share of the prompt tokens that must be missing:
	// less cannot be seen in times.
	farShare, farPrompt = 0.8, 0.02
	// countersApart is how far counters and usage may differ, as a share of
	// prompt tokens: a health check or a probe between the readings adds some.
	countersApart = 0.01
	// warmShare is the share of its prompt that a turn may hit which should hit
	// nothing, and warmTokens how many tokens: a chat template begins alike in
	// every request, some with a system message of their own (SmolLM2's: some
	// 30 tokens).
	warmShare, warmTokens = 0.05, 48
)

// cacheDetails makes the blocks about the cache, and the findings from them.
func (c *Collector) cacheDetails(d *Details) {
	d.Prediction = c.cachePlan()
	d.Counters = c.counters()
	d.Cost = c.costModel(d.Prediction)
	d.Reuse = c.reuseDistance(d.Prediction)
	d.Arms = c.arms()
	d.Findings = c.findings(d)
}

func (c *Collector) findings(d *Details) []Finding {
	f := &finder{c: c, d: d, server: server.Of(""), found: []Finding{}}
	if c.run != nil {
		f.server = server.Of(c.run.Server.Kind)
	}
	f.reported()
	f.warm()
	f.control()
	f.prefixes()
	f.counters()
	if p := d.Prediction; p != nil && !record.SharesNothing(c.arm) && !f.statedTooSmall(p) {
		f.capacity(p)
		f.predicted(p)
	}
	if n := d.Counters.value("preemptions"); n >= 1 {
		f.add(preemptions, "The server ran out of blocks for running requests and threw some out, to be "+
			"computed again: its latencies hold that.",
			"%s preemptions by %s", human.Thousands(int64(n)), d.Counters.name("preemptions"))
	}
	f.slowTiers()
	f.effects()
	return f.found
}

// finder collects findings.
type finder struct {
	c      *Collector
	d      *Details
	server *server.Server
	found  []Finding
}

func (f *finder) add(kind string, text, evidence string, args ...any) {
	f.found = append(f.found, Finding{kind, text, fmt.Sprintf(evidence, args...)})
}

// reported looks at whether the server says cached tokens at all.
func (f *finder) reported() {
	k := &f.d.Cache
	switch {
	case k.Of == 0:
	case k.Known == 0 && f.d.Tokens.Usage == 0:
		f.add(notReported, "The server sent no usage, so nothing is known of its cache: a run must ask "+
			"for it.",
			"0 of %s have usage", human.Count(k.Of, "turn"))
	case k.Known == 0:
		how := f.server.Advice.Report
		if p := f.preflight(); p.Advice != "" {
			how = strings.TrimSuffix(p.Advice, ".")
		}
		if how != "" {
			how = ": " + how
		}
		f.add(notReported, "The server does not report cached tokens"+how+".",
			"0 of %s with usage have them", human.Count(f.d.Tokens.Usage, "turn"))
	case k.Known < k.Of:
		first := 0
		for i := range f.c.turns {
			if t := &f.c.turns[i]; t.measured && t.cached < 0 && t.index == 0 {
				first++
			}
		}
		omit := server.Titles(func(s *server.Server) bool { return s.OmitsZero })
		f.add(partlyReported, "The server reports cached tokens for some turns only. Some releases of "+omit+
			" leave out a 0, but a count that is absent is unknown here.",
			"known for %d of %s; %d of the others are first turns", k.Known, human.Count(k.Of, "turn"),
			first)
	}
	pre := f.preflight()
	if p := f.d.Prediction; record.SharesNothing(f.c.arm) {
		// That nothing is found is how the arm is made.
	} else if pre.Caching == record.CachingOff {
		f.add(cacheOff, "Prefix caching is off. "+pre.Advice, "the preflight sent one prompt twice, and "+
			"by %s nothing of it was cached", pre.Evidence)
	} else if p != nil && p.Later.Known > 0 && p.Later.Cached == 0 && p.Later.knownIdeal > 0 {
		how := ""
		if advice := f.server.Advice.Cache; advice != "" {
			how = "; if it is off, " + advice
		}
		f.add(cacheOff, "Prefix caching is off, or nothing survives in it: no later turn found "+
			"anything"+how+".",
			"0 of %s tokens that could be cached, in %s", human.Thousands(p.Later.knownIdeal),
			human.Count(p.Later.Known, "later turn"))
	}
}

// preflight is what was learnt before the run; nothing, if nobody asked.
func (f *finder) preflight() record.Preflight {
	if f.c.run == nil || f.c.run.Preflight == nil {
		return record.Preflight{}
	}
	return *f.c.run.Preflight
}

// warm looks for hits that only an earlier run can have made possible.
func (f *finder) warm() {
	// Of the requests that were sent before any was answered, the one that the
	// server took first can find nothing of this run. Which one that was is not
	// known, so all of them must have found something.
	var early []*turn
	answered := record.Clock(math.MaxInt64)
	for i := range f.c.turns {
		if t := &f.c.turns[i]; t.sent.OK() && t.end.OK() {
			answered = min(answered, max(t.sent, cmp.Or(t.firstToken, t.end)))
		}
	}
	for i := range f.c.turns {
		// One that was sent again on a new connection may have been taken the
		// first time: its clock is the second's.
		if t := &f.c.turns[i]; t.sent.OK() &&
			(t.sent < answered || t.index == 0 && t.connection == record.ConnectionRetried) {
			early = append(early, t)
		}
	}
	missed := func(t *turn) bool { return !t.usage || !found(int(t.cached), int(t.prompt)) }
	if len(early) > 0 && !slices.ContainsFunc(early, missed) {
		var cached, prompt int64
		for _, t := range early {
			cached += int64(t.cached)
			prompt += int64(t.prompt)
		}
		f.add(warmStart, "The cache was warm before the run: its first requests hit tokens that this "+
			"run had not sent yet. Empty the cache, or salt the prompts.",
			"all of the %s sent before any was answered hit, %s of their %s tokens",
			human.Count(len(early), "request"), human.Thousands(cached), human.Thousands(prompt))
	}

	p := f.d.Prediction
	if p == nil || p.First.Known == 0 {
		return
	}
	var allowed float64
	var why string
	turns := float64(p.First.Known)
	switch common, ok := f.commonPrefix(); {
	case p.SharedKnown:
		// The client's tokenizer may not be the server's.
		allowed = 1.25*float64(p.First.knownIdeal) + turns*float64(max(p.Shape.BlockSize, warmTokens))
		why = "their texts share " + human.Thousands(p.First.knownIdeal)
	case ok:
		allowed = turns * (1.25*common + warmTokens)
		why = fmt.Sprintf("the generator gave them %g in common each", common)
	default:
		return
	}
	if float64(p.First.Cached) > allowed+warmShare*float64(p.First.knownPrompt) {
		f.add(warmFirstTurns, "First turns hit more than the conversations share: the cache was warm "+
			"from an earlier run of the same data.",
			"%s of %s tokens of %s were cached, and %s", human.Thousands(int64(p.First.Cached)),
			human.Thousands(p.First.knownPrompt), human.Count(p.First.Known, "first turn"), why)
	}
}

// found says whether a turn that should find nothing found more than a
// template's beginning.
func found(cached, prompt int) bool {
	return cached >= warmTokens && float64(cached) > warmShare*float64(prompt)
}

// commonPrefix is what the generator put before every conversation, in tokens.
func (f *finder) commonPrefix() (float64, bool) {
	if f.c.run == nil || len(f.c.run.Dataset.Generator) == 0 {
		return 0, false
	}
	var in struct {
		Input struct {
			Common struct {
				Distribution string  `json:"distribution"`
				Value        float64 `json:"value"`
			} `json:"common_prefix_num_tokens"`
		} `json:"prompt_input"`
	}
	if json.Unmarshal(f.c.run.Dataset.Generator, &in) != nil {
		return 0, false
	}
	common := in.Input.Common
	return common.Value, common.Distribution == "constant" || common.Distribution == ""
}

// control looks for hits where an arm was made so that there are none.
func (f *finder) control() {
	if f.d.Arms == nil {
		return
	}
	for i := range f.d.Arms.Arms {
		a := &f.d.Arms.Arms[i]
		if record.SharesNothing(a.Name) && a.Known > 0 && a.CachedShare > warmShare &&
			perTurn(a) >= warmTokens {
			what := fmt.Sprintf("The control arm %q is contaminated: its turns hit although they were made "+
				"to find nothing.", a.Name)
			if a.Name != f.d.Arms.Measured {
				what += fmt.Sprintf(" Its difference from %q is too small.", f.d.Arms.Measured)
			}
			f.add(controlHits, what,
				"%s tokens cached in %s, %s %% of their prompts", human.Thousands(int64(a.Cached)),
				human.Count(a.Known, "turn"), fixed(100*a.CachedShare, 1))
		}
	}
}

// prefixes looks at turns whose prompt did not begin with the turn before,
// where that was checked.
func (f *finder) prefixes() {
	type place struct{ why, role, field string }
	count := make(map[place]int)
	var lost, of int64
	broken := 0
	for _, r := range f.c.prefixes {
		of += int64(r.Before)
		if r.Broken == "" {
			continue
		}
		broken++
		lost += int64(r.Before - r.Shared)
		count[place{r.Broken, r.Role, r.Field}]++
	}
	if broken == 0 {
		return
	}
	var most place
	for p, n := range count {
		if n > count[most] || n == count[most] && (p.why+p.role+p.field < most.why+most.role+most.field) {
			most = p
		}
	}
	where := most.why
	if most.role != "" {
		where += fmt.Sprintf(", in the %s of a message of role %s", cmp.Or(most.field, "text"), most.role)
	}
	f.add(prefixBroken, "Prompts do not begin with all of the turn before, so no cache can reuse "+
		"what comes after the break.",
		"%d of %s checked; %s of the %s tokens before them are lost; mostly (%d): %s", broken,
		human.Count(len(f.c.prefixes), "turn"), human.Thousands(lost), human.Thousands(of), count[most],
		where)
}

// counters holds the server's counters against what was sent and what usage says.
func (f *finder) counters() {
	k := f.d.Counters
	if k.Invalid != "" {
		f.add(countersInvalid, "The server's counters mean nothing for this run: the server restarted, "+
			"or several take turns behind the address.", "%s", k.Invalid)
		return
	}
	prompt := k.value("prompt_tokens")
	foreign := false
	if prompt.OK() && k.PromptUnknown == 0 && k.Turns > 0 {
		apart := float64(prompt) - float64(k.Prompt)
		if foreign = math.Abs(apart) > max(warmTokens, countersApart*float64(k.Prompt)); foreign {
			kind, text := otherTraffic, "The server had other traffic: it computed or found more prompt "+
				"tokens than this run sent. Hits and times are not this run's alone."
			if apart < 0 {
				kind, text = missingTraffic, "The server's counters miss a part of the run: several servers "+
					"may stand behind the address, and not all were read."
			}
			f.add(kind, text, "%s prompt tokens by %s, %s by the usage of %s",
				human.Thousands(int64(prompt)), k.name("prompt_tokens"), human.Thousands(k.Prompt),
				human.Count(k.Turns, "turn"))
		}
	}
	cached := k.value("cached_tokens")
	if cached.OK() && k.Unknown == 0 && k.Turns > 0 && !foreign {
		if apart := float64(cached) - float64(k.Cached); math.Abs(apart) > max(warmTokens,
			countersApart*float64(k.Prompt)) {
			f.add(countersDisagree, "The server's counters disagree with the usage it sent.",
				"cached tokens: %s by %s, %s by usage, %+.1f %% of the prompt tokens apart",
				human.Thousands(int64(cached)), k.name("cached_tokens"), human.Thousands(k.Cached),
				100*apart/float64(max(1, k.Prompt)))
		}
	}
}

// capacity looks at whether the run can show what a size of the cache is worth.
func (f *finder) capacity(p *CachePlan) {
	if p.All.Ideal == 0 {
		return
	}
	if p.Shape.Config != nil {
		gpu := p.All.PredictedTier[kvcache.GPU.String()]
		if float64(gpu) >= fitsShare*float64(p.All.Ideal) {
			size := "without limit"
			if n := p.Shape.Config.Tiers[kvcache.GPU].Blocks; n >= 0 {
				size = "of " + human.Thousands(int64(n)) + " blocks"
			}
			f.add(fitsGPU, "The working set fits into the GPU's cache: this run cannot show what "+
				"offloading is worth.",
				"a GPU tier %s alone would hit %s %% of what any cache could; the run used %s different "+
					"blocks, at most %s of them at a time to be used again",
				size, fixed(100*share(gpu, p.All.Ideal), 1), human.Thousands(int64(p.UniqueBlocks)),
				human.Thousands(int64(p.LiveBlocks)))
		}
		if float64(p.All.Predicted) < farShare*float64(p.All.Ideal) {
			f.add(cacheTooSmall, "The cache is too small for the load: a cache of the stated size loses "+
				"much of what could be used again.",
				"it would hit %s %% of what any cache could; an LRU cache of %s blocks, besides those that "+
					"running requests need, would hit 99 %%",
				fixed(100*p.All.PredictedRate, 1), human.Thousands(int64(p.ReachBlocks)))
		}
		return
	}
	if p.Later.Known > 0 && float64(p.Later.EligibleRate) < farShare && p.Later.Cached > 0 {
		f.add(belowIdeal, "Much of what could be used again was not found. Whether the cache is too "+
			"small shows once its size is stated.",
			"later turns hit %s of the %s tokens that could be cached, %s %%; an LRU cache of %s blocks of "+
				"%s, besides those that running requests need, would hit 99 %%",
			human.Thousands(int64(p.Later.Cached)), human.Thousands(p.Later.knownIdeal),
			fixed(100*p.Later.EligibleRate, 1), human.Thousands(int64(p.ReachBlocks)),
			human.Count(p.Shape.BlockSize, "token"))
	}
	lower := p.Later.CachedTier[kvcache.CPU.String()] + p.Later.CachedTier[kvcache.Disk.String()]
	if p.Later.Known > 0 && lower == 0 && p.Later.EligibleRate >= heldShare {
		f.add(allHeld, "The cache held nearly all that could be reused: this run does not show where "+
			"its size ends.",
			"later turns hit %s of the %s tokens that could be cached",
			human.Thousands(int64(p.Later.Cached)), human.Thousands(p.Later.knownIdeal))
	}
}

// statedTooSmall looks for requests that ran although they do not fit into the
// stated cache: it cannot be the server's.
func (f *finder) statedTooSmall(p *CachePlan) bool {
	n := 0
	for _, k := range p.by {
		if k != nil && k.TooLarge {
			n++
		}
	}
	if n > 0 {
		f.add(statedTooSmall, "The stated cache is smaller than the server's: requests ran that do not "+
			"fit into it.", "%s do not fit into %s", human.Count(n, "request"),
			strings.TrimPrefix(shapeText(&p.Shape), "predicted: "))
	}
	return n > 0
}

// predicted holds hits against those of a cache of the stated shape.
func (f *finder) predicted(p *CachePlan) {
	if p.Shape.Config == nil {
		return
	}
	from := -1 // the row from which on all are far below
	var cached, predicted Number
	for i := len(p.Turns) - 1; i >= 0; i-- {
		r := &p.Turns[i]
		if r.Known < r.N || !(float64(r.Cached) < farShare*float64(r.Predicted)) ||
			float64(r.Predicted-r.Cached) < farPrompt*float64(r.Prompt) {
			break
		}
		from = i
		cached += r.Cached
		predicted += r.Predicted
	}
	off := slices.ContainsFunc(f.found, func(g Finding) bool { return g.Kind == cacheOff })
	if from >= 0 && !off {
		f.add(belowPredicted, fmt.Sprintf("Hits are far below those of a cache of the stated size from "+
			"turn %d on: the pool is smaller than stated, others use it, requests go to several servers, "+
			"or prompts do not begin as the turn before (a template that rewrites history).",
			p.Turns[from].From),
			"%s tokens cached by usage, %s predicted, %s %%", human.Thousands(int64(cached)),
			human.Thousands(int64(predicted)), fixed(100*cached/predicted, 1))
	}
	// Without texts a prediction lacks what conversations share.
	if r := &p.All; p.SharedKnown && r.Known == r.N &&
		float64(r.Predicted) < farShare*float64(r.Cached) &&
		float64(r.Cached-r.Predicted) > farPrompt*float64(r.Prompt) {
		f.add(abovePredicted, "Hits are far above those of a cache of the stated size: the server's is "+
			"larger, or it was warm from an earlier run.",
			"%s tokens cached by usage, %s predicted", human.Thousands(int64(r.Cached)),
			human.Thousands(int64(r.Predicted)))
	}
}

// slowTiers names tiers that cost more time than they save.
func (f *finder) slowTiers() {
	m := f.d.Cost
	if m == nil || !m.Fit {
		return
	}
	for i := range m.Tiers {
		t := &m.Tiers[i]
		if t.Tokens.High.OK() && t.Tokens.High < m.Prefill.Low {
			f.add(slowTier, fmt.Sprintf("Loading from the %s tier takes longer than computing: what it "+
				"holds costs time.", t.Tier), "%s: %s; prefill: %s", t.Tier, perSecond(t.Tokens),
				perSecond(m.Prefill))
		}
	}
}

// effects says what the control arms show.
func (f *finder) effects() {
	if f.d.Arms == nil {
		return
	}
	for i := range f.d.Arms.Effects {
		e := &f.d.Arms.Effects[i]
		r, what := &e.Later, "later turns"
		if r.N == 0 {
			r, what = &e.All, "all turns"
		}
		d := r.Difference
		if !d.Low.OK() || !d.High.OK() {
			continue
		}
		from := human.Count(e.Conversations, "conversation")
		if e.Batches > 0 {
			from = human.Count(e.Batches, "pair") + " of batches"
		}
		evidence := fmt.Sprintf("ttft of %s less that of %s, %s: %s ms [%s, %s], 95 %% interval from %s",
			e.Control, f.d.Arms.Measured, what,
			fixed(d.Value, 2), fixed(d.Low, 2), fixed(d.High, 2), from)
		cache := record.SharesNothing(e.Control) && !record.SharesNothing(f.d.Arms.Measured)
		var text string
		kind := effectFound
		switch {
		case !r.significant():
			kind = effectNotFound
			text = fmt.Sprintf("No difference between arms %q and %q can be told from chance.",
				f.d.Arms.Measured, e.Control)
			if cache {
				text = "No effect of the cache on the time to the first token can be told from chance."
			}
		case cache && d.Value > 0:
			text = fmt.Sprintf("The cache brings the first token of %s %s ms forward, %s %% of what it "+
				"takes without.", what, fixed(d.Value, 1), fixed(100*r.Relative, 0))
		case cache:
			text = fmt.Sprintf("With the cache the first token of %s comes %s ms later than without.", what,
				fixed(-d.Value, 1))
		default:
			text = fmt.Sprintf("Arms %q and %q differ.", f.d.Arms.Measured, e.Control)
		}
		f.add(kind, text, "%s", strings.TrimSpace(evidence))
	}
}
