package sim

import (
	"bytes"
	"strconv"
	"time"

	"multiturn/pkg/kvcache"
)

// The form of answers on the wire. The plain form is that of vLLM 0.32, byte
// for byte where clients may depend on it.

var doneMarker = []byte("[DONE]")

// appendHead sets the beginning of all chunks of the stream.
func (st *stream) appendHead() {
	object := "text_completion"
	if st.req.api == chatAPI {
		object = "chat.completion.chunk"
		if st.whole {
			object = "chat.completion"
		}
	}
	b := append([]byte(nil), `{"id":"`...)
	b = append(b, st.id...)
	b = append(b, `","object":"`...)
	b = append(b, object...)
	b = append(b, `","created":`...)
	b = strconv.AppendInt(b, st.srv.loop.start.Add(st.truth.arrived).Unix(), 10)
	b = append(b, `,"model":`...)
	b = append(b, marshal(st.srv.modelName(st.req.model))...)
	st.head = append(b, `,"choices":[`...)
}

// appendStatus appends the head of the response.
func (st *stream) appendStatus(b []byte, status int, contentType string, length int) []byte {
	switch st.q.contentType {
	case "none":
		contentType = ""
	case "text":
		contentType = "text/plain"
	case "json":
		contentType = "application/json"
	case "stream":
		contentType = "text/event-stream"
	}
	b = appendStatus(b, status, contentType, length, st.chunked, st.keepAlive)
	switch st.q.coding {
	case "twice":
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case "list":
		b = bytes.Replace(b, []byte("chunked"), []byte("chunked, chunked"), 1)
	}
	return append(b, "x-request-id: "+st.id+"\r\n\r\n"...)
}

// frame appends raw bytes of the event stream as one chunk of the transfer
// coding.
func (st *stream) frame(e *encoder, text string) {
	coded := st.chunked && st.q.split == 0
	if coded {
		e.out = strconv.AppendUint(e.out, uint64(len(text)), 16)
		e.out = append(e.out, "\r\n"...)
	}
	e.out = append(e.out, text...)
	if coded {
		e.out = append(e.out, "\r\n"...)
	}
}

// event appends a server-sent event as one chunk of the transfer coding.
func (st *stream) event(e *encoder, data []byte) { st.named(e, "", data) }

// named is event for events with a type, unless kind is "".
func (st *stream) named(e *encoder, kind string, data []byte) {
	if !st.q.none {
		st.oddEvent(e, kind, data)
		return
	}
	head := ""
	if kind != "" {
		head = "event: " + kind + "\n"
	}
	if st.chunked {
		n := len(head) + len("data: ") + len(data) + len("\n\n")
		e.out = strconv.AppendUint(e.out, uint64(n), 16)
		e.out = append(e.out, "\r\n"...)
	}
	e.out = append(e.out, head...)
	e.out = append(e.out, "data: "...)
	e.out = append(e.out, data...)
	e.out = append(e.out, "\n\n"...)
	if st.chunked {
		e.out = append(e.out, "\r\n"...)
	}
}

// oddEvent is event for streams with quirks.
func (st *stream) oddEvent(e *encoder, kind string, data []byte) {
	end := st.q.lineEnd
	space := " "
	if st.q.noSpace {
		space = ""
	}
	text := "data:" + space
	if kind != "" {
		text = "event:" + space + kind + end + text
	}
	if st.broken {
		data = data[:len(data)/2]
	}
	if st.q.comments {
		text = ": comment" + end + end + text
	}
	if st.q.blankData {
		text = "data:" + end + end + "data: " + end + end + text
	}
	if st.q.events {
		text = "event: ping" + end + "data: ping" + end + end + "event: tool.progress" + end +
			`data: {"status":"running","message":"reading a file"}` + end + end + text
	}
	text += string(data)
	if !st.q.noLast || string(data) != string(doneMarker) {
		text += end + end
	}
	st.frame(e, text)
}

// choice appends a chunk with the given delta.
func (st *stream) choice(e *encoder, delta, finish string, tokens int) {
	p := append(e.event[:0], st.head...)
	p = append(p, `{"index":0,`...)
	p = append(p, delta...)
	p = st.appendEnd(p, finish, tokens)
	e.event = p
	st.event(e, p)
}

// appendEnd closes a chunk after its delta.
func (st *stream) appendEnd(p []byte, finish string, generated int) []byte {
	p = append(p, `,"logprobs":null,"finish_reason":`...)
	if finish != "" {
		p = append(p, '"')
		p = append(p, finish...)
		p = append(p, `","stop_reason":null`...)
	} else {
		p = append(p, st.q.unfinished...)
	}
	p = append(p, `,"token_ids":null}]`...)
	p = st.appendContinuous(p, generated)
	if !st.wantsUsage() {
		p = st.appendLast(p)
	}
	return append(p, '}')
}

