package sim

import (
	"strconv"
	"sync"
	"time"

	"multiturn/pkg/sim/engine"
)

// stream is one answer on its way: it turns the engine's tokens into bytes. emit and finish are called by the loop only.
type stream struct {
	srv  *Server
	req  *request
	sink *sink
	seq  engine.Sequence

	id        string
	arrived   time.Time
	chunked   bool // HTTP/1.1 framing; an HTTP/1.0 answer ends with the connection
	keepAlive bool
	reason    string // finish_reason
	rng       random
	eos       bool // the last token is the end-of-sequence token, which has no text
	head      []byte
	text      []byte // of an answer that is not streamed

	mu     sync.Mutex // the sink's goroutine reports too
	first  time.Time  // first token written
	last   time.Time  // newest token written
	closed bool
	done   chan struct{} // closed when nothing more will be written
}

var doneMarker = []byte("[DONE]")

// begin sends the head of a stream, long before its first token, as vLLM does.
func (st *stream) begin() {
	st.head = st.appendHead(nil)
	if st.req.stream {
		st.sink.write(st.appendStatus(nil, 200, "text/event-stream; charset=utf-8", -1), nil)
	}
}

// emit writes the next n tokens, which were due at the time given.
func (st *stream) emit(at time.Time, n int) {
	if !st.req.stream {
		for i := range n {
			if !st.isEOS(st.seq.Generated - n + i) {
				st.text = append(st.text, st.srv.words.quoted[st.rng.below(len(st.srv.words.quoted))]...)
			}
		}
		if st.seq.Done() {
			body := st.appendAnswer(nil)
			out := append(st.appendStatus(nil, 200, "application/json", len(body)), body...)
			if written, ok := st.sink.write(out, func(t time.Time, _ error) { st.wrote(t, true) }); ok {
				st.wrote(written, true)
			}
		}
		return
	}
	out := st.srv.scratch[:0]
	from := st.seq.Generated - n
	if from == 0 && st.req.chat {
		out = st.appendRole(out)
	}
	for i := from; i < st.seq.Generated; i++ {
		out = st.appendToken(out, i)
	}
	if st.seq.Done() {
		if st.req.usage {
			out = st.appendUsageChunk(out)
		}
		out = st.appendEvent(out, doneMarker)
		if st.chunked {
			out = append(out, "0\r\n\r\n"...)
		}
	}
	st.srv.scratch = out[:0]
	done := st.seq.Done()
	if written, ok := st.sink.write(out, func(t time.Time, _ error) { st.wrote(t, done) }); ok {
		st.srv.lateness.add(written.Sub(at))
		st.wrote(written, done)
	}
}

// wrote notes when tokens were given to the kernel.
func (st *stream) wrote(at time.Time, done bool) {
	st.mu.Lock()
	if st.first.IsZero() {
		st.first = at
	}
	st.last = at
	st.mu.Unlock()
	if done {
		st.finish(false)
	}
}

// finish ends the stream; abort says that its client is gone.
func (st *stream) finish(abort bool) {
	st.mu.Lock()
	closed := st.closed
	st.closed = true
	st.mu.Unlock()
	if closed {
		return
	}
	if !st.keepAlive || abort {
		st.sink.do(op{close: true})
	}
	close(st.done)
}

func (st *stream) isEOS(i int) bool { return st.eos && i == st.seq.OutputTokens-1 }

// appendHead is what all chunks of the stream begin with.
func (st *stream) appendHead(b []byte) []byte {
	object := "text_completion"
	if st.req.chat {
		object = "chat.completion.chunk"
		if !st.req.stream {
			object = "chat.completion"
		}
	}
	b = append(b, `{"id":"`...)
	b = append(b, st.id...)
	b = append(b, `","object":"`...)
	b = append(b, object...)
	b = append(b, `","created":`...)
	b = strconv.AppendInt(b, st.arrived.Unix(), 10)
	b = append(b, `,"model":`...)
	b = append(b, marshal(st.srv.modelName(st.req.model))...)
	return append(b, `,"choices":[`...)
}

