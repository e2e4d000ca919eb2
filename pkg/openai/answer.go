package openai

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"multiturn/pkg/openai/sse"
	"multiturn/pkg/record"
)

// maxErrorBody is how much of an error's body is kept, in bytes.
const maxErrorBody = 64 << 10

// form is what the body of a response is.
type form int

const (
	formUnknown form = iota // the first byte will tell
	formStream
	formJSON
	formError // the body of a status other than 200
)

// How an answer can end other than at the end of its body.
var (
	errTimeout   = errors.New("timeout")
	errIdle      = errors.New("idle timeout")
	errCancelled = errors.New("cancelled")
	errCut       = errors.New("connection closed before the end of the body")
)

// answer takes the response of one request as it arrives, and becomes its Result. Whatever moves the bytes calls head once,
// then read and body for what each read delivered, then finish.
type answer struct {
	res      *Result
	maxEvent int
	secrets  secrets
	keep     []string // headers to hand back

	form      form
	parser    sse.Parser
	decoder   decoder
	whole     []byte // the body, when it is not a stream
	tooLong   bool
	text      []byte
	reasoning []byte
	gaps      []int64
	firstText int // length of the first event's content
	tools     toolCalls
	usage     []byte // the last of the answer, as it came
	timings   []byte
	sglext    []byte
	failure   string // of the first error event
	badEvent  string // the first event that is not one
	done      bool   // [DONE] was seen
	finished  bool   // a finish_reason was seen

	arrived record.Clock  // of the read that is being taken
	late    time.Duration // the longest between arrival and read
	counted bool          // the read has delivered a chunk
	exact   bool          // all of the read arrived at that time
	frame   int           // the HTTP chunk that delivered the read's last chunk
}

var answers = sync.Pool{New: func() any { return new(answer) }}

// newAnswer makes an answer for one response; free gives its buffers back.
func newAnswer(o *Options, s secrets) *answer {
	a := answers.Get().(*answer)
	a.res = &Result{}
	a.secrets, a.maxEvent, a.keep = s, o.MaxEvent, o.KeepHeaders
	a.parser.Limit = o.MaxEvent
	return a
}

func (a *answer) free() {
	parser, decoder := a.parser, a.decoder
	parser.Reset()
	decoder.known = false
	const large = 1 << 20
	if max(cap(a.text), cap(a.reasoning), cap(a.gaps), cap(a.whole)) > large {
		return
	}
	*a = answer{
		parser: parser, decoder: decoder,
		text: a.text[:0], reasoning: a.reasoning[:0], gaps: a.gaps[:0], whole: a.whole[:0],
		usage: a.usage[:0], timings: a.timings[:0], sglext: a.sglext[:0],
	}
	answers.Put(a)
}

// head takes the response's head, which was whole at the given time.
func (a *answer) head(status int, h http.Header, at record.Clock) {
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
	if v := h.Get("Retry-After"); v != "" {
		r.RetryAfter = retryAfter(v, time.Now())
	}
	switch kind := strings.ToLower(h.Get("Content-Type")); {
	case status != http.StatusOK:
		a.form = formError
	case strings.Contains(kind, "event-stream"):
		a.form = formStream
	case strings.Contains(kind, "json"):
		a.form = formJSON
	}
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") && a.form != formError {
		a.form, a.badEvent = formJSON, "the server compressed the answer ("+e+"), which was not asked for"
	}
	r.Stream = a.form == formStream
}

// read begins what one read delivered: when it arrived, and when our code had it. exact says that all of it arrived then,
// and not only the last byte.
func (a *answer) read(arrived, seen record.Clock, exact bool) {
	a.arrived, a.counted, a.exact = arrived, false, exact
	a.late = max(a.late, time.Duration(seen-arrived))
}

// body takes bytes of the body. frame tells the HTTP chunks of a response apart, 0 if the transport does not know.
func (a *answer) body(b []byte, frame int) {
	switch a.form {
	case formUnknown:
		trimmed := bytes.TrimLeft(b, "\xef\xbb\xbf \t\r\n")
		if len(trimmed) == 0 {
			return
		}
		a.form = formStream
		if c := trimmed[0]; c == '{' || c == '[' || c == '<' {
			a.form = formJSON
		}
		a.res.Stream = a.form == formStream
		a.body(b, frame)
	case formStream:
		a.parser.Feed(b)
		for a.parser.Next() {
			a.event(a.parser.Event(), frame)
		}
	case formJSON:
		if a.tooLong = a.tooLong || len(a.whole)+len(b) > a.maxEvent; !a.tooLong {
			a.whole = append(a.whole, b...)
		}
	case formError:
		a.whole = append(a.whole, b[:min(len(b), maxErrorBody-len(a.whole))]...)
	}
}

// event takes one event of a stream.
func (a *answer) event(e sse.Event, frame int) {
	if a.done {
		return
	}
	r := a.res
	r.Events++
	if r.FirstEvent == 0 {
		r.FirstEvent = a.arrived
	}
	if len(e.Type) == 0 {
		if t, reasoning, ok := a.decoder.text(e.Data); ok {
			if reasoning {
				a.reasoning = t.append(a.reasoning, e.Data)
			} else {
				a.content(t, e.Data)
			}
			a.token(frame, !reasoning, reasoning, false)
			return
		}
	}
	if string(bytes.TrimSpace(e.Data)) == "[DONE]" {
		a.done = true
		r.End = a.arrived
		return
	}
	c, ok := a.decoder.chunk(e.Data)
	switch {
	case !ok && string(e.Type) == "error":
		a.fail(failureText(e.Data))
		return
	case !ok && e.Open: // cut off in the middle: the missing finish_reason will tell
		return
	case !ok:
		if a.badEvent == "" {
			a.badEvent = "event " + itoa(r.Events) + " is not a chunk of an answer: " + a.clip(e.Data)
		}
		return
	case c.failure != nil:
		// The object around an error's text may say its kind.
		if c.failure[0] != '{' {
			c.failure = e.Data
		}
		a.fail(failureText(c.failure))
	case string(e.Type) == "error":
		a.fail(failureText(e.Data))
	}
	a.chunk(&c, e.Data, frame)
}

