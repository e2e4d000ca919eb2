package openai

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"multiturn/internal/limits"
	"multiturn/pkg/openai/sse"
	"multiturn/pkg/record"
	"multiturn/pkg/sockclock"
)

// Ways for an answer to end before the end of its body.
var (
	errTimeout   = errors.New("timeout")
	errIdle      = errors.New("idle timeout")
	errCancelled = errors.New("cancelled")
	errCut       = errors.New("connection closed before the end of the body")
	errParts     = &limits.Exceeded{What: theAnswer, Limit: limits.Parts, Things: "parts"}
)

// theAnswer is what errors call the answer as a whole.
const theAnswer = "the answer"

// answer takes the response to one request as it arrives, and makes its Result. A
// transport calls head once, then read and body for each read, then finish.
type answer struct {
	res      *Result
	maxEvent int
	most     int64        // bytes of the body
	mostText int64        // bytes of its text
	size     int64        // so far
	deadline record.Clock // 0 = there is none
	to       *endpoint    // that was asked
	keep     []string     // headers to return

	form      form
	promised  form   // by the Content-Type
	opening   []byte // the beginning of a body whose form is not decided
	parser    sse.Parser
	decoder   decoder
	whole     []byte // the body, if it is not a stream
	text      text
	reasoning text
	think     thinking
	gaps      []int64
	firstText int // length of the first event's content
	tools     toolCalls
	excess    bool   // there were more than limits.Parts
	usage     []byte // the last of the answer with numbers, as it was sent
	output    int    // completion tokens of a later one, which has no others
	zeros     bool   // there was one without
	timings   []byte
	sglext    []byte
	failure   string // of the first error event
	location  string // that a redirect leads to
	badEvent  string // what is wrong with the first bad event
	done      bool   // [DONE] was seen
	finished  bool   // a finish_reason was seen

	clock   *sockclock.Clock
	arrived record.Clock  // of the current read
	before  record.Clock  // of the newest read that arrived before it
	seen    record.Clock  // when the current read returned
	late    time.Duration // the longest time between arrival and read
	counted bool          // the current read had a chunk
	first   bool          // the first token is in the current read
	exact   bool          // the whole read arrived at that time
	frame   int           // the HTTP chunk of the read's last chunk
	// firstAfter is before, of the read with the first token.
	firstAfter record.Clock
}

var answers = sync.Pool{New: func() any { return new(answer) }}

// newAnswer returns an answer for one response, with the limits of one that may be
// of any length; free returns its buffers to the pool.
func newAnswer(o *Options, to *endpoint, c *sockclock.Clock) *answer {
	a := answers.Get().(*answer)
	a.res = &Result{}
	a.clock, a.to, a.maxEvent, a.keep = c, to, cmp.Or(o.MaxEvent, limits.Line), o.KeepHeaders
	a.most = cmp.Or(o.MaxAnswerBytes, limits.AnswerMost)
	a.mostText = a.most
	a.think.reset(o.Think)
	a.parser.Limit, a.decoder.api = o.MaxEvent, to.api
	return a
}

func (a *answer) free() {
	parser, decoder := a.parser, a.decoder
	parser.Reset()
	decoder.known = false
	const large = 4 << 20 // buffers of a rare long answer are not kept
	if a.size > large {
		return
	}
	*a = answer{
		parser: parser, decoder: decoder, think: a.think, opening: a.opening[:0],
		text: text{buf: a.text.buf[:0]}, reasoning: text{buf: a.reasoning.buf[:0]},
		gaps: a.gaps[:0], whole: a.whole[:0],
		usage: a.usage[:0], timings: a.timings[:0], sglext: a.sglext[:0],
	}
	answers.Put(a)
}

