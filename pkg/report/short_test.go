package report

import (
	"strings"
	"testing"
	"unicode/utf8"

	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// shortOf returns the short text of a summary.
func shortOf(t *testing.T, s *Summary) string {
	t.Helper()
	var b strings.Builder
	if err := render.WriteText(&b, []render.Document{s.Short()}, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// manyFailures is a run in which every third turn fails in a way of its own, others
// are short or retried, and which was interrupted.
func manyFailures() []any {
	recs := exampleRun(12, 6)
	for i, turn := range turnsOf(recs) {
		switch {
		case i%3 == 0:
			turn.Outcome, turn.Status = record.Outcomes[len(record.Outcomes)-1-i%4], 0
			turn.Error = strings.Repeat("a long story about what went wrong ", 1+i%5)
		case i%3 == 1 && turn.Usage != nil:
			turn.Usage.Completion -= 2
			turn.Attempts, turn.Verify = 2, record.VerifyMismatch
		}
	}
	if end, ok := recs[len(recs)-1].(*record.End); ok {
		end.Why, end.Error = record.WhyInterrupted, "interrupt"
		end.Turns.Failed, end.Turns.Abandoned = 24, 11
	}
	return recs
}

// Hits that only counters know, and turns of a window, are said once and alike.
func TestShortOfParts(t *testing.T) {
	t.Parallel()
	silent := small()
	silent.silent, silent.config = true, shape(400, 2000, 0)
	tiers := small()
	tiers.config, tiers.tiers = shape(400, 2000, 0), true
	arms := tiers
	arms.arms = []string{record.ArmMeasured, record.ArmNoReuse}
	for _, tc := range []struct {
		w    world
		o    Options
		want []string
		not  []string
	}{
		{silent, Options{}, []string{
			"Cache       78.6 % of prompt tokens hit, by the server's counters; hits of single turns are " +
				"unknown\n            GPU 19.0 %   CPU tier 59.7 %   computed 21.4 %\n",
			"0 of 72 turns: vLLM has --enable-prompt-tokens-details",
		}, []string{"(server's counters)", "computed)"}},
		{tiers, Options{Window: Window{From: 1, To: 4}}, []string{
			"72 of 72 turns ok, 37 of 72 in the window;",
		}, nil},
		{arms, Options{}, []string{"computed; arm measured)\n"}, nil},
	} {
		text := shortOf(t, tc.w.summary(tc.o))
		for _, part := range tc.want {
			if !strings.Contains(text, part) {
				t.Errorf("no %q in\n%s", part, text)
			}
		}
		for _, part := range tc.not {
			if strings.Contains(text, part) {
				t.Errorf("%q in\n%s", part, text)
			}
		}
	}
}

// A run with failures has one set of counts, and claims nothing of its cache.
func TestShortOfFailures(t *testing.T) {
	t.Parallel()
	w := small()
	w.config, w.tiers = shape(400, 2000, 0), true
	recs := w.play()
	for i, turn := range turnsOf(recs) {
		turn.MaxTokens = turn.Usage.Completion
		switch {
		case i < 6:
			turn.Outcome, turn.Status, turn.Usage = record.HTTPStatus, 500, nil
		case i == 6:
			turn.Outcome, turn.Usage = record.Cancelled, nil
		}
		turn.Stream = false
	}
	run, end := recs[0].(*record.Run), recs[len(recs)-1].(*record.End)
	run.Load = &record.Load{NoStream: true}
	end.Turns = record.Tally{Planned: 80, Started: 72, Finished: 65, Failed: 7, Abandoned: 8}
	text := shortOf(t, collected(Options{}, recs...).Summary())
	for _, want := range []string{
		"Work        65 of 80 turns ok, all as long as asked; 6 failed, 1 interrupted, 8 not sent, in",
		"Cache       not judged: 6 of 71 turns failed\n",
		"            only of the 65 turns that are ok\n",
		"            TTFT is the latency, since answers came at once\n",
		"! 6 of 71 turns failed (8.5 %), most often: http status 500; 8 more were not sent; nothing is",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "CPU tier") {
		t.Error(text)
	}
}

// The short text fits a screen: at most 25 lines below the table, of at most 100
// columns.
func TestShortFitsAScreen(t *testing.T) {
	t.Parallel()
	const most = 24 // the last line is the command's
	limits, err := ParseLimits("ttft:25 tpot:5 latency:110")
	if err != nil {
		t.Fatal(err)
	}
	asked := Options{Goodput: limits}
	arms := small()
	arms.config, arms.tiers, arms.clients = shape(400, 900, 2000), true, 2
	arms.arms = []string{record.ArmMeasured, record.ArmNoReuse}
	asked.Cache = stated(arms.config)
	tiers := small()
	tiers.config, tiers.clients, tiers.active = shape(400, 2000, 0), 2, 12
	silent := small()
	silent.silent, silent.kind = true, "vllm"
	warm := small()
	warm.warm, warm.kind = true, "vllm"
	killed := exampleRun(3, 20)
	full := fullSummaries(t)
	for name, s := range map[string]*Summary{
		"everything": full[0], "arms and tiers": full[1], "arms, limits, three tiers": arms.summary(asked),
		"a tier that was not stated": tiers.summary(Options{}), "a silent server": silent.summary(asked),
		"a warm server": warm.summary(Options{}), "failures": collected(asked, manyFailures()...).Summary(),
		"killed":   collected(asked, killed[:len(killed)-1]...).Summary(),
		"replicas": collected(asked, replicated(24, true, func(*record.Turn) {})...).Summary(),
		"nothing":  collected(asked, exampleRun(3, 2)[0]).Summary(),
	} {
		text := shortOf(t, s)
		below := text[strings.LastIndex(text, separator)+len(separator):]
		if n := strings.Count(below, "\n"); n > most {
			t.Errorf("%s: %d lines below the table:\n%s", name, n, text)
		}
		for line := range strings.Lines(text[:strings.Index(text, separator)] + below) {
			if n := utf8.RuneCountInString(line) - 1; n > 100 {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
		}
		if testing.Verbose() {
			t.Logf("%s:\n%s", name, text)
		}
	}
}
