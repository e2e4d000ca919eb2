package synth

import (
	"io"
	"strings"

	"multiturn/internal/pandas"
	"multiturn/pkg/chat"
	"multiturn/pkg/measure"
)

// Size is the size of a conversation, as the statistics count it.
type Size struct {
	Messages        int
	User, Assistant float64 // average tokens of a message of that side
	Requests        []int   // tokens sent with each request: the messages so far, answers included
}

// Measure counts the tokens of a conversation. around is the number of special
// tokens that the tokenizer adds to a text (such as BOS); the reference counts
// them here.
func Measure(tok Tokenizer, around int, c *chat.Conversation) Size {
	s := Size{Messages: len(c.Messages)}
	sum := [2]int{}
	total := 0
	for i := range c.Messages {
		n := tok.Count(c.Messages[i].Text) + around
		sum[i%2] += n
		total += n
		if i%2 == 0 {
			s.Requests = append(s.Requests, total)
		}
	}
	s.User = float64(sum[0]) / float64((len(c.Messages)+1)/2)
	s.Assistant = float64(sum[1]) / float64(len(c.Messages)/2)
	return s
}

// Stats are the statistics that the reference prints of its conversations.
// Their memory grows with the number of conversations: percentiles need every
// value.
type Stats struct {
	messages, user, assistant, requests []float64
}

// Add adds a conversation.
func (s *Stats) Add(c Size) {
	s.messages = append(s.messages, float64(c.Messages))
	s.user = append(s.user, c.User)
	s.assistant = append(s.assistant, c.Assistant)
	for _, n := range c.Requests {
		s.requests = append(s.requests, float64(n))
	}
}

// Write writes the statistics as the reference prints them to a terminal of the
// given width; 0 means no limit. colour sets the titles in colour, as the
// reference does.
func (s *Stats) Write(w io.Writer, width int, colour bool) error {
	rule := strings.Repeat("-", 100) + "\n"
	title := func(text string) string {
		if colour {
			text = "\x1b[93m" + text + "\x1b[0m"
		}
		return rule + text + "\n" + rule
	}
	table := func(names []string, values ...[]float64) []byte {
		f := pandas.Frame{Columns: []string{"count", "mean", "std", "min", "25%", "50%",
			"75%", "90%", "99%", "max"}}
		for i, name := range names {
			m := measure.New(values[i])
			row := pandas.Row{Name: name,
				Values: []float64{float64(m.N()), m.Mean(), m.Std(), m.Min()}}
			for _, p := range []float64{25, 50, 75, 90, 99} {
				row.Values = append(row.Values, m.Percentile(p))
			}
			row.Values = append(row.Values, m.Max())
			f.Rows = append(f.Rows, row)
		}
		return f.Append(nil, pandas.Options{Precision: 6, Width: width})
	}
	out := []byte("\nCollecting statistics...\n" + title("Conversations statistics:"))
	out = append(out,
		table([]string{"conversation_turns", "user_tokens", "assistant_tokens"}, s.messages,
			s.user, s.assistant)...)
	out = append(out, title("Request statistics:")...)
	out = append(out, table([]string{"request_tokens"}, s.requests)...)
	out = append(out, rule...)
	_, err := w.Write(out)
	return err
}
