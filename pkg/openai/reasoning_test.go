package openai

import (
	"testing"

	"multiturn/pkg/chat"
)

// TestReasoningFields checks that a field has reasoning in a delta, in a whole
// message, and in a message of the history alike.
func TestReasoningFields(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fields string
		want   string
	}{
		{`"reasoning":"Hm."`, "Hm."},
		{`"reasoning_content":"Hm.\n\u00e4"`, "Hm.\nä"},
		{`"reasoning_text":"Hm."`, "Hm."},
		{`"thinking":"Hm."`, "Hm."},
		{`"reasoning_details":[{"type":"reasoning.text","text":"H"},{"summary":"m."}]`, "Hm."},
		{`"reasoning_details":{"text":"Hm."}`, "Hm."},
		{`"thinking_blocks":[{"type":"thinking","thinking":"Hm."}]`, "Hm."},
		{`"reasoning":null,"reasoning_content":"Hm."`, "Hm."},
		{`"reasoning":"","reasoning_details":[{"text":"Hm."}]`, "Hm."},
		{`"reasoning_details":[{"type":"reasoning.encrypted","data":"AAAA"}]`, ""},
		{`"reasoning_effort":"low"`, ""},
	} {
		message := `{"role":"assistant","content":"",` + tt.fields + `}`
		for _, name := range []string{"delta", "message"} {
			a := newAnswer(&Options{}, &endpoint{api: &chatCompletions}, nil)
			data := []byte(`{"choices":[{"` + name + `":` + message + `}]}`)
			c, ok := a.decoder.chunk(data)
			if !ok {
				t.Fatalf("%s is not a chunk", data)
			}
			a.arrived = 1
			a.chunk(c, data, 0)
			if got := string(a.reasoning.buf); got != tt.want {
				t.Errorf("%s: reasoning %q, want %q", data, got, tt.want)
			}
		}
		m := chat.Message{Role: chat.Assistant, Raw: []byte(message)}
		if got := reasoningOf(&m); got != tt.want {
			t.Errorf("%s: reasoning %q, want %q", message, got, tt.want)
		}
	}
}
