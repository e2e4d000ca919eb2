package report

import (
	"slices"
	"strings"
	"testing"

	"multiturn/pkg/record"
)

// The tokenizer is on the line of the load, or on one of its own.
func TestLoadLines(t *testing.T) {
	t.Parallel()
	r := &record.Run{Clients: 8, ActiveConversations: 16}
	for _, tc := range []struct {
		tokenizer string
		want      []string
	}{
		{"", []string{"-p 8 -k 16"}},
		{"o200k_base", []string{"-p 8 -k 16; tokenizer o200k_base"}},
		{strings.Repeat("long/", 15), []string{"-p 8 -k 16", "tokenizer " + strings.Repeat("long/", 15)}},
	} {
		r.Tokenizer.Name = tc.tokenizer
		if got := loadLines(r, 0); !slices.Equal(got, tc.want) {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}
