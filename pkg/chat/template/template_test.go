package template

import (
	"slices"
	"strings"
	"testing"
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
		{Plain, "user", "", "hi", false, "<|im_start|>user\nhi<|im_end|>\n" + answer},
		{Plain, "user", "", "hi", true, "<|im_start|>user\nhi<|im_end|>\n" + answer + "<think>"},
		{Plain, "assistant", "hm", "a", false, answer + "<think>hm</think>a<|im_end|>\n" + answer},
		{Plain, "assistant", "", "hm</think>a", false, answer + "hm</think>a<|im_end|>\n" + answer},
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
		ids := tc.t.AppendMessage(nil, letters{}, tc.role, tc.reasoning, tc.content)
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
	}{{Plain, 13}, {StripReasoning, 13}, {Opaque(4), 12}, {Opaque(0), 0}} {
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
	if Named("") != nil || !slices.Equal(Names(), []string{"plain", "strip-reasoning"}) {
		t.Errorf("names %q", Names())
	}
}
