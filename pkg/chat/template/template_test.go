package template

import (
	"slices"
	"strings"
	"testing"

	"multiturn/pkg/chat"
)

// letters gives each byte of a text a token.
type letters struct{}

func (letters) Append(dst []int32, text string) []int32 {
	for i := range len(text) {
		dst = append(dst, int32(text[i]))
	}
	return dst
}

// text spells out the tokens of letters and of marks.
func text(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		switch mark := MarkText(id); {
		case mark != "":
			b.WriteString(mark)
		case id == unknown.ID:
			b.WriteString("?")
		default:
			b.WriteByte(byte(id))
		}
	}
	return b.String()
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	const answer = "<|im_start|>assistant\n"
	for _, tc := range []struct {
		t                        *Template
		role, reasoning, content string
		think                    bool
		want                     string
	}{
		{ChatML, "user", "", "hi", false, "<|im_start|>user\nhi<|im_end|>\n" + answer},
		{ChatML, "user", "", "hi", true, "<|im_start|>user\nhi<|im_end|>\n" + answer + "<think>"},
		{ChatML, "assistant", "hm", "a", false, answer + "<think>hm</think>a<|im_end|>\n" + answer},
		{ChatML, "assistant", "", "hm</think>a", false, answer + "hm</think>a<|im_end|>\n" + answer},
		{StripReasoning, "assistant", "hm", "a", true,
			answer + "a<|im_end|>\n" + answer + "<think>"},
		{StripReasoning, "assistant", "", "hm</think>\n\na", false,
			answer + "a<|im_end|>\n" + answer},
		{StripReasoning, "user", "", "x</think>a", false,
			"<|im_start|>user\nx</think>a<|im_end|>\n" +
				answer},
		{Opaque(0), "user", "", "hi", false, "hi"},
		{Opaque(2), "user", "hm", "hi", true, "??hmhi??"},
	} {
		ids := tc.t.AppendMessage(nil, letters{}, "", tc.role, tc.reasoning, tc.content)
		ids = tc.t.AppendAnswer(ids, letters{}, tc.think)
		if got := text(ids); got != tc.want {
			t.Errorf("%s: %s: %q, want %q", tc.t.Name, tc.content, got, tc.want)
		}
	}
}

func TestOverhead(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		t    *Template
		want int
	}{
		{ChatML, 13}, {StripReasoning, 13}, {Opaque(4), 12}, {Opaque(0), 0}, {Llama3, 15},
		{Mistral, 4}, {Gemma, 14}, {Plain, 2},
	} {
		if got := tc.t.Overhead(2); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.t.Name, got, tc.want)
		}
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		if got := Named(name); got == nil || got.Name != name {
			t.Errorf("%s: %v", name, got)
		}
	}
	want := []string{"chatml", "strip-reasoning", "llama3", "mistral", "gemma", "plain"}
	if Named("") != nil || !slices.Equal(Names(), want) {
		t.Errorf("names %q", Names())
	}
}

