package probe

import (
	"context"
	"errors"
	"strings"
	"testing"

	"multiturn/pkg/chat"
)

// prompts is a server that makes prompts by a template and tokenizes them: a
// character is a token, and so are the pairs of letters in pairs.
type prompts struct {
	template func(messages []chat.Message, opening bool) (string, error)
	pairs    string
	fails    string // the call that fails
}

func (s *prompts) Tokenize(_ context.Context, messages []chat.Message, opening bool) ([]int, error) {
	if s.fails == "Tokenize" {
		return nil, errors.New("status 404")
	}
	text, err := s.template(messages, opening)
	if err != nil {
		return nil, err
	}
	return s.ids(text), nil
}

func (s *prompts) TokenizeText(_ context.Context, text string) ([]int, error) {
	return s.ids(text), nil
}

func (s *prompts) ids(text string) []int {
	text = strings.ReplaceAll(text, "\u0041\u030a", "\u00c5") // it normalizes
	var ids []int
	r := []rune(text)
	for i := 0; i < len(r); i++ {
		if i+1 < len(r) && s.pairs != "" && strings.Contains(s.pairs, string(r[i:i+2])) {
			ids = append(ids, int(r[i])<<32|int(r[i+1]))
			i++
			continue
		}
		ids = append(ids, int(r[i]))
	}
	return ids
}

func (s *prompts) Detokenize(_ context.Context, ids []int) (string, error) {
	if s.fails == "Detokenize" {
		return "", errors.New("status 404")
	}
	var b strings.Builder
	for _, id := range ids {
		if id>>32 > 0 {
			b.WriteRune(rune(id >> 32))
		}
		b.WriteRune(rune(id & 0xffffffff))
	}
	return b.String(), nil
}

// plain is ROLE:TEXT| for each message.
func plain(messages []chat.Message, opening bool) (string, error) {
	return with(messages, opening, "a:", func(i int, m chat.Message) string { return m.Text })
}

func with(messages []chat.Message, opening bool, open string,
	text func(i int, m chat.Message) string) (string, error) {
	var b strings.Builder
	for i, m := range messages {
		b.WriteString(m.Role[:1] + ":" + text(i, m) + "|")
	}
	if opening {
		b.WriteString(open)
	}
	return b.String(), nil
}

