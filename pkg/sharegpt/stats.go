package sharegpt

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/montanaflynn/stats"

	"multiturn/internal/pandas"
	"multiturn/pkg/chat"
)

// Statistics describes conversations as the reference does: each measure has
// one value per conversation.
type Statistics struct {
	samples [measures][]int32 // whole numbers of 32 bits, since there are many
	tokens  bool
}

// The measures. Words are the spaces of a message plus one. Words, like turns
// and characters, are summed over a conversation; tokens are the average of its
// messages, truncated.
const (
	userTurns = iota
	assistantTurns
	userWords
	assistantWords
	convTurns
	convWords
	convCharacters
	userTokens
	assistantTokens
	measures
)

var measureNames = [measures]string{"user_turns", "assistant_turns", "user_words",
	"assistant_words", "conv_turns", "conv_words",
	"conv_characters", "user_tokens", "assistant_tokens"}

// row is the measures of one conversation.
type row [measures]int32

// measure returns the measures of a conversation. A system message counts for
// the conversation, not for a side.
func measure(c *chat.Conversation, count func(string) int) (r row) {
	for i := range c.Messages {
		m := &c.Messages[i]
		words := int32(strings.Count(m.Text, " ") + 1)
		turns, ofWords, tokens := -1, -1, -1
		switch m.Role {
		case chat.User:
			turns, ofWords, tokens = userTurns, userWords, userTokens
		case chat.Assistant:
			turns, ofWords, tokens = assistantTurns, assistantWords, assistantTokens
		}
		if turns >= 0 {
			r[turns]++
			r[ofWords] += words
			if count != nil {
				r[tokens] += int32(count(m.Text))
			}
		}
		r[convTurns]++
		r[convWords] += words
		r[convCharacters] += int32(utf8.RuneCountInString(m.Text))
	}
	for _, of := range [][2]int{{userTokens, userTurns}, {assistantTokens, assistantTurns}} {
		if n := r[of[1]]; n > 0 {
			r[of[0]] /= n
		}
	}
	return r
}

func (s *Statistics) add(r *row) {
	for i := range s.samples {
		if i >= userTokens && !s.tokens {
			break
		}
		s.samples[i] = append(s.samples[i], r[i])
	}
}

// Conversations returns the number of conversations.
func (s *Statistics) Conversations() int { return len(s.samples[0]) }

// percentiles are the columns between min and max.
var percentiles = []struct {
	name    string
	percent float64
}{{"25%", 25}, {"50%", 50}, {"75%", 75}, {"90%", 90}, {"99%", 99}, {"99.9%", 99.9},
	{"99.99%", 99.99}}

// Table returns the summary of pandas' describe, with a row for each measure.
func (s *Statistics) Table() pandas.Frame {
	f := pandas.Frame{Columns: []string{"count", "mean", "std", "min"}}
	for _, p := range percentiles {
		f.Columns = append(f.Columns, p.name)
	}
	f.Columns = append(f.Columns, "max")
	if s.Conversations() == 0 {
		return f
	}
	for i, sample := range s.samples {
		if i >= userTokens && !s.tokens {
			break
		}
		sorted := make([]float64, len(sample))
		for j, v := range sample {
			sorted[j] = float64(v)
		}
		mean, _ := stats.Mean(sorted)
		std, err := stats.StandardDeviationSample(sorted)
		slices.Sort(sorted) // once, and not for every percentile
		if err != nil || len(sample) < 2 {
			std = math.NaN()
		}
		values := []float64{float64(len(sample)), mean, std, sorted[0]}
		for _, p := range percentiles {
			v, _ := stats.Percentile(sorted, p.percent)
			values = append(values, v)
		}
		f.Rows = append(f.Rows, pandas.Row{Name: measureNames[i],
			Values: append(values, sorted[len(sorted)-1])})
	}
	return f
}
