package openai

import (
	"bytes"
	"encoding/json"

	"multiturn/internal/jsonseq"
	"multiturn/internal/limits"
	"multiturn/pkg/chat"
	"multiturn/pkg/server"
)

// chatCompletions is POST /v1/chat/completions.
var chatCompletions = api{
	name: Chat, path: server.ChatCompletions,
	history:   func(*Options) history { return chatHistory },
	maxTokens: "max_tokens",
	minTokens: "min_tokens",
	usage:     Field{"stream_options", json.RawMessage(`{"include_usage":true}`)},
	reserved:  []string{"messages", "stream", "model"},
	events:    chatEvents,
	read:      readChat,
}

// chatEvents are the types that some servers give to chunks.
var chatEvents = []string{"chat.completion", "completion", "chunk"}

var chatHistory = history{open: `"messages":[`, close: `]`, encoder: chat.JSON{}}

// readChat reads an event of a stream, or a whole answer.
func readChat(data []byte, c *chunk) bool {
	if isDone(data) {
		c.done = true
		return true
	}
	cur := jsonseq.Cursor{Text: data, AnyBytes: true}
	if cur.Peek() != '{' {
		return false
	}
	var wrong, isError bool
	var message, kind []byte
	for name := range cur.Object {
		switch string(name) {
		case "choices":
			if cur.Peek() != '[' {
				wrong = present(cur.Skip()) != nil || wrong
				continue
			}
			for range cur.Array {
				wrong = !readChoice(&cur, c) || wrong
				if c.choices++; c.choices > limits.Parts {
					return false
				}
			}
		case "usage":
			c.takeUsage(cur.Skip())
		case "error":
			if v := cur.Skip(); !noError(v) {
				c.failure = v
			}
		case "detail", "message":
			message = present(cur.Skip())
		case "object":
			isError = string(cur.Skip()) == `"error"`
		case "type":
			kind = cur.Skip()
		case "timings", "metrics":
			c.timings = present(cur.Skip())
		case "sglext":
			c.sglext = present(cur.Skip())
		default:
			if bytes.HasPrefix(name, []byte("x_")) {
				c.takeNested(cur.Skip())
			}
		}
	}
	if cur.End() != nil || wrong {
		return false
	}
	if c.failure == nil && c.choices == 0 &&
		(isError || message != nil && c.usage == nil && isErrorType(kind)) {
		c.failure = data // vLLM's older {"object":"error","message":...}, FastAPI's {"detail":...}
	}
	return true
}

// isErrorType reports whether the type of an object with a message can be that of
// an error, such as "BadRequestError", and not that of a progress report.
func isErrorType(v []byte) bool {
	if len(v) == 0 || v[0] != '"' {
		return true
	}
	kind := bytes.ToLower(v)
	for _, word := range []string{"err", "exception", "fail", "invalid", "unavailable", "limit"} {
		if bytes.Contains(kind, []byte(word)) {
			return true
		}
	}
	return false
}

// readChoice reads one element of choices; only the one with index 0 counts. It
// returns false if the element is not what a choice holds.
func readChoice(cur *jsonseq.Cursor, c *chunk) bool {
	if cur.Peek() != '{' {
		return false
	}
	var mine chunk
	index, ok, isDelta := []byte(nil), true, false
	for name := range cur.Object {
		switch string(name) {
		case "index":
			index = present(cur.Skip())
		case "delta", "message":
			if cur.Peek() != '{' {
				ok = present(cur.Skip()) == nil && ok
				continue
			}
			// Perplexity and others have all text so far in message, beside delta.
			if string(name) == "delta" {
				isDelta = true
				mine.clearMessage()
			} else if isDelta {
				cur.Skip()
				continue
			}
			ok = readMessage(cur, &mine) && ok
		case "text": // of legacy completions
			ok = readText(cur, &mine.content, nil) && ok
		case "finish_reason":
			mine.finish = finishValue(cur.Skip())
		case "usage":
			mine.takeUsage(cur.Skip())
		}
	}
	if index == nil || string(index) == "0" {
		if !mine.content.empty() {
			c.content = mine.content
		}
		if !mine.reasoning.empty() {
			c.reasoning = mine.reasoning
		}
		if mine.tools != nil {
			c.tools = mine.tools
		}
		if mine.finish != nil {
			c.finish = mine.finish
		}
		if mine.parts != nil {
			c.parts = mine.parts
		}
		if mine.details != nil {
			c.details = mine.details
		}
		c.takeUsage(mine.usage)
	}
	return ok
}

// readMessage reads a delta or a message.
func readMessage(cur *jsonseq.Cursor, c *chunk) bool {
	ok := true
	var refusal textSpan
	for name := range cur.Object {
		switch string(name) {
		case "content":
			ok = readText(cur, &c.content, &c.parts) && ok
		case "refusal": // is said in place of content
			ok = readText(cur, &refusal, nil) && ok
		case "function_call": // the older form of a tool call
			if v := present(cur.Skip()); c.tools == nil {
				c.tools = v
			}
		case "tool_calls":
			v := present(cur.Skip())
			ok = (v == nil || v[0] == '[') && ok
			if v != nil {
				c.tools = v
			}
		default:
			if isReasoning(name) {
				ok = readReasoning(cur, c) && ok
			}
		}
	}
	if c.content.empty() {
		c.content = refusal
	}
	return ok
}

// readText reads a string, null, or, if parts is not nil, an array.
func readText(cur *jsonseq.Cursor, t *textSpan, parts *[]byte) bool {
	switch cur.Peek() {
	case '"':
		start := cur.Pos() + 1
		quoted := cur.String()
		*t = textSpan{start, start + max(0, len(quoted)-2), cur.Escaped()}
		return true
	case '[':
		v := cur.Skip()
		if parts != nil {
			*parts = v
		}
		return parts != nil
	default:
		return present(cur.Skip()) == nil
	}
}
