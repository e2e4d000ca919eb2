package report

import (
	"strings"

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
	case k.Known == 0 && f.d.Tokens.Usage == 0:
		f.add(notReported, "The server sent no usage, so cached tokens are unknown: a run must ask for "+
			"usage.",
			"0 of %s have usage", human.Count(k.Of, "turn"))
	case k.Known == 0:
		f.add(notReported, "The server does not report cached tokens"+f.howToReport()+".",
			"0 of %s with usage have them", human.Count(f.d.Tokens.Usage, "turn"))
	case k.Known < k.Of:
		f.partlyReported()
	}
}

// howToReport returns ": " and what makes the server report cached tokens, ""
// if that is unknown.
func (f *finder) howToReport() string {
	how := f.server.Advice.Report
	if p := f.preflight(); p.Advice != "" {
		how = strings.TrimSuffix(p.Advice, ".")
	}
	if how == "" {
		return ""
	}
	return ": " + how
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
	f.add(partlyReported, "The server reports cached tokens for some turns only. Some releases of "+omit+
		" leave out a 0; here a missing count is unknown.",
		"known for %d of %s; %d of the others are first turns", k.Known, human.Count(k.Of, "turn"), first)
}

// off looks for a cache that is off. An arm that shares nothing has no hits by
// design.
func (f *finder) off() {
	if record.SharesNothing(f.c.arm) {
		return
	}
	if pre := f.preflight(); pre.Caching == record.CachingOff {
		f.add(cacheOff, "Prefix caching is off. "+pre.Advice,
			"the preflight sent one prompt twice, and by %s none of its tokens were cached", pre.Evidence)
		return
	}
	p := f.d.Prediction
	if p == nil || p.Later.Known == 0 || p.Later.Cached != 0 || p.Later.knownIdeal <= 0 {
		return
	}
	how := ""
	if advice := f.server.Advice.Cache; advice != "" {
		how = "; if it is off, " + advice
	}
	f.add(cacheOff, "Prefix caching is off, or all blocks are evicted before they are reused: later "+
		"turns have no hits"+how+".",
		"hits in 0 of the %s possible tokens, in %s", tokens(p.Later.knownIdeal),
		human.Count(p.Later.Known, "later turn"))
}
