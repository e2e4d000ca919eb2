package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multiturn/pkg/chat"
	"multiturn/pkg/tokenizer"
)

func TestParsePoints(t *testing.T) {
	t.Parallel()
	points, err := parsePoints(defaultPoints, 20*time.Millisecond, 0)
	if err != nil || len(points) != 9 {
		t.Fatalf("%d points, %v", len(points), err)
	}
	for _, p := range points {
		if p.Turns < 4 || (p.Interval == 0) != strings.HasSuffix(p.Name, unpaced) ||
			(p.Opening > 1000) != strings.HasSuffix(p.Name, long) ||
			(p.MinTokens == 2048) != (p.Interval < fast) {
			t.Errorf("point %+v", p)
		}
	}
	if p, err := parsePoints(" 7/unpaced ", time.Second, 3); err != nil || p[0].Streams != 7 ||
		p[0].Turns != 3 || p[0].file() != "7-unpaced" {
		t.Errorf("%+v, %v", p, err)
	}
	for list, says := range map[string]string{"": "want a number", "0": "want a number",
		"x/unpaced": "want a number", "5/fast": "unknown", "5/-1s": "unknown", "5,5": "twice"} {
		if _, err := parsePoints(list, 0, 0); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q gives %v, want %q in it", list, err, says)
		}
	}
}

// Answers must have the same length with any tokenizer, so each word must be
// one token.
func TestConversations(t *testing.T) {
	t.Parallel()
	tok := tokenizer.O200kBase()
	for _, c := range []point{
		{Name: "3", Streams: 3, Turns: 2, MinTokens: 5, MaxTokens: 9, Opening: 200},
		{Name: "2/400kB", Streams: 2, Turns: 1, MinTokens: 7, MaxTokens: 7, Opening: 400_000},
		{Name: "p=1", Streams: 1, Conversations: 4, Turns: 1, MinTokens: 2, MaxTokens: 2,
			Opening: 100},
	} {
		path := filepath.Join(t.TempDir(), "c.json")
		if err := writeConversations(path, c, 1); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r := chat.NewReader(f, path)
		n := 0
		for ; r.Scan(); n++ {
			conv := r.Conversation()
			if n := len(conv.Cut(0)); n != c.Turns {
				t.Fatalf("%s: %d turns, want %d", conv.ID, n, c.Turns)
			}
			for i, m := range conv.Messages {
				if length := tok.Count(m.Text); i%2 == 1 &&
					(length < c.MinTokens || length > c.MaxTokens ||
						length != len(strings.Fields(m.Text))) {
					t.Errorf("answer %d of %s has %d tokens and %d words: %q", i, conv.ID, length,
						len(strings.Fields(m.Text)), m.Text)
				}
				if i == 0 && (len(m.Text) < c.Opening || len(m.Text) > c.Opening+100) {
					t.Errorf("the first question of %s has %d bytes, want about %d", conv.ID,
						len(m.Text), c.Opening)
				}
			}
		}
		if err := r.Err(); err != nil || n != c.conversations() {
			t.Errorf("%d conversations, %v; want %d", n, err, c.conversations())
		}
	}
}
