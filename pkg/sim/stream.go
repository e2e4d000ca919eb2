package sim

import (
	"strconv"
	"sync"
	"time"

	"multiturn/pkg/sim/engine"
	"multiturn/pkg/sim/internal/splitmix"
)

// stream is an answer in progress: it turns the engine's tokens into bytes, as
// its quirks demand. emit is called by the loop only; finish by the loop, or by
// the sink's goroutine after the last write.
type stream struct {
	srv  *Server
	req  *request
	q    *quirks
	sink *sink
	seq  engine.Sequence

	number    uint64 // of the request, from 1
	id        string
	seed      splitmix.Rand
	chunked   bool // HTTP/1.1 framing; an HTTP/1.0 answer ends with the connection
	keepAlive bool
	promptIDs []int32       // if the request asks for them
	whole     bool          // one JSON body instead of a stream
	reason    string        // finish_reason
	eos       bool          // the last token is the end token, which has no text
	head      []byte        // the beginning of every chunk
	chunks    int           // number of chunks with text so far
	sent      int           // tokens in them (of streams with quirks)
	held      []byte        // bytes held back (buffer)
	madeAt    time.Duration // when the engine made the newest token
	out       output        // of /v1/responses
	broken    bool          // the event is cut in the middle (bad-json)
	over      bool          // cut short: further tokens are not sent
	ended     bool          // complete, as far as HTTP goes

	truth truth

	mu     sync.Mutex // for calls of finish
	closed bool
	done   chan struct{} // closed after the last write
}

var _ engine.Owner = (*stream)(nil)

// encoder has buffers that are reused.
type encoder struct {
	out, event []byte
	tokens     bool // out includes tokens
}

func (e *encoder) reset() { e.out, e.tokens = e.out[:0], false }

// Token returns the id of token i of the answer.
func (st *stream) Token(i int) int32 {
	switch {
	case st.isEOS(i):
		return st.srv.o.Template.End()
	case st.endsThought(i):
		return st.srv.o.Template.ReasoningClose[0].ID
	}
	return st.srv.words.ids[st.word(i)]
}

// word returns the number of word i of the answer. It is computed anew each
// time, so nothing has to be kept.
func (st *stream) word(i int) int {
	r := st.seed + splitmix.Rand(i)*splitmix.Step
	return r.Below(len(st.srv.words.ids))
}

// finishedReason returns why the engine ended the answer, whatever
// finish_reason the client gets.
func (st *stream) finishedReason() string {
	if st.eos {
		return "stop"
	}
	return "length"
}

// endsThought reports whether token i is the mark between reasoning and answer,
// which has no text.
func (st *stream) endsThought(i int) bool { return st.q.reasoning > 0 && i == st.q.reasoning-1 }

func (st *stream) isEOS(i int) bool { return st.eos && i == st.seq.OutputTokens-1 }

// begin sends the head long before the first token, as vLLM does. It returns
// false if the answer ends here.
func (st *stream) begin() bool {
	st.appendHead()
	var e encoder
	if st.q.reset == 0 || st.q.cut == 0 {
		st.cutShort(&e, 0, op{close: true, reset: st.q.reset == 0})
		return false
	}
	if st.whole {
		return true
	}
	e.out = st.appendStatus(nil, 200, "text/event-stream; charset=utf-8", -1)
	if st.q.headers > 0 {
		st.sink.do(op{wait: st.q.headers, bytes: e.out})
	} else {
		st.sink.write(e.out, receipt{})
	}
	e.out = nil // the sink may still have the head
	if st.q.bom {
		st.frame(&e, "\ufeff")
	}
	switch {
	case st.req.api == responsesAPI:
		st.responseOpened(&e)
	case st.q.role == "early":
		st.roleChunk(&e)
	}
	switch {
	case st.q.errorAt == 0:
		st.fail(&e)
		return false
	case st.q.truncate == 0:
		st.end(&e)
		st.cutShort(&e, 0, op{})
		return false
	}
	st.deliver(&e, false, 0)
	if st.q.ping > 0 {
		st.srv.wg.Go(st.ping)
	}
	return true
}