// appendLast appends what the last chunk before [DONE] has about the server.
func (st *stream) appendLast(p []byte) []byte {
	p = append(p, `,"system_fingerprint":"`+Owner+`"`...)
	return st.appendTimings(p)
}

// appendTimings appends the server's own times, in the engine's time.
func (st *stream) appendTimings(p []byte) []byte {
	s := &st.seq
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	first, rest := ms(s.First-s.Arrived), ms(s.Last-s.First)
	each := 0.0
	if s.Generated > 1 {
		each = rest / float64(s.Generated-1)
	}
	rate := func(n int, ms float64) float64 {
		if ms == 0 {
			return 0
		}
		return float64(n) / ms * 1000
	}
	switch st.q.timings {
	case "vllm":
		p = append(p, `,"metrics":`...)
		return append(p, marshal(struct {
			First float64 `json:"time_to_first_token_ms"`
			Rest  float64 `json:"generation_time_ms"`
			Queue float64 `json:"queue_time_ms"`
			Each  float64 `json:"mean_itl_ms"`
			Rate  float64 `json:"tokens_per_second"`
		}{first, rest, ms(s.Scheduled - s.Arrived), each, rate(s.Generated-1, rest)})...)
	case "llamacpp":
		p = append(p, `,"timings":`...)
		prompt := ms(s.First - s.Scheduled)
		return append(p, marshal(struct {
			Cached        int     `json:"cache_n"`
			Prompt        int     `json:"prompt_n"`
			PromptMS      float64 `json:"prompt_ms"`
			PromptEach    float64 `json:"prompt_per_token_ms"`
			PromptRate    float64 `json:"prompt_per_second"`
			Predicted     int     `json:"predicted_n"`
			PredictedMS   float64 `json:"predicted_ms"`
			PredictedEach float64 `json:"predicted_per_token_ms"`
			PredictedRate float64 `json:"predicted_per_second"`
		}{
			s.CachedTokens(), s.Computed(), prompt, prompt / float64(max(1, s.Computed())),
			rate(s.Computed(), prompt), s.Generated, rest, each, rate(s.Generated, rest),
		})...)
	}
	return p
}

// roleFirst reports whether the role chunk comes with the first token.
func (st *stream) roleFirst() bool {
	switch st.q.role {
	case "early", "late", "none", "merged":
		return false
	}
	return true
}

func (st *stream) roleChunk(e *encoder) {
	p := append(e.event[:0], st.head...)
	p = append(p, `{"index":0,"delta":{"role":"assistant"`...)
	switch st.q.role {
	case "null":
		p = append(p, `,"content":null`...)
	case "bare":
	default:
		p = append(p, `,"content":""`...)
	}
	p = append(p, `},"logprobs":null,"finish_reason":`...)
	p = append(append(p, st.q.unfinished...), `}]`...)
	p = st.appendContinuous(p, 0)
	p = append(p, `,"prompt_token_ids":`...)
	if st.promptIDs == nil {
		p = append(p, `null`...)
	} else {
		p = appendIDs(p, st.promptIDs)
	}
	p = append(p, `,"prompt_text":null}`...)
	e.event = p
	st.event(e, p)
}

// appendIDs appends a list of ids.
func appendIDs(p []byte, ids []int32) []byte {
	p = append(p, '[')
	for i, id := range ids {
		if i > 0 {
			p = append(p, ',')
		}
		p = strconv.AppendInt(p, int64(id), 10)
	}
	return append(p, ']')
}

// tokenChunk appends the chunk of the tokens from up to to-1.
func (st *stream) tokenChunk(e *encoder, from, to int) {
	if st.req.api == responsesAPI {
		st.responseChunk(e, from, to)
		return
	}
	p := append(e.event[:0], st.head...)
	hidden := false
	switch {
	case st.req.api == completionsAPI:
		p = append(p, `{"index":0,"text":"`...)
	case st.q.none:
		p = append(p, `{"index":0,"delta":{"content":"`...)
	default:
		p, hidden = st.appendDelta(p, from, to)
	}
	if !hidden {
		p = st.appendWords(p, from, to)
		switch {
		case st.req.api == completionsAPI:
			p = append(p, '"')
		case st.q.tools:
			p = append(p, st.toolTail(to)...)
		case to <= st.q.reasoning:
			p = append(append(p, reasoningForms[st.q.reasoningField].after...), '}')
		default:
			p = append(p, `"}`...)
		}
	}
	p = append(p, `,"logprobs":null,"finish_reason":`...)
	if to == st.seq.OutputTokens && st.q.finish == "last" {
		p = append(p, '"')
		p = append(p, st.reason...)
		p = append(p, `","stop_reason":null,"token_ids":`...)
	} else {
		p = append(append(p, st.q.unfinished...), `,"token_ids":`...)
	}
	if st.req.tokenIDs {
		ids := make([]int32, 0, to-from)
		for i := from; i < to; i++ {
			ids = append(ids, st.Token(i))
		}
		p = append(appendIDs(p, ids), `}]`...)
	} else {
		p = append(p, `null}]`...)
	}
	p = st.appendContinuous(p, to)
	if to == st.seq.OutputTokens && st.q.finish == "last" && !st.wantsUsage() {
		p = st.appendLast(p)
	}
	p = append(p, '}')
	if st.chunks == st.q.badJSON {
		p = p[:len(p)/2]
	}
	e.event = p
	st.chunks++
	e.tokens = true
	st.event(e, p)
}

