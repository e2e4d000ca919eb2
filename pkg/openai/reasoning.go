package openai

import (
	"strings"

	"github.com/tidwall/gjson"

	"multiturn/internal/jsonseq"
	"multiturn/internal/limits"
	"multiturn/pkg/chat"
)

// Reasoning stands in a field of its own, as a string or as a list of parts:
//
//	reasoning          vLLM, OpenRouter, Groq
//	reasoning_content  DeepSeek, SGLang, llama.cpp, older vLLM
//	reasoning_text     GitHub
//	thinking           Ollama's own form
//	reasoning_details  OpenRouter: {"type":"reasoning.text","text":...}, or summary
//	thinking_blocks    LiteLLM: {"type":"thinking","thinking":...}
//
// or in a part of the content (Mistral). A server that fills several fields fills
// them with the same text. Encrypted reasoning has no text.

// isReasoning reports whether a field of a delta, of a whole message, or of a message
// of the history has reasoning.
func isReasoning(field []byte) bool {
	switch string(field) {
	case "reasoning", "reasoning_content", "reasoning_text", "thinking",
		"reasoning_details", "thinking_blocks":
		return true
	}
	return false
}

// readReasoning reads such a field.
func readReasoning(cur *jsonseq.Cursor, c *chunk) bool {
	switch cur.Peek() {
	case '[', '{':
		if v := cur.Skip(); len(v) > len("[]") {
			c.details = v
		}
		return true
	}
	var t textSpan
	ok := readText(cur, &t, nil)
	if !t.empty() {
		c.reasoning = t
	}
	return ok
}

// maxThoughtDepth is how deep the text of reasoning may be nested. The text is
// looked through once for each level.
const maxThoughtDepth = 8

// eachThought calls add with the JSON strings of reasoning that is no string, but for
// those below depth levels.
func eachThought(v gjson.Result, depth int, add func(quoted string)) {
	switch {
	case v.Type == gjson.String:
		add(v.Raw)
	case depth == 0:
	case v.IsArray():
		v.ForEach(func(_, item gjson.Result) bool {
			eachThought(item, depth-1, add)
			return true
		})
	case v.IsObject():
		for _, name := range []string{"text", "summary", "thinking", "content"} {
			if t := v.Get(name); t.Exists() && t.Type != gjson.Null {
				eachThought(t, depth-1, add)
				return
			}
		}
	}
}

// reasoningOf returns the reasoning that a message has beside its content: that of
// its first field with any.
func reasoningOf(m *chat.Message) string {
	if m.Raw == nil {
		return ""
	}
	var t text
	gjson.ParseBytes(m.Raw).ForEach(func(field, v gjson.Result) bool {
		if isReasoning([]byte(field.Str)) {
			eachThought(v, maxThoughtDepth, func(quoted string) { t.addQuoted([]byte(quoted)) })
		}
		return len(t.buf) == 0
	})
	return string(t.buf)
}

// eachPart calls said and thought with the JSON strings of content that is a list
// of parts. It returns false if there are too many of them.
func eachPart(parts []byte, said, thought func(quoted string)) bool {
	n := 0
	gjson.ParseBytes(parts).ForEach(func(_, part gjson.Result) bool {
		if n++; n > limits.Parts {
			return false
		}
		kind := part.Get("type").String()
		switch text := part.Get("text"); {
		case part.Type == gjson.String:
			said(part.Raw)
		case strings.Contains(kind, "think") || strings.Contains(kind, "reason"):
			eachThought(part, maxThoughtDepth, thought)
		default:
			if text.Type == gjson.String {
				said(text.Raw)
			}
			eachThought(part.Get("thinking"), maxThoughtDepth, thought)
		}
		return true
	})
	return n <= limits.Parts
}
