package human

import "testing"

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"num_turns", "num_tokens", "prefix_num_tokens", "min", "max"}
	for _, c := range []struct{ word, want string }{
		{"num_turn", "num_turns"},
		{"num_token", "num_tokens"},
		{"NUM_TOKENS", "num_tokens"},
		{"num_tokesn", "num_tokens"},
		{"pref", "prefix_num_tokens"},
		{"mx", "max"},
		{"man", "min"},
		{"seed", ""},
		{"", ""},
	} {
		if got := Nearest(c.word, known); got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}