// appendWords appends the text of the tokens from up to to-1, as it is in a JSON
// string.
func (st *stream) appendWords(p []byte, from, to int) []byte {
	for i := from; i < to; i++ {
		p = st.appendWord(p, i)
	}
	return p
}

// callHead opens the arguments of a tool call.
const callHead = `"type":"function","function":{"name":"lookup","arguments":"{\"query\":\"`

// appendDelta opens the delta of a chunk with quirks, up to its text. hidden
// means that it has no text.
func (st *stream) appendDelta(p []byte, from, to int) (_ []byte, hidden bool) {
	p = append(p, `{"index":0,"delta":{`...)
	if from == 0 && st.q.role == "merged" {
		p = append(p, `"role":"assistant",`...)
	}
	switch {
	case to <= st.q.reasoning && st.req.noReasoning:
		if p[len(p)-1] == ',' {
			p = p[:len(p)-1]
		}
		return append(p, '}'), true
	case to <= st.q.reasoning:
		p = append(p, reasoningForms[st.q.reasoningField].before...)
	case st.q.tools:
		p = append(p, `"tool_calls":[{"index":0,`...)
		if from == 0 || from == st.q.reasoning-1 {
			p = append(p, `"id":"call_`+st.id+`",`+callHead...)
		} else {
			p = append(p, `"function":{"arguments":"`...)
		}
	default:
		p = append(p, `"content":"`...)
	}
	return p, false
}

// toolTail closes the delta of a tool call whose tokens end before to. The last
// one closes the arguments too.
func (st *stream) toolTail(to int) string {
	switch {
	case to <= st.q.reasoning:
		return reasoningForms[st.q.reasoningField].after + "}"
	case to == st.seq.OutputTokens:
		return `\"}"}}]}`
	}
	return `"}}]}`
}

func (st *stream) finishChunk(e *encoder) {
	delta := `"delta":{}`
	if st.req.api == completionsAPI {
		delta = `"text":""`
	}
	st.choice(e, delta, st.reason, st.seq.Generated)
}

// tierChunk appends SGLang's chunk of cached tokens by tier.
func (st *stream) tierChunk(e *encoder) {
	p := append(e.event[:0], st.head...)
	p = append(p, `],"sglext":{"cached_tokens_details":{"device":`...)
	p = strconv.AppendInt(p, int64(st.seq.Cached[kvcache.GPU]), 10)
	p = append(p, `,"host":`...)
	p = strconv.AppendInt(p, int64(st.seq.Cached[kvcache.CPU]), 10)
	p = append(p, `,"storage_file":`...)
	p = strconv.AppendInt(p, int64(st.seq.Cached[kvcache.Disk]), 10)
	e.event = append(p, `}}}`...)
	st.event(e, e.event)
}

func (st *stream) wantsUsage() bool {
	return st.q.usage != "absent" && (st.req.usage || st.q.usage == "forced")
}

func (st *stream) usageChunk(e *encoder) {
	p := append(e.event[:0], st.head...)
	p = st.appendPlaced(p, "]")
	p = append(st.appendLast(p), '}')
	e.event = p
	st.event(e, p)
	if st.q.usage == "zeros-last" {
		p = append(e.event[:0], st.head...)
		p = append(p, `],"usage":`+zeroUsage+`}`...)
		e.event = p
		st.event(e, p)
	}
}

const zeroUsage = `{"prompt_tokens":0,"total_tokens":0,"completion_tokens":0}`