func stripped(s string) string {
	if _, answer, ok := strings.Cut(s, "</think>"); ok {
		return answer
	}
	return s
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	user := func(s string) []chat.Message { return []chat.Message{{Role: chat.User, Text: s}} }
	turn := func(asked, answer string) Turn {
		return Turn{Asked: user(asked), Answer: answer,
			History: []chat.Message{{Role: chat.Assistant, Text: answer}}, Generated: len(answer)}
	}
	three := []Turn{turn("hi", "hello"), turn("and", "so"), turn("end", "bye")}
	thinking := []Turn{turn("hi", "<think>hm</think>hello"), turn("and", "<think>eh</think>so"),
		turn("end", "bye")}
	reasoned := []Turn{turn("hi", "hello"), turn("and", "so")}
	reasoned[0].Reasoning, reasoned[0].Generated = "hm, hm", 12
	sent := []Turn{turn("hi", "hello"), turn("and", "so")}
	sent[0].Reasoning, sent[0].Generated = "hm, hm", 12
	sent[0].History = []chat.Message{{Role: chat.Assistant, Text: "<hm, hm>hello"}}
	others := []Turn{sent[0], turn("and", "so")}
	others[0].Generated = 30
	dataset := []Turn{turn("hi", "hello"), turn("and", "so")}
	dataset[0].History = []chat.Message{{Role: chat.Assistant, Text: "help"}}
	other := []Turn{turn("hi", "hello"), turn("and", "so")}
	other[0].Generated = 9
	ended := []Turn{turn("hi", "hello"), turn("and", "so")}
	ended[0].Generated = 6
	unknown := []Turn{turn("hi", "hello"), turn("and", "so")}
	unknown[0].Generated = 0
	failed := []Turn{turn("hi", "hello"), {Asked: user("and")}, turn("never", "x")}
	system := []Turn{turn("hi", "hello"), turn("and", "so")}
	system[0].Asked = append([]chat.Message{{Role: chat.System, Text: "be"}}, system[0].Asked...)

	normalized := []Turn{turn("hi", "\u0041\u030angstrom"), turn("and", "so")}
	normalized[0].Generated = 8
	for _, tc := range []struct {
		name   string
		server prompts
		turns  []Turn
		want   []string // of each record: "" or PrefixText
	}{
		{"holds", prompts{template: plain}, three, []string{"", ""}},
		{"with an end token", prompts{template: plain}, ended, []string{""}},
		{"count not known", prompts{template: plain}, unknown, []string{""}},
		{"a text that is normalized", prompts{template: plain}, normalized, []string{""}},
		{"up to a failure", prompts{template: plain}, failed, []string{""}},
		{"reasoning stripped at once",
			prompts{template: func(ms []chat.Message, o bool) (string, error) {
				return with(ms, o, "a:", func(_ int, m chat.Message) string {
					return stripped(m.Text)
				})
			}}, thinking, []string{
				`c, turn 1: broken at token 7 of 21 (character 7), in message 1 (assistant, ` +
					`reasoning): reasoning was generated that the prompt does not have; was ` +
					`"<think>hm</think>hello", is "hello|u:and|a:"`,
				`c, turn 2: broken at token 21 of 32 (character 21), in message 3 (assistant, ` +
					`reasoning): reasoning was generated that the prompt does not have; was ` +
					`"<think>eh</think>so", is "so|u:end|a:"`,
			}},
		{"reasoning stripped one turn later",
			prompts{template: func(ms []chat.Message, o bool) (string, error) {
				return with(ms, o, "a:", func(i int, m chat.Message) string {
					if i < len(ms)-2 {
						return stripped(m.Text)
					}
					return m.Text
				})
			}}, thinking, []string{"", `c, turn 2: broken at token 7 of 49 (character 7), in ` +
				`message 1 (assistant, reasoning): reasoning was generated`}},
		{"reasoning beside the answer", prompts{template: plain}, reasoned,
			[]string{`c, turn 1: broken at token 7 of 21 (character 7), in message 1 ` +
				`(assistant, reasoning): reasoning was generated that the prompt does not have; ` +
				`was "hm, hm", is "hello|u:and|a:"`}},
		{"reasoning is sent back", prompts{template: plain}, sent, []string{""}},
		{"reasoning of other tokens", prompts{template: plain}, others,
			[]string{`broken behind token 7 of 29, in message 1 (assistant, reasoning): the ` +
				`text is the same, but has other tokens`}},
		{"the opening thinks", prompts{template: func(ms []chat.Message, o bool) (string, error) {
			return with(ms, o, "a:<think>", func(_ int, m chat.Message) string { return m.Text })
		}}, three[:2], []string{`c, turn 1: broken at token 7 of 28 (character 7), in what ` +
			`begins the answer: reasoning was generated`}},
		{"the first message changes",
			prompts{template: func(ms []chat.Message, o bool) (string, error) {
				return with(ms, o, "a:", func(i int, m chat.Message) string {
					if i == 0 && len(ms) > 3 {
						return m.Text + "!"
					}
					return m.Text
				})
			}}, system, []string{`c, turn 1: broken at token 4 of 27 (character 4), in message 0 ` +
				`(system, content): the template wrote it another way; was "|u:hi|a:", is "!|u:hi|a:hello|u:and|a:"`}},
		{"an answer is trimmed", prompts{template: func(ms []chat.Message, o bool) (string, error) {
			return with(ms, o, "a:", func(_ int, m chat.Message) string {
				return strings.TrimLeft(m.Text, "h")
			})
		}}, []Turn{turn("x", "hello"), turn("y", "so")},
			[]string{`in message 1 (assistant, content): the template wrote it another way; was ` +
				`"hello", is "ello|u:y|a:"`}},
		{"other tokens were generated", prompts{template: plain}, other,
			[]string{`c, turn 1: broken behind token 7 of 21, in message 1 (assistant, ` +
				`content): the text is the same, but has other tokens than were generated`}},
		{"tokens merge with what is before", prompts{template: plain, pairs: ":h"}, three[:2],
			[]string{`c, turn 1: broken at token 5 of 19 (character 6), in what begins the ` +
				`answer: the text is the same, but has other tokens`}},
		{"the dataset's answer", prompts{template: plain}, dataset,
			[]string{`c, turn 1: broken at token 10 of 20 (character 10), in message 1 ` +
				`(assistant, content): the history has another text than the server's answer; ` +
				`was "lo", is "p|u:and|a:"`}},
		{"a template that needs a question",
			prompts{template: func(ms []chat.Message, o bool) (string, error) {
				if ms[len(ms)-1].Role != chat.User {
					return "", errors.New("status 400")
				}
				return with(ms, o, "a:", func(i int, m chat.Message) string {
					if i == 0 && len(ms) > 3 {
						return m.Text + "!"
					}
					return m.Text
				})
			}}, system, []string{`in a message that is not known: the template wrote it another way`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := Prefixes(t.Context(), &tc.server, "c", tc.turns)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(tc.want) {
				t.Fatalf("%d records, want %d: %+v", len(got), len(tc.want), got)
			}
			for i := range got {
				text := ""
				if got[i].Broken != "" {
					text = PrefixText(&got[i])
				} else if got[i].Shared != got[i].Before {
					t.Errorf("nothing is broken, but %d of %d tokens are shared", got[i].Shared,
						got[i].Before)
				}
				if (text == "") != (tc.want[i] == "") || !strings.Contains(text, tc.want[i]) {
					t.Errorf("record %d:\ngot  %s\nwant %s", i, text, tc.want[i])
				}
			}
		})
	}
}