// ping sends comments until the first token.
func (st *stream) ping() {
	t := time.NewTicker(st.q.ping)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-st.done:
			return
		case <-st.srv.closed:
			return
		}
		if st.truth.started() {
			return
		}
		var e encoder
		st.frame(&e, ":"+st.q.lineEnd+st.q.lineEnd)
		if st.q.split > 0 {
			st.split(e.out, receipt{})
			continue
		}
		st.sink.write(e.out, receipt{})
	}
}

// emit writes the next n tokens, which were due at the given time.
func (st *stream) emit(e *encoder, at time.Duration, n int) {
	if st.over {
		return
	}
	last := st.seq.Done()
	if st.whole {
		if last {
			body := st.appendAnswer(nil)
			e.reset()
			if st.q.coding != "" && st.chunked {
				e.out = st.appendStatus(e.out, 200, "application/json", -1)
				st.frame(e, string(body))
				e.out = append(e.out, "0\r\n\r\n"...)
			} else {
				e.out = append(st.appendStatus(e.out, 200, "application/json", len(body)), body...)
			}
			e.tokens = true
			st.deliver(e, true, at)
		}
		return
	}
	e.reset()
	from := st.seq.Generated - n
	if from == 0 && st.req.api == chatAPI && st.roleFirst() {
		st.roleChunk(e)
	}
	if st.q.none {
		for i := from; i < st.seq.Generated; i++ {
			st.tokenChunk(e, i, i+1)
		}
	} else if !st.emitOddly(e, from, at) {
		return
	}
	if last {
		st.closing(e)
	}
	st.deliver(e, last, at)
}

// emitOddly is the middle part of emit for streams with quirks. It returns
// false if the stream was cut.
func (st *stream) emitOddly(e *encoder, from int, at time.Duration) bool {
	for i := from; i < st.seq.Generated; i++ {
		if !st.endsChunk(i) {
			continue
		}
		if st.chunks == st.q.stallAt {
			st.deliver(e, false, at)
			e.reset()
			st.sink.do(op{wait: st.q.stall})
		}
		st.tokenChunk(e, st.sent, i+1)
		st.sent = i + 1
		if st.chunks == 1 && st.q.role == "late" && st.req.api == chatAPI {
			st.roleChunk(e)
		}
		switch st.chunks {
		case st.q.reset:
			st.cutShort(e, at, op{reset: true})
			return false
		case st.q.cut:
			st.cutShort(e, at, op{close: true})
			return false
		case st.q.truncate:
			st.end(e)
			st.cutShort(e, at, op{})
			return false
		case st.q.errorAt:
			st.deliver(e, false, at)
			e.reset()
			st.fail(e)
			return false
		}
	}
	return true
}

// endsChunk reports whether token i is the last of its chunk: by number, as the
// last token of the reasoning's text, or as the last of all. The mark between
// reasoning and answer is in the chunk of the token after it.
func (st *stream) endsChunk(i int) bool {
	switch {
	case i == st.seq.OutputTokens-1:
		return true
	case st.endsThought(i):
		return false
	case st.endsThought(i + 1):
		return true
	}
	first := st.sent
	if st.endsThought(first) {
		first++
	}
	return i-first+1 >= st.q.tokens
}

// cutShort delivers what there is and takes the stream away from the engine.
func (st *stream) cutShort(e *encoder, at time.Duration, o op) {
	st.over = true
	st.truth.setOutcome("cut")
	st.deliver(e, false, at)
	o.then = func() { st.srv.loop.abort(st) }
	st.sink.do(o)
}

// fail puts an error object and [DONE] into the stream, as vLLM does when its
// engine dies.
func (st *stream) fail(e *encoder) {
	st.over = true
	st.truth.setOutcome("error")
	if st.req.api == responsesAPI {
		st.responseFailed(e)
		st.failed(e)
		return
	}
	object := append(append([]byte(`{"error":`), errEngine.object()...), '}')
	if st.q.errorKind == "error-text" {
		object = []byte(`{"error":"the engine died"}`)
	}
	if st.q.errorKind == "error-type" {
		st.frame(e, "event: error"+st.q.lineEnd+"data: "+string(object)+st.q.lineEnd+st.q.lineEnd)
	} else {
		st.event(e, object)
	}
	st.event(e, doneMarker)
	st.failed(e)
}