// appendPlaced appends the usage of the whole answer where it stands, after
// choices, whose text so far lacks end.
func (st *stream) appendPlaced(p []byte, end string) []byte {
	n := st.seq.Generated
	switch st.q.usage {
	case "choice":
		if end == "]" { // of a chunk without choices
			p = append(p, `{"index":0,"delta":{},"finish_reason":null`...)
			end = "}]"
		}
		p = st.appendUsage(append(p, `,"usage":`...), n, true)
		return append(p, end...)
	case "groq":
		p = append(append(p, end...), `,"x_groq":{"id":"req_`+st.id+`","usage":`...)
		return append(st.appendUsage(p, n, true), '}')
	}
	return st.appendUsage(append(append(p, end...), `,"usage":`...), n, true)
}

// appendContinuous appends the usage of a chunk if every chunk has one.
func (st *stream) appendContinuous(p []byte, generated int) []byte {
	switch {
	case st.q.usage == "nulls":
		return append(p, `,"usage":null`...)
	case st.q.usage == "continuous" || st.req.usage && st.req.continuous && st.q.usage != "absent":
		return st.appendUsage(append(p, `,"usage":`...), generated, false)
	}
	return p
}

func (st *stream) appendUsage(p []byte, generated int, details bool) []byte {
	prompt := st.seq.PromptTokens
	switch st.q.usage {
	case "null":
		return append(p, "null"...)
	case "zeros":
		return append(p, zeroUsage...)
	case "empty":
		return append(p, "{}"...)
	case "uncached":
		prompt -= st.seq.CachedTokens()
		details = false
	}
	p = append(p, `{"prompt_tokens":`...)
	p = strconv.AppendInt(p, int64(prompt), 10)
	p = append(p, `,"total_tokens":`...)
	p = strconv.AppendInt(p, int64(prompt+generated), 10)
	p = append(p, `,"completion_tokens":`...)
	p = strconv.AppendInt(p, int64(generated), 10)
	if details {
		p = st.appendCached(p, "prompt_tokens_details", "created_cache_tokens")
	}
	switch {
	case st.q.reasoning > 0:
		p = append(p, `,"completion_tokens_details":{"reasoning_tokens":`...)
		p = strconv.AppendInt(p, int64(min(st.q.reasoning, generated)), 10)
		p = append(p, '}')
	case !details:
		p = append(p, `,"completion_tokens_details":null`...)
	}
	return append(p, '}')
}

// appendCached appends a field with what was cached, and how many tokens of full
// blocks were put into the cache.
func (st *stream) appendCached(p []byte, name, created string) []byte {
	cached := st.seq.CachedTokens()
	if st.q.usage == "zero-omitted" && cached == 0 {
		return p
	}
	p = append(append(append(p, `,"`...), name...), `":`...)
	switch st.q.usage {
	case "details-null":
		return append(p, `null`...)
	case "cached-null":
		return append(p, `{"cached_tokens":null}`...)
	}
	p = append(p, `{"cached_tokens":`...)
	p = strconv.AppendInt(p, int64(cached), 10)
	p = append(append(append(p, `,"`...), created...), `":`...)
	size := st.srv.o.Cache.BlockSize
	p = strconv.AppendInt(p, int64(st.seq.PromptTokens/size*size-cached), 10)
	return append(p, '}')
}

// appendAnswer appends the body of an answer that is not streamed.
func (st *stream) appendAnswer(p []byte) []byte {
	if st.req.api == responsesAPI {
		return st.appendWhole(p)
	}
	p = append(p, st.head...)
	text := func(from, to int) { p = st.appendWords(p, from, to) }
	n := st.seq.Generated
	thought := min(st.q.reasoning, n)
	if st.req.api == chatAPI {
		p = append(p, `{"index":0,"message":{"role":"assistant",`...)
		form := reasoningForms[st.q.reasoningField]
		tagged := thought > 0 && form.close != ""
		if thought > 0 && !tagged && !st.req.noReasoning {
			p = append(p, form.before...)
			text(0, thought)
			p = append(append(p, form.after...), ',')
		}
		if st.q.tools {
			p = append(p, `"content":null,"tool_calls":[{"id":"call_`+st.id+`",`+callHead...)
			text(thought, n)
			p = append(p, `\"}"}}]}`...)
		} else {
			p = append(p, `"content":"`...)
			if tagged {
				text(0, thought)
			}
			text(thought, n)
			p = append(p, `"}`...)
		}
	} else {
		p = append(p, `{"index":0,"text":"`...)
		text(0, n)
		p = append(p, '"')
	}
	p = append(p, `,"logprobs":null,"finish_reason":"`...)
	p = append(p, st.reason...)
	p = append(p, `","stop_reason":null`...)
	if st.q.usage == "absent" {
		return append(p, `}]}`...)
	}
	return append(st.appendPlaced(p, "}]"), '}')
}
