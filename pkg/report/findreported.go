package report

import (
	"cmp"
	"fmt"

	"multiturn/internal/human"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// preflight returns the answers of the preflight, empty ones if there was none.
func (f *finder) preflight() record.Preflight {
	if f.c.run == nil || f.c.run.Preflight == nil {
		return record.Preflight{}
	}
	return *f.c.run.Preflight
}

// reported checks whether the server reports cached tokens.
func (f *finder) reported() {
	k := &f.d.Cache
	switch {
	case k.Of == 0:
	case k.Known == 0 && f.has(noUsage, usageZeros):
	case k.Known == 0 && f.d.Tokens.Usage == 0:
		f.add(notReported, fmt.Sprintf("Cached tokens of all %s are unknown: a run must ask for usage.",
			human.Count(k.Of, "turn")), "no turn has usage")
	case k.Known == 0:
		f.add(notReported, fmt.Sprintf("The server reports cached tokens for 0 of %s%s.",
			human.Count(k.Of, "turn"), f.howToReport()), "%s with usage",
			human.Count(f.d.Tokens.Usage, "turn"))
	case k.Known < k.Of:
		f.partlyReported()
	}
}

// howToReport returns ": " and what makes the server, or some, report cached
// tokens.
func (f *finder) howToReport() string {
	how := f.server.Advice.Report
	if p := f.preflight(); p.Advice != "" {
		how = p.Advice
	}
	return ": " + cmp.Or(how, server.Of("").Advice.Report)
}

func (f *finder) partlyReported() {
	first := 0
	for i := range f.c.turns {
		if t := &f.c.turns[i]; t.measured && t.cached < 0 && t.index == 0 {
			first++
		}
	}
	k := &f.d.Cache
	omit := server.Titles(func(s *server.Server) bool { return s.OmitsZero })
	f.add(partlyReported, fmt.Sprintf("The server reports cached tokens for %d of %s only; some releases "+
		"of %s leave out a 0, and here a missing count is unknown.", k.Known,
		human.Count(k.Of, "turn"), omit), "%d of the others are first turns", first)
}

// noLaterTurns reports a run in which no history was sent again, so that a cache
// had nothing of a conversation to hit.
func (f *finder) noLaterTurns() {
	first := 0
	for i := range f.c.turns {
		if t := &f.c.turns[i]; t.good {
			if t.index > 0 {
				return
			}
			first++
		}
	}
	if first > 0 {
		f.add(noLaterTurns, fmt.Sprintf("No second turn was played, in %s: no history was sent again, so "+
			"this run does not show what the cache is worth.", human.Count(first, "conversation")), "%s",
			human.Count(first, "first turn"))
	}
}

// off looks for a cache that is off. An arm that shares nothing has no hits by
// design.
func (f *finder) off() {
	if record.SharesNothing(f.c.arm) {
		return
	}
	if pre := f.preflight(); pre.Caching == record.CachingOff {
		f.add(cacheOff, "Prefix caching is off: of a prompt that was sent twice before the run, 0 tokens "+
			"were hit"+after("; ", pre.Advice)+".", "by %s", pre.Evidence)
		return
	}
	p := f.d.Prediction
	if p == nil || p.Later.Known == 0 || p.Later.Cached != 0 || p.Later.knownPossible <= 0 {
		return
	}
	if p.Shape.Config != nil && p.Later.PredictedOfPossible < farShare {
		return // the cache is too small for hits
	}
	how := ""
	if advice := f.server.Advice.Cache; advice != "" {
		how = "; if it is off, " + advice
	}
	f.add(cacheOff, fmt.Sprintf("Prefix caching is off, or all blocks are evicted before they are reused: "+
		"later turns hit 0 of %s possible tokens%s.", tokens(p.Later.knownPossible), how), "%s",
		human.Count(p.Later.Known, "later turn"))
}
