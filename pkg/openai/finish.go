package openai

import (
	"bytes"
	"strings"

	"github.com/tidwall/gjson"
)

// An answer's finish_reason says why it ended. Known ends of a whole answer are
// stop, length, tool_calls, function_call and content_filter (OpenAI), eos,
// eos_token and stop_sequence (TGI), end_turn, max_tokens, tool_use and refusal
// (gateways to Anthropic), STOP, MAX_TOKENS, SAFETY and RECITATION (to Gemini),
// repetition (vLLM), sensitive and model_context_window_exceeded (GLM). Servers
// invent others, so a reason is the end of a whole answer unless it is known to
// be that of a failure.

// maxFinish is the most that is kept of a reason, in bytes.
const maxFinish = 200

// failedWords are the words of a reason that says that the server gave up: abort
// (vLLM, SGLang), error (vLLM, OpenRouter, Mistral), cancelled (Dynamo),
// network_error (GLM), insufficient_system_resource (DeepSeek), timed_out
// (TensorRT-LLM) and their like.
var failedWords = map[string]bool{
	"abort": true, "aborted": true,
	"cancel": true, "canceled": true, "cancelled": true,
	"error": true, "errored": true, "exception": true,
	"fail": true, "failed": true, "failure": true,
	"timeout": true, "timed": true, "expired": true, "killed": true,
	"overloaded": true, "unavailable": true,
	"insufficient": true, "exhausted": true, "preempted": true, "interrupted": true,
}

// gaveUp reports whether a finish_reason says that the server gave the answer up
// before its end.
func gaveUp(reason string) bool {
	for word := range strings.FieldsFuncSeq(strings.ToLower(reason), func(r rune) bool {
		return r < 'a' || r > 'z'
	}) {
		if failedWords[word] {
			return true
		}
	}
	return false
}

// finishValue returns a finish_reason as a chunk has it: nil for null, and for what
// some servers send in its place: an empty string, the word null (DashScope) or
// None, and not_finished (TensorRT-LLM).
func finishValue(v []byte) []byte {
	for _, word := range noFinish {
		if bytes.EqualFold(v, word) { // no copy: nearly every chunk has a null
			return nil
		}
	}
	return v
}

var noFinish = [][]byte{
	[]byte("null"), []byte(`""`), []byte(`"null"`), []byte(`"none"`), []byte(`"not_finished"`),
}

// finishText returns the text of a finish_reason: a string, or the type of
// SGLang's objects such as {"type":"abort","message":...}.
func finishText(v []byte) string {
	if len(v) > 0 && v[0] == '{' {
		return gjson.GetBytes(v, "type").String()
	}
	return unquote(v)
}