// failed delivers an error and takes the stream away from the engine.
func (st *stream) failed(e *encoder) {
	st.end(e)
	st.deliver(e, false, 0)
	st.sink.do(op{then: func() { st.srv.loop.abort(st) }})
}

// closing appends what follows the last token.
func (st *stream) closing(e *encoder) {
	if st.req.api == responsesAPI {
		st.responseClosed(e)
		return
	}
	if st.q.finish == "own" {
		st.finishChunk(e)
	}
	if st.req.tiers {
		st.tierChunk(e)
	}
	if st.wantsUsage() {
		st.usageChunk(e)
	}
	if !st.q.noDone {
		st.event(e, doneMarker)
	}
	st.end(e)
}

// end closes the transfer coding.
func (st *stream) end(e *encoder) {
	if st.chunked && st.q.split == 0 {
		e.out = append(e.out, "0\r\n\r\n"...)
	}
	st.ended = true
}

// deliver writes the bytes of e. last means that they are the stream's last; at
// is when the tokens in them were due.
func (st *stream) deliver(e *encoder, last bool, at time.Duration) {
	if st.q.buffer && !st.whole {
		st.held = append(st.held, e.out...)
		if !last && !st.over {
			return
		}
		e.out = append(e.out[:0], st.held...)
		e.tokens, st.held = true, nil
	}
	if len(e.out) == 0 && !last {
		return
	}
	r := receipt{st, at, e.tokens, last}
	if st.q.split > 0 && !st.whole {
		st.deliverSplit(e.out, r)
		return
	}
	st.sink.write(e.out, r)
}

// deliverSplit is deliver for streams that are written in small pieces.
func (st *stream) deliverSplit(b []byte, r receipt) {
	st.split(b, receipt{st, r.due, r.tokens, false})
	if st.ended && st.chunked {
		st.sink.do(op{bytes: []byte("0\r\n\r\n")})
	}
	if r.last {
		st.sink.do(op{then: func() {
			now := time.Now()
			st.wrote(now, now, receipt{last: true}, false)
		}})
	}
}

// split writes small pieces, each as a chunk of the transfer coding. The
// receipt is for the first piece.
func (st *stream) split(b []byte, first receipt) {
	for i := 0; i < len(b); i += st.q.split {
		piece := b[i:min(len(b), i+st.q.split)]
		if st.chunked {
			piece = append(append(strconv.AppendUint(nil, uint64(len(piece)), 16), "\r\n"...),
				piece...)
			piece = append(piece, "\r\n"...)
		} else {
			piece = append([]byte(nil), piece...)
		}
		o := op{bytes: piece, wait: st.q.splitWait}
		if i == 0 {
			o.receipt = first
		}
		st.sink.do(o)
	}
}

// wrote records a write, begun and ended at the given times. If the write was
// timed, it counts towards the server's lateness.
func (st *stream) wrote(at, after time.Time, r receipt, timed bool) {
	if r.tokens {
		t, late := st.srv.loop.since(at), time.Duration(0)
		if timed {
			late = max(0, t-r.due)
			st.srv.lateness.add(late)
		}
		st.truth.wrote(t, st.srv.loop.since(after), late, st.srv.o.TruthGaps)
	}
	if r.last {
		st.truth.setEnd(st.srv.loop.since(at))
		st.finish(false)
	}
}

// finish ends the stream. abort means that its client has disconnected.
func (st *stream) finish(abort bool) {
	st.mu.Lock()
	closed := st.closed
	st.closed = true
	st.mu.Unlock()
	if closed {
		return
	}
	if abort {
		st.truth.setOutcome("left")
	}
	st.truth.setOutcome("done")
	if !st.keepAlive || st.q.close || abort {
		st.sink.do(op{close: true})
	} else if st.q.idle > 0 {
		_ = st.sink.conn.SetReadDeadline(time.Now().Add(st.q.idle))
	}
	st.srv.ledger.add(st.record())
	close(st.done)
}
