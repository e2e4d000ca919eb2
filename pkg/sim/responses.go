package sim

import (
	"net/http"
	"strconv"
)

// The form of answers of /v1/responses on the wire: that of vLLM 0.32, with the
// fields that clients depend on.

func responses(c *conn, hr *http.Request, body []byte, keepAlive bool) *apiError {
	return c.generate(hr, body, keepAlive, responsesAPI)
}

// output is the state of an answer in items.
type output struct {
	events int    // sent so far
	items  []item // the last one may be open
	open   bool
}

// item is a part of an answer: the tokens from up to to-1.
type item struct {
	kind     string // reasoning, message or function_call
	from, to int
}

// itemOf returns the kind of the item that a chunk of tokens up to to-1 is in.
func (st *stream) itemOf(to int) string {
	switch {
	case to <= st.thought():
		return "reasoning"
	case st.q.tools:
		return "function_call"
	}
	return "message"
}

// thought returns how many tokens are in an item of reasoning: none if the
// reasoning is in the text.
func (st *stream) thought() int {
	if reasoningForms[st.q.reasoningField].close != "" {
		return 0
	}
	return max(0, st.q.reasoning)
}

// respond sends an event with more fields than its type and number.
func (st *stream) respond(e *encoder, kind, item string, more ...string) {
	p := append(e.event[:0], `{"type":"response.`...)
	p = append(append(p, kind...), `","sequence_number":`...)
	p = strconv.AppendInt(p, int64(st.out.events), 10)
	st.out.events++
	if item != "" {
		p = append(append(append(p, `,"item_id":"`...), item...), `","output_index":`...)
		p = strconv.AppendInt(p, int64(len(st.out.items)-1), 10)
	}
	for _, m := range more {
		p = append(p, m...)
	}
	e.event = append(p, '}')
	st.named(e, "response."+kind, e.event)
}

// responseOpened sends what comes with the head.
func (st *stream) responseOpened(e *encoder) {
	response := string(st.appendResponse([]byte(`,"response":`), "in_progress"))
	st.respond(e, "created", "", response)
	st.respond(e, "in_progress", "", response)
}

// responseChunk sends the tokens from up to to-1, opening an item if they are its
// first.
func (st *stream) responseChunk(e *encoder, from, to int) {
	kind := st.itemOf(to)
	o := &st.out
	if !o.open || o.items[len(o.items)-1].kind != kind {
		st.closeItem(e)
		o.items, o.open = append(o.items, item{kind, from, from}), true
		if !st.hides(kind) {
			st.openItem(e)
		}
	}
	it := &o.items[len(o.items)-1]
	it.to = to
	st.chunks++
	e.tokens = true
	if st.hides(kind) {
		return
	}
	name, head := deltas[kind].name, `,"content_index":0,"delta":"`
	if kind == "function_call" {
		head = `,"delta":"`
		if it.from == from {
			head += callOpen
		}
	}
	text, end := string(st.appendWords(nil, from, to)), `","logprobs":[]`
	if kind != "message" {
		end = `"`
	}
	if kind == "function_call" && to == st.seq.OutputTokens {
		text += callClose
	}
	st.broken = st.chunks-1 == st.q.badJSON
	st.respond(e, name+".delta", st.itemID(), head, text, end)
	st.broken = false
}

// callOpen and callClose are around the words in the arguments of a call.
const (
	callOpen  = `{\"query\":\"`
	callClose = `\"}`
)

// deltas has, by the kind of an item, the name of its events and the type of its
// part.
var deltas = map[string]struct{ name, part, id string }{
	"reasoning":     {"reasoning_text", "reasoning_text", "rs_"},
	"message":       {"output_text", "output_text", "msg_"},
	"function_call": {"function_call_arguments", "", "fc_"},
}

// hides reports whether items of a kind are generated and not sent.
func (st *stream) hides(kind string) bool { return kind == "reasoning" && st.req.noReasoning }

// itemID returns the id of the last item.
func (st *stream) itemID() string {
	n := len(st.out.items) - 1
	return deltas[st.out.items[n].kind].id + st.id + "_" + strconv.Itoa(n)
}

func (st *stream) openItem(e *encoder) {
	n := len(st.out.items) - 1
	at := `,"output_index":` + strconv.Itoa(n) + `,"item":`
	st.respond(e, "output_item.added", "", at,
		string(st.appendItem(nil, n, "in_progress")))
	if part := deltas[st.out.items[n].kind].part; part != "" {
		st.respond(e, "content_part.added", st.itemID(), `,"content_index":0,"part":{"type":"`, part,
			`","text":""}`)
	}
}

// closeItem ends the open item, if there is one.
func (st *stream) closeItem(e *encoder) {
	if !st.out.open {
		return
	}
	st.out.open = false
	n := len(st.out.items) - 1
	it := st.out.items[n]
	if st.hides(it.kind) {
		return
	}
	d := deltas[it.kind]
	text := string(st.appendWords(nil, it.from, it.to))
	if it.kind == "function_call" {
		st.respond(e, d.name+".done", st.itemID(), `,"name":"lookup","arguments":"`,
			callOpen, text, callClose, `"`)
	} else {
		st.respond(e, d.name+".done", st.itemID(), `,"content_index":0,"text":"`, text, `"`)
		st.respond(e, "content_part.done", st.itemID(), `,"content_index":0,"part":{"type":"`,
			d.part, `","text":"`, text, `"}`)
	}
	at := `,"output_index":` + strconv.Itoa(n) + `,"item":`
	st.respond(e, "output_item.done", "", at, string(st.appendItem(nil, n, "completed")))
}

