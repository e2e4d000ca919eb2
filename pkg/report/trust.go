package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// kindNames are the kinds of numbers as a report names them.
var kindNames = map[string]string{
	record.KindTTFT: "TTFT", record.KindTPOT: "TPOT", record.KindITL: "ITL",
	record.KindLatency: "latency", record.KindThink: "think times",
	record.KindThroughput: "throughput",
}

// trust returns which numbers can be trusted and which cannot, each in words,
// with the uncertainty.
func trust(c *record.Certificate) (yes, no, unknown []string) {
	for i := range c.Verdicts {
		v := &c.Verdicts[i]
		text := kindNames[v.Kind]
		if off := uncertainty(v); off != "" {
			text += " (" + off + ")"
		}
		switch v.Verdict {
		case record.VerdictOK:
			yes = append(yes, text)
		case record.VerdictUnknown:
			unknown = append(unknown, kindNames[v.Kind])
		default:
			no = append(no, text)
		}
	}
	return yes, no, unknown
}

// The smallest uncertainty that is mentioned: below these, tables round more.
const (
	shownShare = 0.01 // of time or chunks
	shownMS    = 0.5
)

// uncertainty returns by how much a number may be off, in words; "" for next to
// nothing.
func uncertainty(v *record.Verdict) string {
	switch {
	case v.Kind == record.KindThroughput || v.Kind == record.KindITL:
		switch {
		case v.Share < shownShare:
			return ""
		case v.Kind == record.KindITL:
			return fmt.Sprintf("%s %% of chunks waited", render.Short(100*v.Share))
		}
		return fmt.Sprintf("up to %s %% too low", render.Short(100*v.Share))
	case math.Abs(v.MS) < shownMS:
		return ""
	case v.Share == 0:
		return fmt.Sprintf("up to %+.1f ms", v.MS)
	}
	return fmt.Sprintf("up to %+.1f ms in %s %% of turns", v.MS, render.Short(100*v.Share))
}

// trustLines returns the verdicts in at most a line each for yes, no and unknown.
func trustLines(c *record.Certificate) (lines []string) {
	yes, no, unknown := trust(c)
	for _, p := range []struct {
		lead string
		all  []string
	}{{"yes: ", yes}, {"no: ", no}, {"unknown: ", unknown}} {
		if len(p.all) > 0 {
			lines = append(lines, p.lead+strings.Join(p.all, ", "))
		}
	}
	return lines
}

// trustOf says what the numbers are of, where that is not all turns, or not what
// their names say.
func (s *Summary) trustOf() (lines []string) {
	d := s.Details
	if d.failed > 0 {
		lines = append(lines, fmt.Sprintf("only of the %s that are ok",
			human.Count(s.measured, "turn")))
	}
	if d.has(promptsNotGrow) {
		lines = append(lines, "input tokens are not the whole prompts, so that they and throughput are too low")
	}
	if loadOf(s.Run).NoStream || d.has(notStreamed) {
		lines = append(lines, "TTFT is the latency, since answers came at once")
	}
	return lines
}

// shownReasons is how many reasons for doubt the short text has.
const shownReasons = 2

// trustFact says which numbers the client measured well, if there are any.
func (s *Summary) trustFact() render.Fact {
	if s.measured == 0 {
		return answer("Trust")
	}
	c := &s.Details.Certificate
	lines := append(trustLines(c), s.trustOf()...)
	var reasons []string
	for _, v := range c.Verdicts {
		if v.Reason != "" && len(reasons) < shownReasons && !slices.Contains(reasons, v.Reason) {
			reasons = append(reasons, v.Reason)
		}
	}
	return answer("Trust", append(lines, reasons...)...)
}