// head takes the response's head, which was complete at the given time. An error
// ends the request.
func (a *answer) head(status int, h http.Header, at record.Clock) error {
	if status < 100 {
		return &headError{fmt.Sprintf("its status is %03d", status)}
	}
	r := a.res
	r.Status, r.Headers = status, at
	for _, name := range a.keep {
		if v := h.Values(name); len(v) > 0 {
			if r.Header == nil {
				r.Header = http.Header{}
			}
			r.Header[http.CanonicalHeaderKey(name)] = v
		}
	}
	a.promised = formOfType(h.Get("Content-Type"))
	if !answers200(status) {
		r.RetryAfter = retryAfter(h, time.Now())
		a.form = formError
		if status/100 == 3 {
			a.location = h.Get("Location")
		}
	}
	e := h.Get("Content-Encoding")
	if e != "" && !strings.EqualFold(e, "identity") && a.form != formError {
		a.form, a.badEvent = formNone,
			"the server compressed the answer ("+e+"), which was not asked for"
	}
	return nil
}

// answers200 reports whether a status is that of an answer: 200, and what some
// frameworks (201, of every POST) and proxies (203) make of it.
func answers200(status int) bool {
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusNonAuthoritativeInfo:
		return true
	}
	return false
}

// read begins a read: when its bytes arrived, and when the read returned. With
// exact all bytes arrived at that time, else only the last one is known to.
func (a *answer) read(arrived, seen record.Clock, exact bool) {
	// A read too small for all that waits leaves the rest, with the same stamp, to
	// the next one.
	if again := arrived == a.arrived && arrived < seen && !exact; !again {
		a.counted, a.first = false, false
	}
	if arrived > a.arrived {
		a.before = a.arrived
	}
	a.arrived, a.seen, a.exact = arrived, seen, exact
	a.late = max(a.late, time.Duration(seen-arrived))
}

// body takes bytes of the body. frame numbers the HTTP chunks of a response; it
// is 0 if the transport does not know them. An error ends the request: it is of a
// limit, which is checked here since a server that sends without end leaves no
// pause to check it in.
func (a *answer) body(b []byte, frame int) error {
	a.size += int64(len(b))
	switch {
	case a.deadline != 0 && a.seen > a.deadline:
		return errTimeout
	case a.size > a.most:
		return &limits.Exceeded{What: theAnswer, Limit: a.most}
	}
	switch a.form {
	case formUnknown:
		if len(a.opening) > 0 {
			a.opening = append(a.opening, b...)
			b = a.opening
		}
		b = afterBlanks(b)
		form := sniff(b, a.promised)
		if form == formUnknown {
			a.opening = append(a.opening[:0], b...)
			return nil
		}
		a.decide(form)
		a.size -= int64(len(b))
		return a.body(b, frame)
	case formStream:
		a.parser.Feed(b)
		for a.parser.Next() {
			a.event(a.parser.Event(), frame)
		}
		return cmp.Or(a.tooMuch(), a.parser.Err())
	case formJSON:
		if len(a.whole)+len(b) > a.maxEvent {
			return &limits.Exceeded{What: "the JSON of the answer", Limit: int64(a.maxEvent)}
		}
		a.whole = append(a.whole, b...)
	case formError:
		a.whole = append(a.whole, b[:min(len(b), limits.Message-len(a.whole))]...)
		if a.size > limits.Metadata {
			return &limits.Exceeded{What: "the error", Limit: limits.Metadata}
		}
	}
	return nil
}

// tooMuch returns the error of an answer that says more than an answer can; nil if
// it does not.
func (a *answer) tooMuch() error {
	switch {
	case a.excess:
		return errParts
	case int64(len(a.text.buf)+len(a.reasoning.buf)) > a.mostText:
		return &limits.Exceeded{What: theAnswer + "'s text", Limit: a.mostText}
	}
	return nil
}

// decide sets the form of the body.
func (a *answer) decide(f form) { a.form, a.res.Stream = f, f == formStream }

