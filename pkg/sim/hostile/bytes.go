package hostile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The bytes of plain answers, of which attacks are made.

// crlf ends the lines of a head.
const crlf = "\r\n"

// head is the head of a stream.
const head = "HTTP/1.1 200 OK" + crlf + "content-type: text/event-stream" + crlf +
	"transfer-encoding: chunked" + crlf + crlf

// untilClose is the head of a stream that ends with the connection.
const untilClose = "HTTP/1.1 200 OK" + crlf + "content-type: text/event-stream" + crlf +
	"connection: close" + crlf + crlf

// lastChunk ends the transfer coding.
const lastChunk = "0" + crlf + crlf

// headOf returns a head with a body in the transfer coding.
func headOf(status, kind string, fields ...string) string {
	return "HTTP/1.1 " + status + crlf + "content-type: " + kind + crlf +
		strings.Join(append(fields, "transfer-encoding: chunked", "", ""), crlf)
}

// jsonHead is the head of a body of JSON in the transfer coding.
var jsonHead = headOf("200 OK", "application/json")

// textHead is the head of a page of metrics.
var textHead = headOf("200 OK", "text/plain; version=0.0.4")

// whole returns an answer with a body of known length.
func whole(status, kind, body string, fields ...string) string {
	return "HTTP/1.1 " + status + crlf + "content-type: " + kind + crlf +
		strings.Join(append(fields, "content-length: "+strconv.Itoa(len(body)), "", body), crlf)
}

// chunked returns each text as a chunk of the transfer coding.
func chunked(texts ...string) string {
	var b strings.Builder
	for _, t := range texts {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(t), t)
	}
	return b.String()
}

// event returns a server-sent event.
func event(data string) string { return "data: " + data + "\n\n" }

// chunkOf returns an event of a chat with the given fields.
func chunkOf(fields string) string {
	return event(`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"sim",` +
		fields + `}`)
}

// choice returns an event with one choice.
func choice(delta, finish string) string {
	return chunkOf(`"choices":[{"index":0,"delta":` + delta + `,"finish_reason":` + finish + `}]`)
}

// The events of a plain answer.
var (
	role   = choice(`{"role":"assistant","content":""}`, "null")
	text   = choice(`{"content":" word"}`, "null")
	finish = choice(`{}`, `"length"`)
	usage  = usageOf("10", "2", "0")
	done   = event("[DONE]")
)

// usageOf returns the event with usage.
func usageOf(prompt, completion, cached string) string {
	return chunkOf(`"choices":[],"usage":{"prompt_tokens":` + prompt + `,"completion_tokens":` +
		completion + `,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":` + cached + `}}`)
}

// begun is an answer that has begun.
var begun = head + chunked(role, text, text)

// answer is a whole answer.
var answer = answerWith(usage)

// answerWith returns a whole answer with other events before [DONE].
func answerWith(events ...string) string {
	return begun + chunked(finish) + chunked(events...) + chunked(done) + lastChunk
}

// answered is the steps of a whole answer with other events before [DONE].
func answered(events ...string) []step { return []step{raw(answerWith(events...)), keep} }

// models is a list of models with the given fields of its only one.
func models(fields string) string {
	return `{"object":"list","data":[{"id":"sim","object":"model","owned_by":"sim"` + fields + `}]}`
}

// gauge is a line of a page of metrics; its label has a number.
func gauge(b []byte, i int) []byte {
	return fmt.Appendf(b, "vllm:num_requests_running{engine=\"%d\",model_name=\"sim\"} 1\n", i)
}

// foul is text that a terminal must not get, as in a JSON string: a screen is
// cleared, its title and its colours are changed, text is turned around, and a
// spreadsheet may take it as a formula.
const foul = `=1+1\u001b[2J\u001b]0;title\u0007\u009b31m\u0000\u0008\r\nnext\u202e\u2028end`

// foulBytes is the same as bytes.
const foulBytes = "\x1b[2J\x1b]0;title\x07\xc2\x9b31m\x00\x08end"

// zipped returns a text as gzip has it.
func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// echoed is the error of a server that repeats the head that it was sent.
func echoed(h http.Header) string {
	var lines []string
	for name, values := range h {
		lines = append(lines, name+": "+strings.Join(values, ", "))
	}
	slices.Sort(lines)
	return `{"error":{"message":` + strconv.Quote("cannot serve "+strings.Join(lines, "; ")) + `}}`
}
