package sim

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	"multiturn/internal/jsonseq"
	"multiturn/internal/limits"
)

// request is what a client asks for.
type request struct {
	api    api
	raw    bool // messages is one text, which no template made
	bare   bool // without what stands before a prompt (add_special_tokens false)
	model  string
	stream bool
	// usage asks for a final chunk with usage, continuous for usage in every chunk.
	usage, continuous bool
	// max is the maximum length of the answer, 0 = no limit; min is the minimum.
	max, min  int
	ignoreEOS bool
	// think means that the answer will begin with reasoning.
	think bool
	// salt separates the request's blocks from others' (cache_salt).
	salt string
	// noReasoning omits reasoning from the answer (include_reasoning false).
	noReasoning bool
	// tokenIDs and tiers ask for the answer's ids (return_token_ids) and for cached tokens
	// by tier (SGLang's return_cached_tokens_details).
	tokenIDs, tiers bool
	// history is the messages as they came, for the fault strict.
	history gjson.Result
	// session and client are the body's names for the conversation and for the request.
	session, client string
	messages        []message
	// promptIDs is a prompt given as token ids.
	promptIDs []int32
}

// message is a part of the prompt: a chat message, or the prompt of
// /v1/completions with an empty role.
type message struct {
	role, text, reasoning string
}

// parseRequest parses a body. It rejects what vLLM rejects, with the same
// errors.
func parseRequest(body []byte, api api) (*request, *apiError) {
	root, fail := parseObject(body)
	if fail != nil {
		return nil, fail
	}
	r := &request{api: api}
	var max, maxCompletion gjson.Result
	var messages, tools, prompt, input, instructions gjson.Result
	root.ForEach(func(k, v gjson.Result) bool {
		switch k.Str {
		case "model":
			if v.Type != gjson.String && v.Type != gjson.Null {
				fail = invalid("string_type", "body.model", "Input should be a valid string", "")
			}
			r.model = v.Str
		case "messages":
			messages = v
		case "tools":
			tools = v
		case "prompt":
			prompt = v
		case "input":
			input = v
		case "instructions":
			instructions = v
		case "stream":
			r.stream = v.Bool()
		case "stream_options":
			r.usage = v.Get("include_usage").Bool()
			r.continuous = v.Get("continuous_usage_stats").Bool()
		case maxTokens[api]:
			max = v
		case "max_completion_tokens":
			if api != responsesAPI {
				maxCompletion = v
			}
		case "min_tokens":
			if api != responsesAPI { // vLLM has no such field there
				r.min, fail = integer(v, "min_tokens", fail)
			}
		case "ignore_eos":
			r.ignoreEOS = v.Bool()
		case "cache_salt":
			r.salt = v.Str
		case "include_reasoning":
			r.noReasoning = v.Type == gjson.False
		case "add_special_tokens":
			r.bare = api == completionsAPI && v.Type == gjson.False
		case "return_token_ids":
			r.tokenIDs = v.Bool()
		case "return_cached_tokens_details":
			r.tiers = v.Bool()
		case "conversation_id":
			r.session = v.String()
		case "request_id":
			r.client = v.String()
		case "n":
			if n := v.Int(); v.Type == gjson.Number && n != 1 {
				fail = badRequest("n", "n=%d is not supported: one answer a request.", n)
			}
		}
		return fail == nil
	})
	if fail != nil {
		return nil, fail
	}
	if set(maxCompletion) {
		max = maxCompletion
	}
	if fail := r.takeLimits(max); fail != nil {
		return nil, fail
	}
	switch api {
	case chatAPI:
		r.takeTools(tools)
		r.history = messages
		return r, r.takeMessages(messages)
	case responsesAPI:
		r.takeTools(chatTools(tools))
		return r, r.takeInput(instructions, input)
	}
	return r, r.takePrompt(prompt)
}

// takeLimits takes max_tokens and checks it with min_tokens.
func (r *request) takeLimits(max gjson.Result) (fail *apiError) {
	if set(max) {
		if r.max, fail = integer(max, maxTokens[r.api], nil); fail != nil {
			return fail
		}
		if r.max < 1 { // of this name in every API
			return badRequest("max_tokens", "max_tokens must be at least 1, got %d. "+
				"(parameter=max_tokens, value=%d)", r.max, r.max)
		}
	}
	if r.min < 0 {
		return badRequest("", "min_tokens must be greater than or equal to 0, got %d.", r.min)
	}
	if r.max > 0 && r.min > r.max {
		return badRequest("", "min_tokens must be less than or equal to max_tokens=%d, got %d.",
			r.max, r.min)
	}
	return nil
}

