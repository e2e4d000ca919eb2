package chat

import (
	"strings"
	"testing"
)

func TestTurns(t *testing.T) {
	t.Parallel()
	// Roles by first letter; a capital ends a turn.
	for _, roles := range []string{
		"UaUaUa",        // as the reference has it
		"UaUaU",         // odd: the last answer is due all the same
		"U",             // one question
		"sUaU",          // a system message goes with the first turn
		"uuUa",          // several user messages, one answer
		"usUa",          // a system message in between
		"uSaU",          // the turn ends with whatever comes before the answer
		"aUaaU",         // a leading answer is history; a run of answers is one
		"saU",           // nobody has spoken before the first answer
		"UatTaU",        // tool results are sent together
		"s", "a", "saa", // nothing to ask
	} {
		t.Run(roles, func(t *testing.T) {
			t.Parallel()
			var c Conversation
			for _, r := range strings.ToLower(roles) {
				c.Messages = append(c.Messages, Message{Role: map[rune]string{'s': System, 'u': User, 'a': Assistant, 't': Tool}[r]})
			}
			turns := 0
			for i, r := range roles {
				want := r >= 'A' && r <= 'Z'
				if want {
					turns++
				}
				if got := c.EndsTurn(i); got != want {
					t.Errorf("EndsTurn(%d) = %v, want %v", i, got, want)
				}
			}
			if got := c.Turns(); got != turns {
				t.Errorf("Turns() = %d, want %d", got, turns)
			}
		})
	}
}
