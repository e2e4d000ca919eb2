package openai

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"multiturn/pkg/record"
	"multiturn/pkg/sockclock"
)

// thinkAnswer plays an answer whose content comes in these chunks, a millisecond
// apart.
func thinkAnswer(mode Think, chunks []string) *Result {
	a := newAnswer(&Options{Think: mode}, &endpoint{api: &chatCompletions}, sockclock.New(time.Now()))
	a.decide(formStream)
	a.res.Status = 200
	for i, c := range append(chunks, "") {
		at := record.Clock(i+1) * 1e6
		a.read(at, at, true)
		quoted, _ := json.Marshal(c)
		event := `data: {"choices":[{"index":0,"delta":{"content":` + string(quoted) + "}}]}\n\n"
		if i == len(chunks) {
			event = stopEvent + doneEvent
		}
		a.body([]byte(event), i+1)
	}
	r := a.finish(nil, 1e9)
	a.free()
	return r
}

func TestThink(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name            string
		mode            Think
		chunks          []string
		text, reasoning string
		kinds           string // chunks with content, with reasoning; the ms of the first answer
	}{
		{"off", ThinkOff, []string{"<think>", "a", "</think>", "b"}, "<think>a</think>b", "", "4 0 1"},
		{"tagged", ThinkTagged, []string{"<think>", "a", "b", "</think>", "c", "d"}, "cd", "ab", "2 4 5"},
		{"white space", ThinkTagged, []string{"\n", "<think>", "\na", "\n</think>", "\n\n", "c"}, "c",
			"\na\n", "1 5 6"},
		{"all at once", ThinkTagged, []string{"<think>a</think>\n\nb"}, "b", "a", "1 1 1"},
		{"tags and text in a chunk", ThinkTagged, []string{"<think>a", "b</think>c", "d"}, "cd", "ab", "2 2 2"},
		{"cut tags", ThinkTagged, []string{"<th", "ink", ">a</", "thi", "nk>", "b"}, "b", "a", "1 5 6"},
		{"like a tag", ThinkTagged, []string{"<", "div", ">"}, "<div>", "", "3 0 1"},
		{"like a closing tag", ThinkTagged, []string{"<think>", "a</th", "b</think>", "c"}, "c", "a</thb", "1 3 4"},
		{"no tag", ThinkTagged, []string{"a", "<think>b</think>"}, "a<think>b</think>", "", "2 0 1"},
		{"no tag, white space", ThinkTagged, []string{" ", "\n", "a"}, " \na", "", "3 0 1"},
		{"white space alone", ThinkTagged, []string{" ", "\n"}, " \n", "", "2 0 1"},
		{"half a tag alone", ThinkTagged, []string{"<thi"}, "<thi", "", "1 0 1"},
		{"no end", ThinkTagged, []string{"<think>", "a", "b</th"}, "", "ab</th", "0 3 0"},
		{"an empty thought", ThinkTagged, []string{"<think>\n\n</think>\n\n", "a"}, "a", "\n\n", "1 1 2"},
		{"later tags are text", ThinkTagged, []string{"<think>a</think>b", "<think>c</think>"},
			"b<think>c</think>", "a", "2 1 1"},
		{"open", ThinkOpen, []string{"a", "b", "</think>", "\n\nc"}, "c", "ab", "1 3 4"},
		{"open, with a tag", ThinkOpen, []string{"<think>", "a", "</think>", "c"}, "c", "a", "1 3 4"},
		{"open, no end", ThinkOpen, []string{"a", "b"}, "", "ab", "0 2 0"},
		{"open, white space alone", ThinkOpen, []string{"\n"}, "", "\n", "0 1 0"},
		{"open, no thought", ThinkOpen, []string{"</think>", "a"}, "a", "", "1 1 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := thinkAnswer(c.mode, c.chunks)
			kinds := fmt.Sprintf("%d %d %g", r.ChunksContent, r.ChunksReasoning, r.FirstAnswer.MS())
			if r.FirstAnswer == 0 {
				kinds = fmt.Sprintf("%d %d 0", r.ChunksContent, r.ChunksReasoning)
			}
			if r.Text != c.text || r.Reasoning != c.reasoning || kinds != c.kinds {
				t.Errorf("text %q, reasoning %q, chunks %s; want %q, %q, %s", r.Text, r.Reasoning, kinds,
					c.text, c.reasoning, c.kinds)
			}
			if r.Outcome != record.OK || r.FirstToken != 1e6 || r.Chunks != len(c.chunks) {
				t.Errorf("%s, first token %v, %d chunks", r.Outcome, r.FirstToken, r.Chunks)
			}
			if !strings.HasPrefix(r.Text, r.FirstText) || (r.FirstText == "") != (r.Text == "") {
				t.Errorf("first text %q of %q", r.FirstText, r.Text)
			}
		})
	}
}

// FuzzThink checks that text and reasoning do not depend on how an answer is cut.
func FuzzThink(f *testing.F) {
	f.Add(" <think>a</th</think>\n\nb😀", uint(3), uint(9), true)
	f.Add("<think", uint(1), uint(2), false)
	f.Fuzz(func(t *testing.T, answer string, i, j uint, open bool) {
		answer = strings.ToValidUTF8(answer, "")
		mode := ThinkTagged
		if open {
			mode = ThinkOpen
		}
		n := uint(len(answer) + 1)
		i, j = min(i%n, j%n), max(i%n, j%n)
		var chunks []string
		for _, c := range []string{answer[:i], answer[i:j], answer[j:]} {
			if c = strings.ToValidUTF8(c, "?"); c != "" {
				chunks = append(chunks, c)
			}
		}
		whole, cut := thinkAnswer(mode, []string{strings.Join(chunks, "")}), thinkAnswer(mode, chunks)
		if whole.Text != cut.Text || whole.Reasoning != cut.Reasoning {
			t.Fatalf("%q: %q, %q; whole: %q, %q", chunks, cut.Text, cut.Reasoning, whole.Text, whole.Reasoning)
		}
		if cut.Chunks > 0 && cut.ChunksContent+cut.ChunksReasoning < cut.Chunks {
			t.Fatalf("%q: %d and %d of %d chunks", chunks, cut.ChunksContent, cut.ChunksReasoning, cut.Chunks)
		}
	})
}