// parseObject returns the body as a JSON object.
func parseObject(body []byte) (gjson.Result, *apiError) {
	if err := jsonseq.Check(body); err != nil {
		return gjson.Result{}, badJSON(err)
	}
	root := gjson.ParseBytes(body)
	if !root.IsObject() {
		return root, invalid("model_attributes_type", "body",
			"Input should be a valid dictionary or object to extract fields from", "")
	}
	return root, nil
}

func set(v gjson.Result) bool { return v.Exists() && v.Type != gjson.Null }

func integer(v gjson.Result, name string, fail *apiError) (int, *apiError) {
	if v.Type == gjson.Null {
		return 0, fail
	}
	if v.Type != gjson.Number || v.Num != float64(int(v.Num)) {
		return 0, invalid("int_parsing", "body."+name, "Input should be a valid integer", "")
	}
	return int(v.Num), fail
}

func (r *request) takeMessages(v gjson.Result) *apiError {
	if !v.Exists() {
		return invalid("missing", "body.messages", "Field required", "")
	}
	if !v.IsArray() {
		return invalid("list_type", "body.messages", "Input should be a valid list", "")
	}
	var fail *apiError
	first := len(r.messages)
	v.ForEach(func(_, m gjson.Result) bool {
		at := fmt.Sprintf("body.messages.%d", len(r.messages)-first)
		if !m.IsObject() {
			fail = invalid("dict_type", at, "Input should be a valid dictionary", "")
			return false
		}
		var out message
		var calls string
		role := false
		m.ForEach(func(k, f gjson.Result) bool {
			switch k.Str {
			case "role":
				role = f.Type == gjson.String
				out.role = f.Str
			case "content":
				out.text, fail = content(f, at)
			case "tool_calls":
				calls = callText(f)
			case "reasoning", "reasoning_content":
				if f.Type == gjson.String {
					out.reasoning = f.Str
				}
			}
			return fail == nil
		})
		if fail == nil && !role {
			fail = invalid("missing", at+".role", "Field required", "")
		}
		out.text += calls
		r.messages = append(r.messages, out)
		return fail == nil
	})
	if fail == nil && len(r.messages) == first {
		fail = badRequest("messages", "messages must not be empty.")
	}
	return fail
}

// content returns the text of a message: a string, null, or parts whose texts
// are joined by line ends.
func content(v gjson.Result, at string) (string, *apiError) {
	switch {
	case v.Type == gjson.String:
		return v.Str, nil
	case v.Type == gjson.Null:
		return "", nil
	case v.IsArray():
		var text strings.Builder
		sep := ""
		v.ForEach(func(_, p gjson.Result) bool {
			if part := p.Get("text"); part.Exists() {
				text.WriteString(sep)
				text.WriteString(part.Str)
				sep = "\n"
			}
			return true
		})
		return text.String(), nil
	}
	return "", invalid("string_type", at+".content", "Input should be a valid string", "")
}

func (r *request) takePrompt(v gjson.Result) *apiError {
	r.raw = true
	switch {
	case !set(v):
		return invalid("missing", "body.prompt", "Field required", "")
	case v.Type == gjson.String:
		r.messages = []message{{text: v.Str}}
		return nil
	case v.IsArray():
		first := v.Get("0")
		if first.IsArray() {
			v = first
		}
		if first.Type == gjson.String && !v.Get("1").Exists() {
			r.messages = []message{{text: first.Str}}
			return nil
		}
		if fail := r.takeIDs(v); fail != nil {
			return fail
		}
		if len(r.promptIDs) == 0 {
			return badRequest("prompt", "prompt must not be empty.")
		}
		return nil
	}
	return invalid("string_type", "body.prompt", "Input should be a valid string", "")
}

// takeIDs takes a prompt of token ids.
func (r *request) takeIDs(list gjson.Result) (fail *apiError) {
	list.ForEach(func(_, id gjson.Result) bool {
		switch {
		case id.Type != gjson.Number:
			fail = badRequest("prompt", "prompt must be a string, a list of one string, "+
				"or a list of token ids: several prompts a request are not supported.")
		case len(r.promptIDs) == limits.Tokens:
			fail = badRequest("prompt", "prompt has more than %d token ids.", limits.Tokens)
		default:
			r.promptIDs = append(r.promptIDs, int32(id.Int()))
		}
		return fail == nil
	})
	return fail
}

// badJSON returns the error that names the position at which a body stops being
// JSON, or has brackets that are too deep.
func badJSON(err error) *apiError {
	at, why := int64(0), "Expecting value"
	var syntax *jsonseq.SyntaxError
	if errors.As(err, &syntax) {
		if at = syntax.Offset; syntax.Kind == jsonseq.TooDeep {
			why = "Too many levels"
		}
	}
	return invalid("json_invalid", fmt.Sprintf("body.%d", at), "JSON decode error", why)
}