// clip shows the beginning of something that is not what it should be. Secrets go first: half of one would not be found.
func (a *answer) clip(b []byte) string {
	const most = 80
	s := a.secrets.remove(string(b[:min(len(b), 4096)]))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func (a *answer) fail(text string) {
	if a.failure == "" {
		a.failure = "error in the stream: " + text
	}
}

// chunk takes what an event or a whole answer holds.
func (a *answer) chunk(c *chunk, data []byte, frame int) {
	content, reasoning := !c.content.empty(), !c.reasoning.empty()
	if content {
		a.content(c.content, data)
	}
	if reasoning {
		a.reasoning = c.reasoning.append(a.reasoning, data)
	}
	if c.parts != nil {
		said, thought := partsText(c.parts)
		if said != "" {
			a.content(textSpan{0, len(said), false}, []byte(said))
		}
		a.reasoning = append(a.reasoning, thought...)
		content, reasoning = content || said != "", reasoning || thought != ""
	}
	tool := c.tools != nil && a.tools.add(c.tools)
	if content || reasoning || tool {
		a.token(frame, content, reasoning, tool)
	}
	if c.finish != nil {
		a.finished = true
		a.res.Finish = unquote(c.finish)
	}
	a.usage = replace(a.usage, c.usage)
	a.timings = replace(a.timings, c.timings)
	a.sglext = replace(a.sglext, c.sglext)
}

// replace keeps the newest that is there, in the same buffer.
func replace(dst, src []byte) []byte {
	if src == nil {
		return dst
	}
	return append(dst[:0], src...)
}

func (a *answer) content(t textSpan, data []byte) {
	a.text = t.append(a.text, data)
	if a.firstText == 0 {
		a.firstText = len(a.text)
	}
}

// token notes that an event with text arrived.
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
		r.FirstToken = at
	} else {
		a.gaps = append(a.gaps, at.Microseconds()-r.LastToken.Microseconds())
	}
	r.LastToken = at
	switch {
	case !a.counted:
		a.counted = true
		r.Reads++
	case !a.exact && (frame == 0 || frame != a.frame):
		r.Merged++
	}
	a.frame = frame
}

// finish ends the answer at the given time: because the body ended (nil), or because of one of the errors above, or another
// one that broke the connection. It makes the Result whole.
func (a *answer) finish(cause error, at record.Clock) *Result {
	r := a.res
	if cause == nil && a.form == formStream {
		a.parser.Close()
		for a.parser.Next() {
			a.event(a.parser.Event(), 0)
		}
	}
	if a.form == formStream && a.parser.Err() != nil && a.badEvent == "" {
		a.badEvent = a.parser.Err().Error()
	}
	if a.form == formJSON && cause == nil && a.badEvent == "" {
		a.json(at)
	}
	if r.End == 0 {
		r.End = at
	}
	r.Outcome, r.Error = a.outcome(cause)
	r.ReadLateUS = a.late.Microseconds()
	r.Error = oneLine(a.secrets.remove(r.Error))

	// Copies of just the size: the buffers serve the next answer.
	r.Text, r.Reasoning, r.GapsUS = string(a.text), string(a.reasoning), slices.Clone(a.gaps)
	r.FirstText = r.Text[:a.firstText]
	if len(a.tools) > 0 {
		r.ToolCalls = a.tools.appendJSON(nil)
	}
	r.Usage = newUsage(nonEmpty(a.usage), nonEmpty(a.timings), nonEmpty(a.sglext))
	if len(a.timings) > 0 {
		r.ServerTimings = bytes.Clone(a.timings)
	}
	return r
}

func nonEmpty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// json takes a whole answer that came as one JSON object.
func (a *answer) json(at record.Clock) {
	body := bytes.TrimSpace(bytes.TrimPrefix(a.whole, []byte("\xef\xbb\xbf")))
	if a.tooLong {
		a.badEvent = "the answer is longer than the limit of " + mib(a.maxEvent)
		return
	}
	c, ok := a.decoder.chunk(body)
	switch {
	case !ok && len(body) > 0 && body[0] == '<':
		a.badEvent = "not an answer but " + failureText(body)
		return
	case !ok:
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
	a.chunk(&c, body, 0)
}

// outcome says how it went and, in a line, why.
func (a *answer) outcome(cause error) (record.Outcome, string) {
	r := a.res
	proper := a.done || cause == nil && a.form == formJSON && a.failure == "" && a.badEvent == ""
	if a.done {
		cause = nil // what happens to the connection after the end is not the answer's
	}
	switch {
	case cause == errTimeout:
		return record.Timeout, "no end of the answer before the request's timeout"
	case cause == errIdle:
		return record.IdleTimeout, "silent for longer than the idle timeout"
	case cause == errCancelled:
		return record.Cancelled, "cancelled"
	case r.Status == 0:
		return record.Connect, cause.Error()
	case a.form == formError:
		return record.HTTPStatus, statusLine(r.Status, a.whole, r.RetryAfter)
	case a.failure != "":
		return record.ErrorInStream, a.failure
	case a.badEvent != "":
		return record.BadEvent, a.badEvent
	case a.finished || proper && a.form == formJSON:
	case cause != nil:
		return record.Truncated, "no finish_reason: " + cause.Error()
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
