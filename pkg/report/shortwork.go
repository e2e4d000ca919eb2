package report

import (
	"fmt"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// throughputFact has the rates.
func (s *Summary) throughputFact() render.Fact {
	p := &s.Details.Throughput
	if !p.Seconds.OK() || p.Requests == 0 {
		return answer("Throughput")
	}
	line := fmt.Sprintf("%s turns/s   %s output tok/s   %s input tok/s", speed(p.Requests),
		speed(p.Output), speed(p.Input))
	var aside []string
	if p.NewInput.OK() {
		aside = append(aside, speed(p.NewInput)+" computed")
	}
	if a := s.Details.Arms; a != nil {
		aside = append(aside, "arm "+a.Measured)
	}
	if len(aside) > 0 {
		line += " (" + strings.Join(aside, "; ") + ")"
	}
	return answer("Throughput", line)
}

// speed formats a number a second: whole from 100 on, with three digits below.
func speed(n Number) string {
	switch {
	case n >= 100:
		return human.Thousands(int64(n + 0.5))
	case n >= 10:
		return fixed(n, 1)
	}
	return fixed(n, 2)
}

// workFact has what became of the turns, and the commonest failures.
func (s *Summary) workFact() render.Fact {
	d := s.Details
	lines := append([]string{d.tallyLine(), d.endedLine()}, d.failureLines()...)
	if v := d.Verify; v != nil {
		lines = append(lines, "verified: "+v.String())
	}
	return answer("Work", lines...)
}

// tallyLine counts the turns in one line.
func (d *Details) tallyLine() string {
	t := &d.Work.Turns
	parts := []string{fmt.Sprintf("%d of %s ok", t.Finished, human.Count(t.Planned, "turn"))}
	if w := d.Window; w != nil && w.From.OK() {
		parts = append(parts, fmt.Sprintf("%d of %d in the window", w.Turns, w.Of))
	}
	line := strings.Join(append(parts, d.lengthsPart()...), ", ") + d.notOKText()
	if sec := d.Throughput.Seconds; sec.OK() && !d.part() { // whose time is that of all turns
		line += fmt.Sprintf(", in %s s", render.Short(float64(sec)))
	}
	if n := d.Throughput.InFlight; n.OK() {
		line += fmt.Sprintf("; %s in flight, at most %d", fixed(n, 1), d.Throughput.MaxInFlight)
	}
	return line
}

// notOKText counts the turns that are not ok, and those sent again. Turns that an
// interrupt ended count as failed in the records.
func (d *Details) notOKText() string {
	t := &d.Work.Turns
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{
		{d.failed, "failed"}, {t.Failed - d.failed, "interrupted"}, {t.Abandoned, "not sent"},
		{d.Retried, "retried" + d.pausesText()},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return after("; ", strings.Join(parts, ", "))
}

// pausesText says how long retries paused, if that is known.
func (d *Details) pausesText() string {
	if d.Retried == 0 || !d.RetryPauses.OK() {
		return ""
	}
	return fmt.Sprintf(" (after %s s of pauses)", render.Short(float64(d.RetryPauses)))
}

// lengthsPart returns how many answers are not as long as asked, if any length was.
func (d *Details) lengthsPart() []string {
	l := &d.Lengths
	switch {
	case l.Asked == 0:
		return nil
	case l.Met == l.Asked:
		return []string{"all as long as asked"}
	case l.Shorter == 0:
		return []string{fmt.Sprintf("%d longer than asked", l.Longer)}
	case l.Longer == 0:
		return []string{fmt.Sprintf("%d shorter than asked", l.Shorter)}
	}
	return []string{fmt.Sprintf("%d shorter and %d longer than asked", l.Shorter, l.Longer)}
}

// endedLine says why a run has not done all its work; "" if it has, or if it was
// limited, which the load says.
func (d *Details) endedLine() string {
	switch w := &d.Work; w.Why {
	case record.WhyDone, record.WhyLimit:
		return ""
	case "":
		return "the records have no end: the run was killed, or goes on"
	default:
		return fmt.Sprintf("ended early: %s%s", w.Why, after(": ", firstWords(w.Error)))
	}
}

// shownFailures is how many kinds of failures the short text has.
const shownFailures = 2

// failureLines has the commonest failures, or the only one in full.
func (d *Details) failureLines() (lines []string) {
	if len(d.Failures) == 1 {
		return []string{d.Failures[0].String()}
	}
	for i := range d.Failures[:min(len(d.Failures), shownFailures)] {
		lines = append(lines, clipped(d.Failures[i].String(), failureWidth))
	}
	if more := len(d.Failures) - shownFailures; more > 0 {
		last := len(lines) - 1
		lines[last] = clipped(lines[last], failureWidth-len(moreFailures)) + moreFailures
	}
	return lines
}

// failureWidth is the width of a line of a failure: the short text has one line for
// each.
const failureWidth = 86

// moreFailures stands behind the last failure of the short text if there are others.
const moreFailures = ", and others"

// clipped returns s, cut to width characters.
func clipped(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:width-3]) + "..."
	}
	return s
}

// String is the failure and how often it was met.
func (f *Failure) String() string {
	name := string(f.Outcome)
	if f.Status != 0 && f.Status != 200 {
		name += " " + integer(f.Status)
	}
	return fmt.Sprintf("%d x %s%s", f.N, name, after(": ", f.Error))
}

// String counts the answers that are as in the dataset, and those that are not.
func (v *Verify) String() string {
	return fmt.Sprintf("%s as in the dataset, %d not", human.Count(v.Match, "answer"), v.Mismatch)
}

// goodputFact has the turns that met the limits, if there are any.
func (s *Summary) goodputFact() render.Fact {
	g := s.Details.Goodput
	if g == nil {
		return answer("Goodput")
	}
	return answer("Goodput", fmt.Sprintf("%d of %d turns within %s ms, %s; %s/s", g.Good, g.Of, g.Limits,
		percent(g.Share), speed(g.PerSec)))
}
