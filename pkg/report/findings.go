package report

import (
	"cmp"
	"fmt"
	"slices"

	"multiturn/internal/human"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
	"multiturn/pkg/server"
)

// Finding is a conclusion from the records.
type Finding struct {
	Kind     string   `json:"kind"` // one of the kinds below, for programs
	Severity Severity `json:"severity"`
	// Text is one sentence with its number, Evidence the other numbers behind it.
	Text     string `json:"text"`
	Evidence string `json:"evidence"`
}

// Severity is what a finding means to a reader of the report.
type Severity string

// Severities, the worst first.
const (
	SeverityFailure Severity = "failure" // the server did not do what was asked
	SeverityDoubt   Severity = "doubt"   // numbers of the report are not what they seem
	SeverityVerdict Severity = "verdict" // what the run shows of the cache
	SeverityHint    Severity = "hint"    // what else to know
)

// Kinds of findings.
const (
	failedTurns     = "failed_turns"     // some failed or were not reached
	notStreamed     = "not_streamed"     // whole answers came at once
	reasoningOnly   = "reasoning_only"   // no answer has content
	shortAnswers    = "short_answers"    // answers are shorter than asked
	historyReplaced = "history_replaced" // answers cannot stand in a history
	noUsage         = "no_usage"         // usage was asked for and is missing
	usageZeros      = "usage_zeros"      // usage has no numbers
	promptsNotGrow  = "prompts_not_grow" // prompt tokens are not those of the whole prompts

	untrueRecords    = "implausible"       // numbers that cannot be true
	countersInvalid  = "counters_invalid"  // a counter went back
	otherTraffic     = "other_traffic"     // counters show more prompt tokens than were sent
	missingTraffic   = "missing_traffic"   // they show fewer
	countersDisagree = "counters_disagree" // counters and usage differ
	warmStart        = "warm_start"        // the run's first requests hit
	warmFirstTurns   = "warm_first_turns"  // first turns hit more than conversations share
	controlHits      = "control_hits"      // turns of a control arm hit
	statedTooSmall   = "stated_too_small"  // requests ran that do not fit into the stated cache
	notReported      = "not_reported"      // no turn has a number of cached tokens
	partlyReported   = "partly_reported"   // only some turns have one

	movedTurns     = "moved_turns"      // turns lost hits on another replica than the one before
	noLaterTurns   = "no_later_turns"   // no conversation had a second turn
	cacheOff       = "cache_off"        // no hits, though tokens were in the cache
	prefixBroken   = "prefix_broken"    // prompts do not begin with the previous turn
	belowPredicted = "below_predicted"  // far fewer hits than the known cache would have
	abovePredicted = "above_predicted"  // far more
	cacheTooSmall  = "too_small"        // far fewer hits than possible
	belowPossible  = "below_possible"   // likewise; the size of the cache is unknown
	slowTier       = "slow_tier"        // loading from a tier takes longer than computing
	idleTier       = "idle_tier"        // a tier had hardly any hits
	effectFound    = "effect"           // arms differ
	effectNotFound = "effect_not_found" // they differ by no more than chance
	tierWorth      = "tier_worth"       // what a tier below the GPU is worth
	fitsGPU        = "fits_gpu"         // the GPU tier alone has nearly all possible hits
	allHeld        = "all_held"         // nearly all possible hits; the tiers are unknown

	autocorrelated = "autocorrelated"  // times change with something that all turns share
	slowReplica    = "slow_replica"    // one is slower than the others
	unevenReplicas = "uneven_replicas" // one had far more turns in flight
	preemptions    = "preemptions"     // the server ran out of blocks for running requests
)

// ranking are the kinds of each severity, the worst first.
var ranking = []struct {
	severity Severity
	kinds    []string
}{
	{SeverityFailure, []string{
		failedTurns, promptsNotGrow, notStreamed, reasoningOnly, historyReplaced, shortAnswers,
		noUsage, usageZeros,
	}},
	{SeverityDoubt, []string{
		untrueRecords, countersInvalid, otherTraffic, missingTraffic, warmStart, warmFirstTurns, controlHits,
		countersDisagree, statedTooSmall, notReported, partlyReported,
	}},
	{SeverityVerdict, []string{
		noLaterTurns, cacheOff, movedTurns, prefixBroken, belowPredicted, abovePredicted,
		cacheTooSmall, belowPossible, slowTier, effectFound, effectNotFound, tierWorth, idleTier,
		fitsGPU, allHeld,
	}},
	{SeverityHint, []string{slowReplica, unevenReplicas, preemptions, autocorrelated}},
}