func TestPrefixesWithoutAnEndpoint(t *testing.T) {
	t.Parallel()
	turns := []Turn{{Asked: []chat.Message{{Role: chat.User, Text: "a"}}, Answer: "b",
		History: []chat.Message{{Role: chat.Assistant, Text: "b"}}},
		{Asked: []chat.Message{{Role: chat.User, Text: "c"}}}}
	for _, call := range []string{"Tokenize", "Detokenize"} {
		if _, err := Prefixes(t.Context(), &prompts{template: plain, fails: call}, "c",
			turns); err == nil || !strings.Contains(err.Error(), "conversation c, turn ") {
			t.Errorf("%s fails: error %v", call, err)
		}
	}
}

func FuzzPrefixes(f *testing.F) {
	f.Add("hi", "<think>x</think>y", "so", 5, true)
	f.Add("", "", "\xff", -1, false)
	f.Fuzz(func(t *testing.T, ask, answer, again string, generated int, strip bool) {
		s := prompts{template: plain, pairs: "ab"}
		if strip {
			s.template = func(ms []chat.Message, o bool) (string, error) {
				return with(ms, o, "a:", func(_ int, m chat.Message) string {
					return stripped(m.Text)
				})
			}
		}
		turns := []Turn{
			{Asked: []chat.Message{{Role: chat.User, Text: ask}}, Answer: answer,
				History:   []chat.Message{{Role: chat.Assistant, Text: answer}},
				Generated: max(0, generated%100)},
			{Asked: []chat.Message{{Role: chat.User, Text: again}}},
		}
		got, err := Prefixes(t.Context(), &s, "c", turns)
		if err != nil || len(got) != 1 {
			t.Fatalf("%v, %v", got, err)
		}
		if p := got[0]; p.Shared > p.Prompt || p.Shared < 0 ||
			p.Broken == "" && p.Shared > p.Before {
			t.Errorf("%+v", p)
		}
		_ = PrefixText(&got[0])
	})
}
