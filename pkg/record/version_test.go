package record

import (
	"os"
	"testing"
)

// A stream of version 1.0 is read as before. Fields that it lacks are unknown,
// even if its options have them.
func TestVersion10(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/run-1.0.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	logs, err := ReadLogs(NewReader(file, file.Name()))
	if err != nil || len(logs) != 1 {
		t.Fatalf("%d runs, %v", len(logs), err)
	}
	l := logs[0]
	if r := l.Run; r.Version != "1.0" || r.Clients != 2 || r.Load != nil || r.Cache != nil ||
		r.Dataset.File {
		t.Errorf("%+v", r)
	}
	if len(l.Turns) != 4 || len(l.Scrapes) != 2 || l.End == nil || l.End.Why != WhyDone {
		t.Fatalf("%d turns, %d scrapes, end %+v", len(l.Turns), len(l.Scrapes), l.End)
	}
	for _, turn := range l.Turns {
		if turn.Outcome != OK || !turn.FirstToken.OK() || len(turn.GapsUS) != turn.Chunks-1 ||
			turn.Usage == nil {
			t.Errorf("%+v", turn)
		}
	}
}
