package report

import (
	"cmp"
	"fmt"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/record"
)

// failures reports what the server did not do as asked.
func (f *finder) failures() {
	f.failedTurns()
	f.promptsNotGrow()
	f.notStreamed()
	f.reasoningOnly()
	f.historyReplaced()
	f.shortAnswers()
	f.noUsage()
	f.usageZeros()
}

// failed returns how many turns, warm-up left out, failed, of how many that were
// sent. Turns that an interrupt ended did not fail.
func (c *Collector) failed() (failed, of int) {
	for i := range c.turns {
		t := &c.turns[i]
		if t.warmup || t.outcome == record.Cancelled {
			continue
		}
		of++
		if !t.outcome.OK() {
			failed++
		}
	}
	return failed, of
}

// tooManyFailed reports whether too many turns failed to conclude anything about
// the cache.
func (d *Details) tooManyFailed() bool { return float64(d.failed) > maxFailed*float64(d.sent) }

func (f *finder) failedTurns() {
	failed, of := f.d.failed, f.d.sent
	abandoned := f.d.Work.Turns.Abandoned
	if failed == 0 && (abandoned == 0 || f.d.Work.Why == record.WhyInterrupted) {
		return
	}
	text := fmt.Sprintf("%d of %s failed (%s)", failed, human.Count(of, "turn"),
		percent(share(Number(failed), int64(of))))
	var kinds []string
	for _, e := range f.d.Failures {
		kinds = append(kinds, fmt.Sprintf("%s %s", human.Count(e.N, "turn"), e.what()))
	}
	if len(f.d.Failures) > 0 {
		text += ", most often: " + f.d.Failures[0].what()
	}
	if one := f.d.Replicas.failedOnly(); one != nil {
		text += ", all at " + one.name()
	}
	if abandoned > 0 {
		text += fmt.Sprintf("; %d more were not sent", abandoned)
	}
	if f.d.tooManyFailed() {
		text += "; nothing is concluded about the cache"
	}
	f.add(failedTurns, text+".", "%s", cmp.Or(strings.Join(kinds, "; "), "no turn failed"))
}

// what is the failure in words.
func (e *Failure) what() string {
	text := strings.ReplaceAll(string(e.Outcome), "_", " ")
	if status := integer(e.Status); e.Status > 200 && !strings.Contains(e.Error, status) {
		text += " " + status
	}
	if first := firstWords(e.Error); strings.HasSuffix(first, "...") {
		text += " (" + first + ")"
	} else if first != "" {
		text += " (" + strings.TrimSuffix(first, ".") + ")"
	}
	return text
}

// atOnce reports whether the answer came in one piece: in one event, or in less
// than a hundredth of the time that it took.
func (t *turn) atOnce() bool {
	return t.chunks <= 1 || float64(t.end-t.firstToken) < onceShare*float64(t.end-t.sent)
}

func (f *finder) notStreamed() {
	if loadOf(f.c.run).NoStream {
		return
	}
	once, of := 0, 0
	for i := range f.c.turns {
		t := &f.c.turns[i]
		if !t.measured || t.count().output < onceTokens {
			continue
		}
		of++
		if t.atOnce() {
			once++
		}
	}
	if 2*once > of {
		f.add(notStreamed, fmt.Sprintf("Answers are not streamed: %d of %s came at once, so that TTFT "+
			"is their whole latency.", once, human.Count(of, "answer")),
			"in one event, or all events within %g %% of the latency; of answers of at least %d tokens",
			100*onceShare, onceTokens)
	}
}

func (f *finder) reasoningOnly() {
	n := 0
	for i := range f.c.turns {
		if t := &f.c.turns[i]; t.measured {
			if t.reasoningChunks == 0 || t.reasoningChunks < t.chunks {
				return
			}
			n++
		}
	}
	if n > 0 {
		f.add(reasoningOnly, fmt.Sprintf("All %s are reasoning only: their length is used up before an "+
			"answer begins. Ask for longer answers.", human.Count(n, "answer")),
			"every event with text is one of reasoning")
	}
}

func (f *finder) shortAnswers() {
	l := &f.d.Lengths
	if l.Shorter == 0 || f.d.Tokens.OutputLength != record.LengthExact {
		return
	}
	var got, asked int64
	for i := range f.c.turns {
		if t := &f.c.turns[i]; t.measured && t.asked > 0 && t.count().output >= 0 {
			got += int64(min(t.count().output, int(t.asked)))
			asked += int64(t.asked)
		}
	}
	f.add(shortAnswers, fmt.Sprintf("%d of %s are shorter than asked: %s of the tokens asked for are "+
		"missing, and histories are shorter than planned.", l.Shorter, human.Count(l.Asked, "answer"),
		percent(1-share(Number(got), asked))),
		"%s of %s tokens; lengths were asked for exactly", tokens(got), tokens(asked))
}

func (f *finder) noUsage() {
	if loadOf(f.c.run).NoUsage {
		return
	}
	missing, of := 0, 0
	for i := range f.c.turns {
		if t := &f.c.turns[i]; t.measured {
			of++
			if !t.usage && t.prompt >= 0 {
				missing++
			}
		}
	}
	if missing > 0 {
		f.add(noUsage, fmt.Sprintf("The server sent no usage for %d of %s, although it was asked for: "+
			"tokens are counted by the client, and the hits of single turns are unknown.", missing,
			human.Count(of, "turn")),
			"%d turns have usage", of-missing)
	}
}

// usageZeros reports usage that has no numbers, as some gateways send it.
func (f *finder) usageZeros() {
	zeros, of := 0, 0
	for i := range f.c.turns {
		if t := &f.c.turns[i]; t.measured {
			of++
			if t.usageZeros() {
				zeros++
			}
		}
	}
	if zeros > 0 {
		f.add(usageZeros, fmt.Sprintf("Usage has no numbers, or zeros, in %d of %s: it is taken as unknown, "+
			"so tokens are counted by the client, and the hits of single turns are unknown. Look for a "+
			"gateway before the server that fills it in.", zeros, human.Count(of, "turn")),
			"prompt_tokens are 0 or missing")
	}
}