func (st *stream) appendRole(b []byte) []byte {
	p := append(st.srv.payload[:0], st.head...)
	p = append(p, `{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]`...)
	p = st.appendContinuous(p, 0)
	p = append(p, `,"prompt_token_ids":null,"prompt_text":null}`...)
	st.srv.payload = p
	return st.appendEvent(b, p)
}

// appendToken is the chunk of token i.
func (st *stream) appendToken(b []byte, i int) []byte {
	p := append(st.srv.payload[:0], st.head...)
	if st.req.chat {
		p = append(p, `{"index":0,"delta":{"content":"`...)
	} else {
		p = append(p, `{"index":0,"text":"`...)
	}
	if !st.isEOS(i) {
		p = append(p, st.srv.words.quoted[st.rng.below(len(st.srv.words.quoted))]...)
	}
	if st.req.chat {
		p = append(p, `"},"logprobs":null,"finish_reason":`...)
	} else {
		p = append(p, `","logprobs":null,"finish_reason":`...)
	}
	if i == st.seq.OutputTokens-1 {
		p = append(p, '"')
		p = append(p, st.reason...)
		p = append(p, `","stop_reason":null,"token_ids":null}]`...)
	} else {
		p = append(p, `null,"token_ids":null}]`...)
	}
	p = st.appendContinuous(p, i+1)
	p = append(p, '}')
	st.srv.payload = p
	return st.appendEvent(b, p)
}

func (st *stream) appendUsageChunk(b []byte) []byte {
	p := append(st.srv.payload[:0], st.head...)
	p = append(p, `],"usage":`...)
	p = st.appendUsage(p, st.seq.Generated, true)
	p = append(p, '}')
	st.srv.payload = p
	return st.appendEvent(b, p)
}

func (st *stream) appendContinuous(b []byte, generated int) []byte {
	if !st.req.usage || !st.req.continuous {
		return b
	}
	return st.appendUsage(append(b, `,"usage":`...), generated, false)
}

func (st *stream) appendUsage(b []byte, generated int, details bool) []byte {
	b = append(b, `{"prompt_tokens":`...)
	b = strconv.AppendInt(b, int64(st.seq.PromptTokens), 10)
	b = append(b, `,"total_tokens":`...)
	b = strconv.AppendInt(b, int64(st.seq.PromptTokens+generated), 10)
	b = append(b, `,"completion_tokens":`...)
	b = strconv.AppendInt(b, int64(generated), 10)
	if details {
		b = append(b, `,"prompt_tokens_details":{"cached_tokens":`...)
		b = strconv.AppendInt(b, int64(st.seq.Cached), 10)
		b = append(b, '}')
	}
	return append(b, '}')
}

// appendAnswer is the body of an answer that is not streamed.
func (st *stream) appendAnswer(b []byte) []byte {
	b = append(b, st.head...)
	if st.req.chat {
		b = append(b, `{"index":0,"message":{"role":"assistant","content":"`...)
		b = append(b, st.text...)
		b = append(b, `"},"logprobs":null,"finish_reason":"`...)
	} else {
		b = append(b, `{"index":0,"text":"`...)
		b = append(b, st.text...)
		b = append(b, `","logprobs":null,"finish_reason":"`...)
	}
	b = append(b, st.reason...)
	b = append(b, `","stop_reason":null}],"usage":`...)
	b = st.appendUsage(b, st.seq.Generated, true)
	return append(b, '}')
}

// appendEvent appends one server-sent event, in a chunk of the transfer coding of its own.
func (st *stream) appendEvent(b, data []byte) []byte {
	if st.chunked {
		b = strconv.AppendUint(b, uint64(len("data: ")+len(data)+len("\n\n")), 16)
		b = append(b, "\r\n"...)
	}
	b = append(b, "data: "...)
	b = append(b, data...)
	b = append(b, "\n\n"...)
	if st.chunked {
		b = append(b, "\r\n"...)
	}
	return b
}

// appendStatus is the head of a response; a negative length means that of a stream.
func (st *stream) appendStatus(b []byte, status int, contentType string, length int) []byte {
	b = appendStatus(b, status, contentType, length, st.chunked, st.keepAlive)
	return append(b, "x-request-id: "+st.id+"\r\n\r\n"...)
}