// event takes one event of a stream. Blank ones keep a connection alive, as
// comments do.
func (a *answer) event(e sse.Event, frame int) {
	isError := string(e.Type) == "error"
	if rest, again := bytes.CutPrefix(e.Data, []byte("data:")); again {
		e.Data = bytes.TrimSpace(rest) // a gateway made an event of an event
	}
	if a.done || !isError && len(bytes.TrimSpace(e.Data)) == 0 {
		return
	}
	r := a.res
	r.Events++
	first := r.FirstEvent
	if first == 0 {
		r.FirstEvent = a.arrived
	}
	if !isError {
		if t, reasoning, ok := a.decoder.text(e.Data); ok {
			content := false
			if reasoning {
				a.reasoning.add(t, e.Data)
			} else {
				content, reasoning = a.content(t, e.Data)
			}
			a.token(frame, content, reasoning, false)
			return
		}
	}
	c, ok := a.decoder.chunk(e.Data)
	if !(ok && c.ofAnswer()) && !a.decoder.api.ownEvent(e.Type) {
		r.FirstEvent = first
		return // of a gateway or a tool
	}
	switch {
	case c.done:
		a.done = true
		r.End = a.arrived
	case !ok && isError:
		a.fail(failureText(e.Data))
		return
	case !ok && e.Open: // cut off in the middle: the outcome is that of a missing finish_reason
		if bytes.Contains(e.Data, []byte("}\n")) {
			a.badEvent = "the stream has no blank lines between its events"
		}
		return
	case !ok:
		if a.badEvent == "" {
			a.badEvent = "event " + itoa(r.Events) + " is not a chunk of an answer: " +
				a.clip(e.Data)
		}
		return
	case c.failure != nil:
		// The object around an error's text may have its kind.
		if c.failure[0] != '{' {
			c.failure = e.Data
		}
		a.fail(failureText(c.failure))
	case isError:
		a.fail(failureText(e.Data))
	}
	a.chunk(c, e.Data, frame)
}

// clip returns the beginning of b for an error.
func (a *answer) clip(b []byte) string {
	const most = 80
	return a.masked(string(b[:min(len(b), maskedBytes+1)]), most)
}

// masked returns at most n bytes of s. Secrets are masked first: half of a secret
// would not be found.
func (a *answer) masked(s string, n int) string {
	return clipped(a.to.mask.Beginning(s, maskedBytes), n)
}

// maskedBytes is how much of a text that is clipped is looked at, in bytes: more than
// is kept of it, since secrets may be long.
const maskedBytes = 16 << 10

