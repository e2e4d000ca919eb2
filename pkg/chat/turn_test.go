package chat

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// ofRoles returns a conversation with a message for each letter: s, u, a, t or f,
// for the roles that begin with it.
func ofRoles(letters string) *Conversation {
	roles := map[rune]string{'s': System, 'u': User, 'a': Assistant, 't': Tool, 'f': Function}
	c := new(Conversation)
	for _, r := range letters {
		c.Messages = append(c.Messages, Message{Role: roles[r]})
	}
	return c
}

func TestCut(t *testing.T) {
	t.Parallel()
	// Roles by first letter; a capital ends a turn.
	for _, roles := range []string{
		"UaUaUa",        // as the reference has it
		"UaUaU",         // odd: the last answer is asked for all the same
		"U",             // one question
		"sUaU",          // a system message goes with the first turn
		"uuUa",          // several user messages, one answer
		"usUa",          // a system message in between
		"uSaU",          // the turn ends with the last message before the answer
		"aUaaU",         // a leading answer is history; a run of answers is one
		"saU",           // nobody has spoken before the first answer
		"UasaU",         // nor between these two
		"UatTaU",        // tool results are sent together
		"UaFaU",         // and those of the older API
		"s", "a", "saa", // nothing to ask
	} {
		var want, got []int
		for i, r := range roles {
			if r >= 'A' && r <= 'Z' {
				want = append(want, i+1)
			}
		}
		c := ofRoles(strings.ToLower(roles))
		from := 0
		for _, turn := range c.Cut(0) {
			got = append(got, turn.To)
			if turn.From != from {
				t.Errorf("%s: a turn begins at message %d, want %d", roles, turn.From, from)
			}
			answer := -1
			if turn.To < len(c.Messages) {
				answer = turn.To
			}
			if turn.Answer != answer {
				t.Errorf("%s: the answer is message %d, want %d", roles, turn.Answer, answer)
			}
			from = c.AfterAnswer(turn.To)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: turns end behind messages %v, want %v", roles, got, want)
		}
	}
}

func TestCutLimit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		roles       string
		limit, want int
	}{
		{"uauauaua", 0, 4}, {"uauauaua", 1, 1}, {"uauauaua", 2, 1}, {"uauauaua", 3, 2},
		{"uauauaua", 4, 2}, {"uauauaua", 100, 4}, {"uuuua", 1, 1}, {"s", 1, 0},
	} {
		if got := len(ofRoles(tc.roles).Cut(tc.limit)); got != tc.want {
			t.Errorf("%s: %d turns within %d messages, want %d", tc.roles, got, tc.limit, tc.want)
		}
	}
}

func TestCutThinkTime(t *testing.T) {
	t.Parallel()
	c := ofRoles("usuaua")
	for i := range c.Messages {
		c.Messages[i].Delay = time.Second << i
	}
	turns := c.Cut(0)
	if turns[0].Think != 7*time.Second || turns[1].Think != 16*time.Second {
		t.Errorf("think times %v and %v, want 7s and 16s", turns[0].Think, turns[1].Think)
	}
}

// The answer before what a tool returned is all of the dataset's messages there.
func TestCutCalls(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		roles string
		want  []int // Calls of each turn
	}{
		{"uaua", []int{0, 0}}, {"uata", []int{2, 0}}, {"uaatau", []int{3, 0, 0}},
		{"uafa", []int{2, 0}}, {"uat", []int{2, 0}}, {"uau", []int{0, 0}},
	} {
		var got []int
		for _, turn := range ofRoles(tc.roles).Cut(0) {
			got = append(got, turn.Calls)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: calls end at %v, want %v", tc.roles, got, tc.want)
		}
	}
}