// responseClosed sends what follows the last token.
func (st *stream) responseClosed(e *encoder) {
	st.closeItem(e)
	if !st.q.noDone {
		response := st.appendResponse([]byte(`,"response":`), "completed")
		st.respond(e, "completed", "", string(st.appendTimings(response)))
	}
	st.end(e)
}

// responseFailed sends an error.
func (st *stream) responseFailed(e *encoder) {
	switch st.q.errorKind {
	case "error-text":
		st.event(e, []byte(`{"error":"the engine died"}`))
	case "error-type":
		st.named(e, "error", []byte(`{"type":"error","code":"server_error","message":`+
			string(marshal(errEngine.message))+`,"param":null,"sequence_number":`+
			strconv.Itoa(st.out.events)+`}`))
	default:
		st.respond(e, "failed", "", string(st.appendResponse([]byte(`,"response":`), "failed")))
	}
}

// appendItem appends item n with the text that it has so far.
func (st *stream) appendItem(p []byte, n int, status string) []byte {
	it := st.out.items[n]
	id := deltas[it.kind].id + st.id + "_" + strconv.Itoa(n)
	p = append(append(append(p, `{"id":"`...), id...), `","type":"`...)
	p = append(append(append(p, it.kind...), `","status":"`...), status...)
	p = append(p, '"')
	switch it.kind {
	case "function_call":
		p = append(p, `,"call_id":"call_`+st.id+`","name":"lookup","arguments":"`...)
		if status == "completed" {
			p = append(append(st.appendWords(append(p, callOpen...), it.from, it.to), callClose...), `"}`...)
			return p
		}
		return append(p, `"}`...)
	case "message":
		p = append(p, `,"role":"assistant"`...)
	default:
		p = append(p, `,"summary":[]`...)
	}
	p = append(p, `,"content":[`...)
	if status == "completed" {
		p = append(append(append(p, `{"type":"`...), deltas[it.kind].part...), `","text":"`...)
		p = append(st.appendWords(p, it.from, it.to), '"')
		if it.kind == "message" {
			p = append(p, `,"annotations":[],"logprobs":null`...)
		}
		p = append(p, '}')
	}
	return append(p, `]}`...)
}

// appendResponse appends the object of the whole answer.
func (st *stream) appendResponse(p []byte, status string) []byte {
	over := status == "completed"
	details, failure := "null", "null"
	if over && st.reason == "length" {
		status, details = "incomplete", `{"reason":"max_output_tokens"}`
	}
	if status == "failed" {
		failure = `{"code":"server_error","message":` + string(marshal(errEngine.message)) + `}`
	}
	p = append(append(p, `{"id":"`...), st.id...)
	p = append(p, `","object":"response","created_at":`...)
	p = strconv.AppendInt(p, st.srv.loop.start.Add(st.truth.arrived).Unix(), 10)
	p = append(append(append(p, `,"status":"`...), status...), `","incomplete_details":`...)
	p = append(append(append(p, details...), `,"error":`...), failure...)
	p = append(append(p, `,"model":`...), marshal(st.srv.modelName(st.req.model))...)
	p = append(p, `,"output":[`...)
	if over {
		for n, sent := 0, false; n < len(st.out.items); n++ {
			if st.hides(st.out.items[n].kind) {
				continue
			}
			if sent {
				p = append(p, ',')
			}
			p, sent = st.appendItem(p, n, "completed"), true
		}
	}
	p = append(p, `],"usage":`...)
	if over && st.q.usage != "absent" {
		p = st.appendResponseUsage(p)
	} else {
		p = append(p, "null"...)
	}
	return append(p, '}')
}

func (st *stream) appendResponseUsage(p []byte) []byte {
	prompt := st.seq.PromptTokens
	switch st.q.usage {
	case "null":
		return append(p, "null"...)
	case "zeros":
		return append(p, `{"input_tokens":0,"output_tokens":0,"total_tokens":0}`...)
	case "empty":
		return append(p, "{}"...)
	case "uncached":
		prompt -= st.seq.CachedTokens()
	}
	p = append(p, `{"input_tokens":`...)
	p = strconv.AppendInt(p, int64(prompt), 10)
	if st.q.usage != "uncached" {
		p = st.appendCached(p, "input_tokens_details", "cache_write_tokens")
	}
	p = append(p, `,"output_tokens":`...)
	p = strconv.AppendInt(p, int64(st.seq.Generated), 10)
	p = append(p, `,"output_tokens_details":{"reasoning_tokens":`...)
	p = strconv.AppendInt(p, int64(max(0, min(st.q.reasoning, st.seq.Generated))), 10)
	p = append(p, `},"total_tokens":`...)
	p = strconv.AppendInt(p, int64(prompt+st.seq.Generated), 10)
	return append(p, '}')
}

// appendWhole appends the body of an answer that is not streamed.
func (st *stream) appendWhole(p []byte) []byte {
	n := st.seq.Generated
	from := min(st.thought(), n)
	if from > 0 {
		st.out.items = append(st.out.items, item{"reasoning", 0, from})
	}
	if from < n {
		st.out.items = append(st.out.items, item{st.itemOf(n), from, n})
	}
	return st.appendResponse(p, "completed")
}
