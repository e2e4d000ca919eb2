package probe

import (
	"errors"
	"strings"
	"testing"

	"multiturn/pkg/chat"
	"multiturn/pkg/record"
)

func TestTranscripts(t *testing.T) {
	t.Parallel()
	said := func(text string) Turn {
		return Turn{
			Asked: []chat.Message{{Role: chat.User, Text: text}}, Answer: "ok",
			History: []chat.Message{{Role: chat.Assistant, Text: "ok"}},
		}
	}
	scripts := NewTranscripts(2)
	turn := func(id, arm string, generated int) {
		r := &record.Turn{Conversation: id, Arm: arm}
		r.Usage = &record.Usage{Completion: generated}
		scripts.Add(r, said(id))
	}
	turn("a", "", 2)
	turn("a", record.ArmNoReuse, 2)
	turn("b", "", 99) // more tokens than its text can have
	turn("c", "", 2)  // beyond the sample
	turn("a", "", 99)
	turn("b", "", 2)
	turn("a", "", 2)

	var sunk []record.Prefix
	sink := func(p *record.Prefix) error { sunk = append(sunk, *p); return nil }
	s, err := scripts.Check(t.Context(), &prompts{template: plain}, sink)
	if err != nil || s.Checked != 3 || s.Broken != 2 || s.Unchecked != nil || len(sunk) != 3 {
		t.Fatalf("%+v, %v, %d records", s, err, len(sunk))
	}
	if len(s.Kinds) != 1 || s.Kinds[0].N != 2 || s.Kinds[0].First.Conversation != "a" {
		t.Errorf("kinds %+v, want one of two", s.Kinds)
	}

	s, err = scripts.Check(t.Context(), &prompts{template: plain, fails: "Tokenize"}, sink)
	if err != nil || s.Checked != 0 || s.Unchecked == nil ||
		!strings.Contains(s.Unchecked.Error(), "status 404") {
		t.Errorf("without an endpoint: %+v, %v", s, err)
	}
	full := errors.New("disk full")
	_, err = scripts.Check(t.Context(), &prompts{template: plain}, func(*record.Prefix) error {
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("a sink that fails: %v", err)
	}
}