// clipped returns s, at most n bytes of it.
func clipped(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

func (a *answer) fail(text string) {
	if text == "" {
		text = "(no text)"
	}
	if a.failure == "" {
		a.failure = "error in the stream: " + text
	}
}

// chunk takes the content of an event, or of a whole answer.
func (a *answer) chunk(c *chunk, data []byte, frame int) {
	content, reasoning := false, !c.reasoning.empty()
	thought := func(quoted string) {
		reasoning = a.reasoning.addQuoted([]byte(quoted)) || reasoning
	}
	switch {
	case reasoning:
		a.reasoning.add(c.reasoning, data)
	case c.details != nil:
		eachThought(gjson.ParseBytes(c.details), maxThoughtDepth, thought)
	}
	if !c.content.empty() {
		said, also := a.content(c.content, data)
		content, reasoning = said, reasoning || also
	}
	if c.parts != nil {
		all := eachPart(c.parts, func(quoted string) {
			if len(quoted) > 2 {
				said, also := a.content(spanOf(quoted), []byte(quoted))
				content, reasoning = content || said, reasoning || also
			}
		}, thought)
		a.excess = a.excess || !all
	}
	tool := c.tools != nil && a.tools.add(c.tools)
	a.excess = a.excess || a.tools.excess
	if content || reasoning || tool {
		a.token(frame, content, reasoning, tool)
	}
	if c.finish != nil {
		a.finished = true
		a.res.Finish = a.masked(finishText(c.finish), maxFinish)
	}
	switch {
	case len(c.usage) > limits.Object: // whatever it is
	case c.usage != nil && hasTokens(c.usage):
		a.usage, a.output = replace(a.usage, c.usage), 0
	case c.usage != nil:
		a.zeros = true
		// Gateways to Anthropic's API send the prompt's tokens first, the answer's last.
		if n := completionTokens(gjson.ParseBytes(c.usage)); n > 0 {
			a.output = n
		}
	}
	a.timings = replace(a.timings, c.timings)
	a.sglext = replace(a.sglext, c.sglext)
}

// replace copies src, unless it is nil or too large, into the buffer of dst.
func replace(dst, src []byte) []byte {
	if src == nil || len(src) > limits.Object {
		return dst
	}
	return append(dst[:0], src...)
}

// token takes the arrival of an event with text.
func (a *answer) token(frame int, content, reasoning, tool bool) {
	r, at := a.res, a.arrived
	r.Chunks++
	if content {
		r.ChunksContent++
		if r.FirstAnswer == 0 {
			r.FirstAnswer = at
		}
	}
	if reasoning {
		r.ChunksReasoning++
	}
	if tool {
		r.ChunksTool++
	}
	if r.FirstToken == 0 {
		r.FirstToken, a.first = at, true
		if a.arrived == a.seen && !a.exact { // no stamp: it is as late as the process
			r.FirstEarlyUS = a.early().Microseconds()
		}
	} else {
		a.gaps = append(a.gaps, at.Microseconds()-r.LastToken.Microseconds())
	}
	r.LastToken = at
	switch {
	case !a.counted:
		a.counted = true
		r.Reads++
	case !a.exact && (frame == 0 || frame != a.frame):
		a.merge()
	}
	a.frame = frame
}

// merge counts a chunk that came in one read with an earlier one, under its
// stamp.
func (a *answer) merge() {
	r := a.res
	r.Merged++
	early := a.early()
	if early == 0 {
		return
	}
	r.MergedLate++
	if a.first {
		r.FirstMerged++
		r.FirstEarlyUS, a.firstAfter = early.Microseconds(), a.before
	}
}

// early returns how much earlier than its stamp the beginning of the current read
// may have arrived: while the client did not run, and after the read before.
func (a *answer) early() time.Duration {
	early := a.clock.Early(time.Duration(a.arrived), time.Duration(a.seen))
	return min(early, time.Duration(a.arrived-a.before))
}

// settleFirst estimates how much earlier than its stamp the first token arrived:
// the chunks that waited with it came at the pace of the later ones. If there are
// no later ones, it is the time in which the client did not run. The token came
// after the request, and after the head unless that waited with it.
func (a *answer) settleFirst() {
	r := a.res
	if r.FirstEarlyUS == 0 {
		return
	}
	if later := r.Chunks - 1 - r.FirstMerged; r.FirstMerged > 0 && later > 0 {
		pace := (r.LastToken - r.FirstToken).Microseconds() / int64(later)
		r.FirstEarlyUS = pace * int64(r.FirstMerged)
	}
	after := max(r.Sent, a.firstAfter)
	if r.Headers < r.FirstToken {
		after = max(after, r.Headers)
	}
	r.FirstEarlyUS = min(r.FirstEarlyUS, (r.FirstToken - after).Microseconds())
}

// finish ends the answer at the given time and returns its Result. The cause is
// nil if the body ended, one of the errors above, or the error that broke the
// connection.
func (a *answer) finish(cause error, at record.Clock) *Result {
	r := a.res
	if a.form == formUnknown && r.Status != 0 {
		a.decide(a.promised)
		a.body(a.opening, 0)
	}
	if cause == nil && a.form == formStream {
		a.parser.Close()
		for a.parser.Next() {
			a.event(a.parser.Event(), 0)
		}
		cause = a.parser.Err()
	}
	if a.form == formStream && !a.finished && !a.done {
		if text, ok := strayFailure(a.parser.Stray()); ok {
			a.fail(text)
		}
	}
	if a.form == formJSON && cause == nil && a.badEvent == "" {
		a.json(at)
	}
	if cause == nil {
		cause = a.tooMuch()
	}
	if r.End == 0 {
		r.End = at
	}
	a.settleThink()
	a.settleFirst()
	r.Outcome, r.Error = a.outcome(cause)
	r.ReadLateUS = a.late.Microseconds()

	// Copies, because the buffers are for the next answer.
	r.GapsUS = slices.Clone(a.gaps)
	// What an answer beyond its limit says is of no use, and would have to be counted.
	if large := (*limits.Exceeded)(nil); a.done || !errors.As(cause, &large) {
		r.Text, r.Reasoning = string(a.text.buf), string(a.reasoning.buf)
		r.FirstText = r.Text[:a.firstText]
		if len(a.tools.calls) > 0 {
			r.ToolCalls = a.tools.appendJSON(nil)
		}
	}
	r.Usage = newUsage(a.usage, a.timings, a.sglext)
	if a.output > 0 && len(a.usage) > 0 {
		r.Usage.Completion = a.output
	}
	r.UsageZeros = a.zeros && r.Usage == nil
	if len(a.timings) > 0 {
		r.ServerTimings = bytes.Clone(a.timings)
	}
	r.hide(a.to.mask)
	return r
}

// json takes a whole answer that was sent as one JSON object.
func (a *answer) json(at record.Clock) {
	body := bytes.TrimSpace(bytes.TrimPrefix(a.whole, []byte("\xef\xbb\xbf")))
	c, ok := a.decoder.chunk(body)
	switch {
	case !ok && len(body) > 0 && body[0] == '<':
		a.badEvent = "not an answer but " + failureText(body)
		return
	case !ok || c.done:
		a.badEvent = "not an answer in JSON: " + a.clip(body)
		return
	case c.failure != nil:
		if c.failure[0] != '{' {
			c.failure = body
		}
		a.failure = "error under status 200: " + failureText(c.failure)
	case c.choices == 0:
		a.badEvent = "JSON without choices: " + a.clip(body)
	}
	a.arrived = at
	a.res.FirstEvent = at
	a.chunk(c, body, 0)
}

// outcome returns how the request ended and, if it failed, why.
func (a *answer) outcome(cause error) (record.Outcome, string) {
	r, large := a.res, (*limits.Exceeded)(nil)
	proper := a.done || cause == nil && a.form == formJSON && a.failure == "" && a.badEvent == ""
	if a.done {
		cause = nil // the answer is complete, whatever happens to the connection
	}
	switch {
	case cause == errTimeout && r.Status == 0:
		return record.Timeout, "no answer before the request's timeout"
	case cause == errTimeout:
		return record.Timeout, "no end of the answer before the request's timeout"
	case cause == errIdle:
		return record.IdleTimeout, "silent for longer than the idle timeout"
	case cause == errCancelled:
		return record.Cancelled, "cancelled"
	case r.Status == 0:
		switch head := (*headError)(nil); {
		case errors.As(cause, &head):
			return record.BadEvent, cause.Error() // there was an answer
		case errors.As(cause, &large):
			return record.TooLarge, cause.Error()
		}
		return record.Connect, cause.Error()
	case a.form == formError:
		return record.HTTPStatus, a.statusLine()
	case a.failure != "":
		return record.ErrorInStream, a.failure
	case a.badEvent != "":
		return record.BadEvent, a.badEvent
	case errors.As(cause, &large):
		return record.TooLarge, cause.Error()
	case a.finished && gaveUp(r.Finish):
		return record.Aborted, "the server gave the answer up: finish_reason " + a.clip([]byte(r.Finish))
	case a.finished || proper && a.form == formJSON:
	case cause != nil:
		return record.Truncated, "no finish_reason: " + cause.Error()
	case len(a.parser.Stray()) > 0:
		return record.Truncated, "the stream ended without a finish_reason, and has a line that " +
			"is no event: " + a.clip(bytes.TrimSpace(a.parser.Stray()))
	default:
		return record.Truncated, "the stream ended without a finish_reason"
	}
	switch {
	case r.Chunks == 0:
		return record.Empty, "the answer ended without any text"
	case !proper:
		return record.OKNoDone, ""
	}
	return record.OK, ""
}