// ranked returns the findings with their severities, the worst first.
func ranked(found []Finding) []Finding {
	rank := make(map[string]int)
	severity := make(map[string]Severity)
	for _, r := range ranking {
		for _, kind := range r.kinds {
			rank[kind], severity[kind] = len(rank), r.severity
		}
	}
	for i := range found {
		found[i].Severity = severity[found[i].Kind]
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Compare(rank[a.Kind], rank[b.Kind])
	})
	return found
}

// Thresholds of findings.
const (
	// maxFailed is the share of turns that may fail before nothing is concluded
	// about the cache: failed turns leave no blocks and no load, and a percent of
	// the turns is within the noise of what is reported.
	maxFailed = 0.01
	// onceShare and onceTokens describe an answer that came at once: within that
	// share of its latency, and of enough tokens that generating them takes longer on
	// any server.
	onceShare, onceTokens = 0.01, 8
	// heldShare is the share of the possible hits at which a cache is taken to
	// hold the whole working set. The last percents are blocks that are used again
	// only once and long after, and tokens that client and server count differently.
	heldShare = 0.97
	// farShare is the share of the expected hits below which a difference is
	// reported: a model that ignores the server's other work is within a fifth.
	farShare = 0.8
	// aboveShare is the same for more hits than expected, to which other work does
	// not lead: the prediction itself is within 2 % (docs/measurements.md).
	aboveShare = 0.9
	// farPrompt is the smallest share of the prompt tokens that such a difference
	// must be: less cannot be seen in times.
	farPrompt = 0.02
	// idleShare is the share of the prompt tokens below which a tier counts as
	// idle: less cannot be seen in times.
	idleShare = 0.01
	// waitingShare is the share of the mean TTFT from which on the wait for other
	// requests is said beside a tier's worth: less is within the noise of a mean.
	waitingShare = 0.10
	// countersApart is how far counters and usage may differ, as a share of the
	// prompt tokens: health checks and probes between the readings add some.
	countersApart = 0.01
	// warmShare and warmTokens are the share of its prompt and the number of tokens
	// that a turn may hit in a cold cache: chat templates begin alike in all
	// requests, some with a system message of their own (SmolLM2's: about 30
	// tokens).
	warmShare, warmTokens = 0.05, 48
	// autocorrelatedFrom is the least number of conversations for the finding that
	// turns are autocorrelated: its false alarms and its power are measured from
	// there on (scripts/calibrate).
	autocorrelatedFrom = 24
	// precise is the half width of a mean's interval, as a share of the mean, for
	// which the needed number of conversations is given: smaller differences are
	// rarely worth a change of a server.
	precise = 0.05
)

// cacheDetails computes the blocks about the cache, and the findings from them.
func (c *Collector) cacheDetails(d *Details) {
	d.Prediction = c.cachePlan()
	d.Counters = c.counters(c.scrapes)
	d.Replicas = c.replicas(d.Prediction)
	d.Cost = c.costModel(d.Prediction)
	d.Arms = c.arms()
	d.Worth = c.worth(d)
	d.Reuse = c.reuseDistance(d.Prediction)
	d.Findings = c.findings(d)
}

func (c *Collector) findings(d *Details) []Finding {
	f := &finder{c: c, d: d, server: server.Of(""), found: []Finding{}}
	if c.run != nil {
		f.server = server.Of(c.run.Server.Kind)
	}
	f.failures()
	f.untrue()
	f.counters()
	f.preemptions()
	f.autocorrelated()
	f.replicas()
	if !d.tooManyFailed() && !d.prompts.found() {
		f.cache()
	}
	return ranked(f.found)
}

// cache reports what the run shows of the cache.
func (f *finder) cache() {
	f.reported()
	f.warmStart()
	f.warmFirstTurns()
	f.control()
	f.prefixes()
	f.effects()
	f.off()
	f.noLaterTurns()
	f.movedTurns()
	if record.SharesNothing(f.c.arm) {
		return // its turns hit nothing by design
	}
	if p := f.d.Prediction; p != nil && !f.statedTooSmall(p) {
		f.predicted(p)
		f.capacity(p)
	}
	f.tierWorth()
}

// finder collects findings.
type finder struct {
	c      *Collector
	d      *Details
	server *server.Server
	found  []Finding
}

func (f *finder) add(kind string, text, evidence string, args ...any) {
	f.found = append(f.found, Finding{Kind: kind, Text: text, Evidence: fmt.Sprintf(evidence, args...)})
}

// has reports whether one of the kinds was found.
func (f *finder) has(kinds ...string) bool {
	return slices.ContainsFunc(f.found, func(g Finding) bool { return slices.Contains(kinds, g.Kind) })
}

// tokens writes a number of tokens with commas.
func tokens[T int | int64 | Number](n T) string { return human.Thousands(int64(n)) }

// percent writes a share as a percentage.
func percent(share Number) string { return render.Percent(float64(share)) }
