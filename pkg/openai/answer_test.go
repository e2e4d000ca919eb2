package openai

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"multiturn/pkg/sockclock"
)

// FuzzAnswer feeds bodies of all kinds in all pieces: nothing panics, and the cut
// into reads changes only the counts of reads.
func FuzzAnswer(f *testing.F) {
	captures, err := filepath.Glob(filepath.Join("testdata", "streams", "*.http"))
	if err != nil || len(captures) == 0 {
		f.Fatal("no captures", err)
	}
	for i, name := range captures {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[min(len(b), 300):], uint8(i), uint16(37*i), uint16(91*i))
	}
	for i, s := range []string{
		roleEvent + textEvent("a") + stopEvent + doneEvent,
		`{"choices":[{"message":{"content":"a"}}]}`, `{"error":{"message":1}}`,
		"data: {\"error\":[]}\n\n",
		"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":-1,\"function\":{}}]}}]," +
			"\"usage\":[]}\n\n", "\xef\xbb\xbf{}", "<html>", "data: {\"detail\":[{\"loc\":1}]}",
	} {
		f.Add([]byte(s), uint8(i), uint16(3), uint16(9))
	}
	f.Fuzz(func(t *testing.T, body []byte, how uint8, a, b uint16) {
		header, status := http.Header{}, 200
		switch how % 4 {
		case 0:
			header.Set("Content-Type", "text/event-stream")
		case 1:
			header.Set("Content-Type", "application/json")
		case 2:
			status = 400
		}
		var cause error
		if how&4 != 0 {
			cause = errCut
		}
		run := func(pieces ...[]byte) *Result {
			answer := newAnswer(&Options{MaxEvent: 1 << 20}, &endpoint{api: &chatCompletions},
				sockclock.New(time.Now()))
			answer.head(status, header, 1)
			for _, p := range pieces {
				answer.read(1e6, 1e6, false)
				answer.body(p, 0)
			}
			r := answer.finish(cause, 2e6)
			answer.free()
			r.Reads, r.Merged, r.MergedLate, r.FirstMerged, r.FirstEarlyUS = 0, 0, 0, 0, 0
			return r
		}
		n := len(body) + 1
		i, j := int(a)%n, int(b)%n
		i, j = min(i, j), max(i, j)
		whole := run(body)
		if whole.Outcome == "" || whole.End == 0 || whole.Outcome.OK() != (whole.Error == "") {
			t.Fatalf("%+v", whole)
		}
		// Where the kind of body is guessed, it is by the first read with more
		// than white space in it.
		if how%4 == 3 && i < 8 {
			return
		}
		if split := run(body[:i], body[i:j], body[j:]); dump(split) != dump(whole) {
			t.Fatalf("split at %d and %d:\n%s\nwhole:\n%s", i, j, dump(split), dump(whole))
		}
	})
}

func dump(r *Result) string {
	usage := "none"
	if r.Usage != nil {
		usage = fmt.Sprintf("%+v %s %s %s",
			r.Usage.Tiers, show(r.Usage.Cached), show(r.Usage.Created), show(r.Usage.Reasoning))
	}
	c := *r
	c.Usage = nil
	return fmt.Sprintf("%+v %s", c, usage)
}
