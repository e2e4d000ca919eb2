package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
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

// The examples of the package documentation are records, with no field that the types lack.
func TestDocumentedRecords(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var stream bytes.Buffer
	for line := range strings.Lines(string(doc)) {
		text, code := strings.CutPrefix(line, "//\t")
		if !code && stream.Len() > 0 && !bytes.HasSuffix(stream.Bytes(), []byte("\n")) {
			stream.WriteByte('\n') // the end of an example
		}
		if code && (strings.HasPrefix(text, "{") || strings.HasPrefix(text, " ")) &&
			strings.Contains(text, `"`) {
			stream.WriteString(strings.TrimSuffix(text, "\n"))
		}
	}
	examples := bytes.Clone(stream.Bytes())
	r := NewReader(&stream, "doc.go")
	var types []string
	for _, rec := range read(t, r) {
		types = append(types,
			strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", rec), "*record.")))
		line, rest, _ := bytes.Cut(examples, []byte("\n"))
		examples = rest
		strict := json.NewDecoder(bytes.NewReader(line))
		strict.DisallowUnknownFields()
		if err := strict.Decode(rec); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if want := []string{TypeRun, TypeTurn, TypeScrape, TypePrefix, TypeEnd}; !slices.Equal(types, want) {
		_, first := r.Broken()
		t.Errorf("examples of %v, want %v; broken: %v; error: %v", types, want, first, r.Err())
	}
	if v := r.run; v == nil || v.Version != Version {
		t.Errorf("the example's header is of another version than %s: %+v", Version, v)
	}
}
