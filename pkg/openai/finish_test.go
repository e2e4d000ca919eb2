package openai

import "testing"

func TestGaveUp(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{
		"abort", "ABORT", "aborted", "error", "error: the engine died", "cancelled", "canceled",
		"network_error", "server-error", "insufficient_system_resource", "timeout", "FAILED",
		"engine_overloaded", "timed_out",
	} {
		if !gaveUp(reason) {
			t.Errorf("%q is taken for the end of a whole answer", reason)
		}
	}
	for _, reason := range []string{
		"stop", "length", "tool_calls", "function_call", "content_filter", "eos", "eos_token",
		"stop_sequence", "end_turn", "max_tokens", "tool_use", "refusal", "repetition", "STOP",
		"MAX_TOKENS", "sensitive", "model_context_window_exceeded", "recitation", "other", "unknown",
		"terror", "",
	} {
		if gaveUp(reason) {
			t.Errorf("%q is taken for a failure", reason)
		}
	}
}

func TestFinishText(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]string{
		`"stop"`: "stop", `{"type":"abort","message":"no"}`: "abort", `{"type":"length","length":8}`: "length",
	} {
		if got := finishText([]byte(v)); got != want {
			t.Errorf("%s: %q", v, got)
		}
	}
	for _, v := range []string{"null", `""`, `"null"`, `"None"`, `"not_finished"`} {
		if finishValue([]byte(v)) != nil {
			t.Errorf("%s is a finish_reason", v)
		}
	}
}