func TestOfModel(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]*Template{
		"Qwen/Qwen3-8B": ChatML, "meta-llama/Llama-3.1-8B-Instruct": Llama3,
		"mistralai/Mistral-Small-24B-Instruct-2501": Mistral, "google/gemma-3-27b-it": Gemma,
		"gpt2": nil, "": nil,
	} {
		if got := OfModel(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestPrompts compares prompts, as tokens and as text, with those that the chat
// templates of the models make. The text lacks what a server puts before it.
func TestPrompts(t *testing.T) {
	t.Parallel()
	messages := []chat.Message{
		{Role: chat.System, Text: "be"}, {Role: chat.User, Text: "hi"},
		{Role: chat.Assistant, Text: "hello"}, {Role: chat.User, Text: "and\n\nso"},
		{Role: chat.Tool, Text: "42"},
	}
	for _, tc := range []struct {
		t           *Template
		begin, want string
	}{
		{ChatML, "", "<|im_start|>system\nbe<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n" +
			"<|im_start|>assistant\nhello<|im_end|>\n<|im_start|>user\nand\n\nso<|im_end|>\n" +
			"<|im_start|>tool\n42<|im_end|>\n<|im_start|>assistant\n"},
		{Llama3, "<|begin_of_text|>",
			"<|start_header_id|>system<|end_header_id|>\n\nbe<|eot_id|>" +
				"<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>" +
				"<|start_header_id|>assistant<|end_header_id|>\n\nhello<|eot_id|>" +
				"<|start_header_id|>user<|end_header_id|>\n\nand\n\nso<|eot_id|>" +
				"<|start_header_id|>ipython<|end_header_id|>\n\n42<|eot_id|>" +
				"<|start_header_id|>assistant<|end_header_id|>\n\n"},
		{Mistral, "<s>", "[SYSTEM_PROMPT]be[/SYSTEM_PROMPT][INST]hi[/INST]hello</s>" +
			"[INST]and\n\nso[/INST][TOOL_RESULTS]42[/TOOL_RESULTS]"},
		{Gemma, "<bos>", "<start_of_turn>user\nbe\n\nhi<end_of_turn>\n" +
			"<start_of_turn>model\nhello<end_of_turn>\n" +
			"<start_of_turn>user\nand\n\nso<end_of_turn>\n" +
			"<start_of_turn>user\n42<end_of_turn>\n<start_of_turn>model\n"},
		{Plain, "", "be\nhi\nhello\nand\n\nso\n42\n"},
	} {
		ids, written, before := tc.t.AppendBegin(nil), "", ""
		for _, m := range messages {
			ids = tc.t.AppendMessage(ids, letters{}, before, m.Role, "", m.Text)
			open, end := tc.t.Around(before, m.Role)
			written += open + tc.t.Content(m.Role, "", m.Text) + end
			before = m.Role
		}
		ids = tc.t.AppendAnswer(ids, letters{}, false)
		written += tc.t.AnswerText()
		if got := text(ids); got != tc.begin+tc.want {
			t.Errorf("%s: tokens of\n%q, want\n%q", tc.t.Name, got, tc.begin+tc.want)
		}
		if written != tc.want {
			t.Errorf("%s: text\n%q, want\n%q", tc.t.Name, written, tc.want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		t      *Template
		prompt string
		want   string // roles and texts; "" = not of the form
	}{
		{ChatML, "<|im_start|>user\nhi\n\nyou<|im_end|>\n<|im_start|>assistant\n",
			"user:hi\n\nyou|"},
		{ChatML, "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nhello<|im_end|>\n" +
			"<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n",
			"user:hi|assistant:hello|user:x|"},
		{ChatML, "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nhel", ""},
		{ChatML, "<|im_start|>user\nhi", ""},
		{ChatML, "<|im_start|>assistant\n", ""},
		{ChatML, "hi", ""},
		{ChatML, "", ""},
		{Llama3, "<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>" +
			"<|start_header_id|>assistant<|end_header_id|>\n\n", "user:hi|"},
		{Mistral, "[SYSTEM_PROMPT]be[/SYSTEM_PROMPT][INST]hi[/INST]hello</s>[INST]x[/INST]",
			"system:be|user:hi|assistant:hello|user:x|"},
		{Mistral, "[INST]hi[/INST]hel", ""},
		{Mistral, "hi</s>", ""},
		{Gemma, "<start_of_turn>user\nbe\n\nhi<end_of_turn>\n<start_of_turn>model\n",
			"user:be\n\nhi|"},
		{Plain, "hi\n", ""},
	} {
		messages, ok := tc.t.Parse(tc.prompt)
		got := ""
		for _, m := range messages {
			got += m.Role + ":" + m.Text + "|"
		}
		if got != tc.want || ok != (tc.want != "") {
			t.Errorf("%s: %q: %q, %t; want %q", tc.t.Name, tc.prompt, got, ok, tc.want)
		}
	}
}

// FuzzParse writes messages and a prompt that may be any text: what is parsed
// makes the same prompt again.
func FuzzParse(f *testing.F) {
	f.Add("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
	f.Add("[SYSTEM_PROMPT]be[/SYSTEM_PROMPT][INST]hi[/INST]hello</s>[INST]x[/INST]")
	f.Add("<start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\n")
	f.Fuzz(func(t *testing.T, prompt string) {
		for _, tm := range templates {
			messages, ok := tm.Parse(prompt)
			if !ok {
				continue
			}
			kept := *tm
			kept.DropReasoning = false
			again, before := "", ""
			for _, m := range messages {
				open, end := kept.Around(before, m.Role)
				again += open + kept.Content(m.Role, "", m.Text) + end
				before = m.Role
			}
			if again += kept.AnswerText(); again != prompt {
				t.Errorf("%s: %q became %q", tm.Name, prompt, again)
			}
		}
	})
}
