package report

import (
	"fmt"

	"multiturn/internal/human"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// Finding is a conclusion about the server's cache, with the numbers that show
// it.
type Finding struct {
	Kind     string `json:"kind"` // one of the kinds below, for programs
	Text     string `json:"text"`
	Evidence string `json:"evidence"`
}

// Kinds of findings, in the order in which they are reported.
const (
	notReported    = "not_reported"     // no turn has a number of cached tokens
	partlyReported = "partly_reported"  // only some turns have one
	cacheOff       = "cache_off"        // no hits, though tokens were in the cache
	warmStart      = "warm_start"       // the run's first requests hit
	warmFirstTurns = "warm_first_turns" // first turns hit more than conversations share
	controlHits    = "control_hits"     // turns of a control arm hit
	prefixBroken   = "prefix_broken"    // prompts do not begin with the previous turn

	otherTraffic     = "other_traffic"     // counters show more prompt tokens than were sent
	missingTraffic   = "missing_traffic"   // they show fewer
	countersInvalid  = "counters_invalid"  // a counter went back
	countersDisagree = "counters_disagree" // counters and usage differ

	statedTooSmall = "stated_too_small" // requests ran that do not fit into the stated cache
	fitsGPU        = "fits_gpu"         // the GPU tier alone has nearly all possible hits
	cacheTooSmall  = "too_small"        // the stated cache has far fewer hits than possible
	belowIdeal     = "below_ideal"      // far fewer hits than possible; no cache is stated
	allHeld        = "all_held"         // nearly all possible hits; no cache is stated
	belowPredicted = "below_predicted"  // far fewer hits than the stated cache would have
	abovePredicted = "above_predicted"  // far more

	preemptions    = "preemptions"      // the server ran out of blocks for running requests
	tierWorth      = "tier_worth"       // what a tier below the GPU is worth
	slowTier       = "slow_tier"        // loading from a tier takes longer than computing
	autocorrelated = "autocorrelated"   // times change with something that all turns share
	effectFound    = "effect"           // arms differ
	effectNotFound = "effect_not_found" // they differ by no more than chance
)

// Thresholds of findings.
const (
	// fitsShare is the share of the possible hits at which a cache is taken to
	// hold the whole working set. The last percent is blocks that are used again
	// only once and long after.
	fitsShare = 0.99
	// heldShare is the same for measured hits. These lose a few more tokens of each
	// prompt, which client and server count differently.
	heldShare = 0.97
	// farShare is the share of the expected hits below which a difference is
	// reported: a model that ignores the server's other work is within a fifth.
	farShare = 0.8
	// farPrompt is the smallest share of the prompt tokens that such a difference
	// must be: less cannot be seen in times.
	farPrompt = 0.02
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
	d.Counters = c.counters()
	d.Cost = c.costModel(d.Prediction)
	d.Worth = c.worth(d)
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
	f.off()
	f.warmStart()
	f.warmFirstTurns()
	f.control()
	f.prefixes()
	f.counters()
	if p := d.Prediction; p != nil && !record.SharesNothing(c.arm) && !f.statedTooSmall(p) {
		f.capacity(p)
		f.predicted(p)
	}
	f.preemptions()
	f.effects()
	f.tierWorth()
	f.autocorrelated()
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

// tokens writes a number of tokens with commas.
func tokens[T int | int64 | Number](n T) string { return human.Thousands(int64(n)) }

// percent writes a share as a percentage.
func percent(share Number) string { return fixed(100*share, 1) + " %" }
