package report

import (
	"math"
	"strings"
	"testing"

	"multiturn/pkg/record"
)

// Numbers that cannot be true are unknown, and counted with the first of them. A
// turn without usage for that reason is no turn without usage.
func TestUntrueNumbers(t *testing.T) {
	t.Parallel()
	w := small()
	w.conversations = 30
	recs := w.play()
	for i, turn := range turnsOf(recs) {
		switch i {
		case 7:
			turn.Usage.Prompt = math.MaxInt64
		case 9:
			turn.Turn = math.MinInt64
		}
		record.Check(turn)
	}
	scrapesOf(recs)[0].Values["preemptions"] = 1e300
	record.Check(scrapesOf(recs)[0])
	d := collected(Options{}, recs...).Summary().Details
	const want = "Numbers that cannot be true are in 3 records, such as "
	f := d.Findings[0]
	if f.Kind != untrueRecords || !strings.HasPrefix(f.Text, want) || d.has(noUsage) {
		t.Errorf("%+v", d.Findings)
	}
	if d.Tokens.Usage != 179 || d.Tokens.Unknown+d.Tokens.Estimated != 1 {
		t.Errorf("%+v", d.Tokens)
	}
}
