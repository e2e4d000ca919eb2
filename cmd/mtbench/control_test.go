package main

import (
	"strings"
	"testing"

	"multiturn/pkg/chat"
	"multiturn/pkg/load"
)

func TestDesign(t *testing.T) {
	t.Parallel()
	talk := chat.Conversation{}
	for range 8 {
		talk.Messages = append(talk.Messages, chat.Message{Role: chat.User, Text: "q"},
			chat.Message{Role: chat.Assistant, Text: "a"})
	}
	for _, tc := range []struct {
		o             load.Options
		conversations int
		want          string
	}{
		{load.Options{Clients: 4, Active: 12}, 24, ""},
		{load.Options{Clients: 2, Active: 4, Control: load.NoReuse}, 24,
			"--control no-reuse: 6 pairs of batches, which find a change of 17 %"},
		{load.Options{Clients: 4, Active: 12, Control: load.NoReuse}, 24,
			"2 pairs of batches, and an interval needs 3: use a smaller -k (with -k 4 there are 6), " +
				"or 96 conversations"},
		{load.Options{Clients: 12, Active: 12, Control: load.NoReuse}, 24,
			"an interval needs 3: use 96 conversations"},
		{load.Options{Clients: 2, Active: 4, Control: load.AA, Mix: load.ByConversation}, 24,
			"--control aa: 24 pairs of conversations, which find a change of 15 %"},
	} {
		all := make([]chat.Conversation, tc.conversations)
		for i := range all {
			all[i] = talk
		}
		got := design(&tc.o, all)
		if !strings.Contains(got, tc.want) || (tc.want == "") != (got == "") {
			t.Errorf("%+v: %q, want %q", tc.o, got, tc.want)
		}
	}
}
