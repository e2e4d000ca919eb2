package hostile

import (
	"strconv"
	"strings"
	"time"
)

// deep is brackets enough to overflow the stack of a reader that recurs.
const deep = 20 << 20

// tick is the time between two bytes of a slow server.
const tick = 100 * time.Millisecond

// Endpoints that a client asks beside its requests.
const (
	modelsPath   = "/v1/models"
	metricsPath  = "/metrics"
	tokenizePath = "/tokenize"
	resetPath    = "/reset_prefix_cache"
)

// Groups has all attacks.
var Groups = []Group{
	{"endless", "bytes without end, as fast as the client takes them", endlessAttacks},
	{"deep", "20 MB of opening brackets", deepAttacks},
	{"huge", "one thing that is too large: a number, an event, a head", hugeAttacks},
	{"late", "bytes that come slowly, or never", lateAttacks},
	{"early", "bytes that nobody has asked for yet", earlyAttacks},
	{"odd", "bytes that are no answer", oddAttacks},
	{"reset", "the connection is reset, with a RST", resetAttacks},
}

var endlessAttacks = []Attack{
	{Name: "endless-answer", About: "events with text never end",
		steps: []step{raw(head), endless(text)}},
	{Name: "endless-reasoning", About: "events with reasoning never end",
		steps: []step{raw(head), endless(choice(`{"reasoning_content":" word"}`, "null"))}},
	{Name: "endless-roles", About: "events without text never end",
		steps: []step{raw(head), endless(role)}},
	{Name: "endless-calls", About: "an event for each of endless tool calls",
		steps: []step{raw(head), counted(-1, toolCall)}},
	{Name: "endless-arguments", About: "the arguments of one tool call never end",
		steps: []step{raw(head), endless(choice(
			`{"tool_calls":[{"index":0,"function":{"arguments":"a"}}]}`, "null"))}},
	{Name: "endless-usage", About: "events with usage never end, after the last text",
		steps: []step{raw(begun), send(finish), endless(usage)}},
	{Name: "endless-after-done", About: "events never end, after [DONE]",
		steps: []step{raw(begun), send(finish, usage, done), endless(text)}},
	{Name: "endless-line", About: "a line of an event never ends",
		steps: []step{raw(head), send(`data: {"choices":[{"index":0,"delta":{"content":"`),
			endless("a")}},
	{Name: "endless-event", About: "the lines of an event never end",
		steps: []step{raw(begun), endless("data: a\n")}},
	{Name: "endless-comments", About: "comments never end",
		steps: []step{raw(begun), endless(": comment\n\n")}},
	{Name: "endless-blank-events", About: "events without data never end",
		steps: []step{raw(begun), endless("data:\n\n")}},
	{Name: "endless-blank-lines", About: "blank lines never end, before any event",
		steps: []step{raw(head), endless("\n")}},
	{Name: "endless-json", About: "an answer in one JSON object never ends",
		steps: []step{raw(jsonHead), send(`{"choices":[{"message":{"content":"`), endless("a")}},
	{Name: "endless-status-line", About: "the status line never ends",
		steps: []step{raw("HTTP/1.1 200 "), endlessly("a")}},
	{Name: "endless-field", About: "a field of the head never ends",
		steps: []step{raw("HTTP/1.1 200 OK\r\nx-field: "), endlessly("a")}},
	{Name: "endless-head", About: "the fields of the head never end",
		steps: []step{raw("HTTP/1.1 200 OK\r\n"), endlessly("x-field: a\r\n")}},
	{Name: "endless-1xx", About: "informational heads never end",
		steps: []step{endlessly("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")}},
	{Name: "endless-extension", About: "the extension of a chunk's size never ends",
		steps: []step{raw(head, "5;a="), endlessly("a")}},
	{Name: "endless-size", About: "the size of a chunk never ends: zeros",
		steps: []step{raw(head), endlessly("0")}},
	{Name: "endless-chunks", About: "chunks of one byte of a comment never end",
		steps: []step{raw(begun), send(":"), endlessly(chunked("a"))}},
	{Name: "endless-trailers", About: "the fields after the body never end",
		steps: []step{raw(begun), send(finish, done), raw("0\r\n"), endlessly("x-field: a\r\n")}},
	{Name: "endless-error", About: "the body of a status 500 never ends",
		steps: []step{raw(headOf("500 Internal Server Error", "application/json")),
			send(`{"error":{"message":"`), endless("a")}},
	{Name: "endless-models", About: "the list of models never ends", Path: modelsPath,
		steps: []step{raw(jsonHead), send(`{"object":"list","data":[`),
			endless(`{"id":"a","object":"model"},`)}},
	{Name: "endless-metrics", About: "the page of metrics never ends", Path: metricsPath,
		steps: []step{raw(textHead), counted(-1, gauge)}},
	{Name: "endless-tokens", About: "the list of a text's tokens never ends", Path: tokenizePath,
		steps: []step{raw(jsonHead), send(`{"count":3,"tokens":[1`), endless(",1")}},
}

// brackets is the steps of a body with brackets at one place.
func brackets(head, before string) []step {
	return []step{raw(head), send(before), fill("[", deep), send("\n\n"), raw(lastChunk)}
}

var deepAttacks = []Attack{
	{Name: "deep-event", About: "an event is brackets", steps: brackets(begun, "data: ")},
	{Name: "deep-error", About: "the error of an error event is brackets",
		steps: brackets(begun, `data: {"error":`)},
	{Name: "deep-error-event", About: "the data of an event of the type error is brackets",
		steps: brackets(begun, "event: error\ndata: ")},
	{Name: "deep-delta", About: "a content is brackets",
		steps: brackets(begun, `data: {"choices":[{"index":0,"delta":{"content":`)},
	{Name: "deep-calls", About: "the tool calls are brackets",
		steps: brackets(begun, `data: {"choices":[{"index":0,"delta":{"tool_calls":`)},
	{Name: "deep-usage", About: "the usage is brackets",
		steps: brackets(begun, `data: {"choices":[],"usage":`)},
	{Name: "deep-closed", About: "an event is brackets that are closed, too, so that it is JSON",
		steps: []step{raw(begun), send(`data: {"choices":[],"extra":`), fill("[", deep/2),
			fill("]", deep/2), send("}\n\n", finish, done), raw(lastChunk)}},
	{Name: "deep-objects", About: "an event is objects in objects",
		steps: []step{raw(begun), send("data: "), fill(`{"a":`, deep/5), send("\n\n"),
			raw(lastChunk)}},
	{Name: "deep-json", About: "an answer in one JSON object is brackets",
		steps: brackets(jsonHead, `{"choices":`)},
	{Name: "deep-status", About: "the error object of a status 400 is brackets",
		steps: brackets(headOf("400 Bad Request", "application/json"), `{"error":`)},
	{Name: "deep-models", About: "the list of models is brackets", Path: modelsPath,
		steps: brackets(jsonHead, `{"data":`)},
	{Name: "deep-tokens", About: "the list of a text's tokens is brackets", Path: tokenizePath,
		steps: brackets(jsonHead, `{"tokens":`)},
	{Name: "deep-reset", About: "what emptying the cache gets is brackets", Path: resetPath,
		steps: brackets(jsonHead, "")},
}

// sized is the steps of an answer with one event that has n units at one place.
func sized(before, unit string, n int, after string) []step {
	return []step{raw(begun), send(before), fill(unit, n),
		send(after+"\n\n", finish, usage, done), raw(lastChunk)}
}

const (
	most  = "9223372036854775807"
	least = "-9223372036854775808"
)

var hugeAttacks = []Attack{
	{Name: "huge-usage", About: "the counts of usage are the largest of 64 bits", Quick: true,
		steps: answered(usageOf(most, most, most))},
	{Name: "huge-usage-least", About: "the counts of usage are the least of 64 bits", Quick: true,
		steps: answered(usageOf(least, least, least))},
	{Name: "huge-usage-1e9", About: "the counts of usage are 1,000,000,000", Quick: true,
		steps: answered(usageOf("1000000000", "1000000000", "1000000000"))},
	{Name: "huge-usage-4e8", About: "the counts of usage are 400,000,000", Quick: true,
		steps: answered(usageOf("400000000", "400000000", "400000000"))},
	{Name: "huge-usage-1e308", About: "the counts of usage are 1e308", Quick: true,
		steps: answered(usageOf("1e308", "1e308", "1e308"))},
	{Name: "huge-usage-1e999", About: "the counts of usage are 1e999", Quick: true,
		steps: answered(usageOf("1e999", "1e999", "1e999"))},
	{Name: "huge-usage-negative", About: "the counts of usage are -5", Quick: true,
		steps: answered(usageOf("-5", "-5", "-5"))},
	{Name: "huge-usage-nan", About: "the counts of usage are NaN, which is no JSON", Quick: true,
		steps: answered(usageOf("NaN", "NaN", "NaN"))},
	{Name: "huge-usage-text", About: "the counts of usage are text", Quick: true,
		steps: answered(usageOf(`"NaN"`, `"many"`, `"`+most+`"`))},
	{Name: "huge-usage-cached", About: "more tokens are cached than the prompt has", Quick: true,
		steps: answered(usageOf("10", "2", "4000000"))},
	{Name: "huge-timings", About: "the server's times are 1e308 and below 0", Quick: true,
		steps: answered(chunkOf(`"choices":[],"timings":{"prompt_ms":1e308,"predicted_ms":-1e308,` +
			`"prompt_n":` + most + `}`))},
	{Name: "huge-index", About: "the index of a tool call is the largest of 64 bits", Quick: true,
		steps: answered(choice(`{"tool_calls":[{"index":`+most+
			`,"function":{"name":"a","arguments":"{}"}}]}`, "null"))},
	{Name: "huge-event", About: "an event has 60 MB of text",
		steps: sized(`data: {"choices":[{"index":0,"delta":{"content":"`, "a", 60_000_000,
			`"},"finish_reason":null}]}`)},
	{Name: "huge-line", About: "an event has a line of 80 MB",
		steps: sized(`data: {"choices":[{"index":0,"delta":{"content":"`, "a", 80_000_000,
			`"},"finish_reason":null}]}`)},
	{Name: "huge-escapes", About: "an event has 2,000,000 escaped letters",
		steps: sized(`data: {"choices":[{"index":0,"delta":{"content":"`, `\u0061`, 2_000_000,
			`"},"finish_reason":null}]}`)},
	{Name: "huge-lines", About: "an event has 4,000,000 lines",
		steps: sized("data: {\n", "data:\n", 4_000_000, `data: "choices":[]}`)},
	{Name: "huge-calls", About: "an event has 400,000 tool calls",
		steps: []step{raw(begun), send(`data: {"choices":[{"index":0,"delta":{"tool_calls":[{}`),
			counted(400_000, inOneEvent), send("]}}]}\n\n", finish, usage, done), raw(lastChunk)}},
	{Name: "huge-choices", About: "an event has 400,000 choices",
		steps: sized(`data: {"choices":[{}`, `,{"index":1,"delta":{"content":"a"}}`, 400_000, `]}`)},
	{Name: "huge-keys", About: "an event has 1,000,000 keys",
		steps: sized(`data: {"a":1`, `,"a":1`, 1_000_000, `,"choices":[]}`)},
	{Name: "huge-id", About: "the id of an answer has 1 MB",
		steps: sized(`data: {"id":"`, "a", 1_000_000, `","choices":[]}`)},
	{Name: "huge-finish", About: "the finish_reason has 1 MB",
		steps: sized(`data: {"choices":[{"index":0,"delta":{},"finish_reason":"`, "a", 1_000_000,
			`"}]}`)},
	{Name: "huge-error", About: "the text of an error event has 10 MB",
		steps: sized(`data: {"error":{"message":"`, "a", 10_000_000, `"}}`)},
	{Name: "huge-field", About: "a field of the head has 900 kB", Quick: true,
		steps: []step{raw("HTTP/1.1 200 OK\r\nx-field: "), repeat("a", 900_000),
			raw(crlf, answer[len("HTTP/1.1 200 OK\r\n"):]), keep}},
	{Name: "huge-head", About: "the head has 40,000 fields", Quick: true,
		steps: []step{raw("HTTP/1.1 200 OK\r\n"), repeat("x-field: a\r\n", 40_000),
			raw(answer[len("HTTP/1.1 200 OK\r\n"):]), keep}},
	{Name: "huge-chunk", About: "a chunk is said to have 2^64-1 bytes",
		steps: []step{raw(begun, "ffffffffffffffff\r\n", text), silence}},
	{Name: "huge-chunk-overflow", About: "a chunk is said to have 2^80 bytes", Quick: true,
		steps: []step{raw(begun, "100000000000000000000\r\n", text), settle}},
	{Name: "huge-chunk-negative", About: "a chunk is said to have -5 bytes", Quick: true,
		steps: []step{raw(begun, "-5\r\n", text), settle}},
	{Name: "huge-length", About: "the body is said to have 2^63-1 bytes",
		steps: []step{raw("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n",
			"content-length: "+most+"\r\n\r\n", text), silence}},
	{Name: "huge-length-overflow", About: "the body is said to have 10^20-1 bytes", Quick: true,
		steps: []step{raw("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n",
			"content-length: 99999999999999999999\r\n\r\n", text), settle}},
	{Name: "huge-retry-after", About: "status 429 asks for a pause of 10^15 s", Quick: true,
		steps: []step{raw(whole("429 Too Many Requests", "application/json",
			`{"error":{"message":"slow down"}}`, "retry-after: 1000000000000000")), keep}},
	{Name: "huge-models", About: "the list of models has 4 MiB", Path: modelsPath,
		steps: []step{raw(jsonHead), send(`{"object":"list","data":[{"id":"sim"}`),
			fill(`,{"id":"a"}`, 4<<20/11), send("]}"), raw(lastChunk)}},
	{Name: "huge-model-length", About: "a model's max_model_len is the largest of 64 bits",
		Path: modelsPath, Quick: true,
		steps: []step{raw(whole("200 OK", "application/json",
			models(`,"max_model_len":`+most))), keep}},
	{Name: "huge-metrics", About: "the page of metrics has 64 MB", Path: metricsPath,
		steps: []step{raw(textHead), counted(1_000_000, gauge), raw(lastChunk)}},
	{Name: "huge-metrics-numbers", About: "the metrics are 1e308, NaN and Inf", Path: metricsPath,
		Quick: true, steps: []step{raw(whole("200 OK", "text/plain; version=0.0.4",
			"vllm:prompt_tokens_total 1e308\nvllm:generation_tokens_total NaN\n"+
				"vllm:prefix_cache_hits_total +Inf\nvllm:prefix_cache_queries_total -Inf\n"+
				"vllm:num_requests_running "+most+"\n")), keep}},
	{Name: "huge-count", About: "a text is said to have 2^63-1 tokens", Path: tokenizePath,
		Quick: true, steps: []step{raw(whole("200 OK", "application/json",
			`{"count":`+most+`,"max_model_len":`+most+`,"tokens":[`+most+`]}`)), keep}},
}

var lateAttacks = []Attack{
	{Name: "late-head", About: "the head comes a minute late",
		steps: []step{pause(time.Minute), raw(answer), keep}},
	{Name: "late-nothing", About: "nothing is ever sent", steps: []step{silence}},
	{Name: "late-slow-head", About: "the head comes a byte each 100 ms",
		steps: []step{drip(tick, head), raw(answer[len(head):])}},
	{Name: "late-slow-body", About: "the body comes a byte each 100 ms",
		steps: []step{raw(head), drip(tick, answer[len(head):])}},
	{Name: "late-slow-answer", About: "head and body come a byte each 100 ms",
		steps: []step{drip(tick, answer)}},
	{Name: "late-1xx", About: "an informational head comes each 100 ms, and no other",
		steps: []step{every(tick, "HTTP/1.1 102 Processing\r\n\r\n")}},
	{Name: "late-comments", About: "a comment comes each 100 ms, and no text",
		steps: []step{raw(head), every(tick, chunked(": comment\n\n"))}},
	{Name: "late-tokens", About: "a token comes each 100 ms, without end",
		steps: []step{raw(head), every(tick, chunked(text))}},
	{Name: "late-text", About: "nothing comes after the head",
		steps: []step{raw(head), silence}},
	{Name: "late-event", About: "nothing comes after half of an event",
		steps: []step{raw(begun), send(text[:len(text)/2]), silence}},
	{Name: "late-finish", About: "nothing comes after the last token",
		steps: []step{raw(begun), silence}},
	{Name: "late-done", About: "nothing comes after the finish_reason",
		steps: []step{raw(begun), send(finish), silence}},
	{Name: "late-end", About: "the body does not end after [DONE]",
		steps: []step{raw(begun), send(finish, usage, done), silence}},
	{Name: "late-close", About: "the connection that ends the body stays open",
		steps: []step{raw(untilClose, role, text, finish, usage, done), silence}},
	{Name: "late-answer", About: "the answer comes once the client has gone",
		steps: []step{silence, raw(answer)}},
	{Name: "late-read", About: "the request's body is not read, for a minute", Phase: Head,
		steps: []step{silence}},
	{Name: "late-models", About: "the list of models never comes", Path: modelsPath,
		steps: []step{silence}},
	{Name: "late-metrics", About: "the page of metrics comes a byte each 100 ms",
		Path: metricsPath, steps: []step{raw(textHead), every(tick, chunked("#"))}},
	{Name: "late-tokenize", About: "the tokens of a text never come", Path: tokenizePath,
		steps: []step{raw(jsonHead), silence}},
}

var earlyAttacks = []Attack{
	{Name: "early-accept", About: "an answer comes before any request", Phase: Accept,
		steps: []step{raw(answer), silence}},
	{Name: "early-answer", About: "an answer comes before the request's body was read",
		Phase: Head, Quick: true, steps: []step{raw(answer), drain, settle}},
	{Name: "early-refusal", About: "status 413 and a reset come before the request's body was read",
		Phase: Head, Quick: true, steps: []step{raw(whole("413 Content Too Large",
			"application/json", `{"error":{"message":"too large"}}`, "connection: close")),
			settle, reset}},
	{Name: "early-body", About: "the body comes before the head", Quick: true,
		steps: []step{raw(chunked(role, text, done), head), settle}},
	{Name: "early-two", About: "two answers come to one request", Quick: true,
		steps: []step{raw(answer, answer), keep}},
	{Name: "early-rest", About: "other bytes follow the answer", Quick: true,
		steps: []step{raw(answer, strings.Repeat("rest", 1000)), keep}},
	{Name: "early-done", About: "[DONE] comes before any text", Quick: true,
		steps: []step{raw(head), send(done, role, text, finish), raw(lastChunk), keep}},
	{Name: "early-finish", About: "the finish_reason comes before any text", Quick: true,
		steps: []step{raw(head), send(role, finish, text, text, done), raw(lastChunk), keep}},
	{Name: "early-usage", About: "the usage comes before any text", Quick: true,
		steps: []step{raw(head), send(usage, role, text, finish, done), raw(lastChunk), keep}},
	{Name: "early-101", About: "the connection is switched to another protocol", Quick: true,
		steps: []step{raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n",
			"connection: upgrade\r\n\r\n", answer), settle}},
}

// status is the steps of an answer whose status line is the given one.
func status(line string) []step {
	return []step{raw(strings.Replace(answer, "HTTP/1.1 200 OK", line, 1)), settle}
}

// redirect is the steps of a redirection.
func redirect(status, location string) []step {
	return []step{raw(whole(status, "text/plain", "", "location: "+location)), keep}
}

// elsewhere is another origin, where nothing listens: the port of discard.
const elsewhere = "http://127.0.0.1:9"

var oddAttacks = []Attack{
	{Name: "odd-status-000", About: "the status is 000", Quick: true,
		steps: status("HTTP/1.1 000 Zero")},
	{Name: "odd-status-099", About: "the status is 099", Quick: true,
		steps: status("HTTP/1.1 099 Low")},
	{Name: "odd-status-600", About: "the status is 600", Quick: true,
		steps: status("HTTP/1.1 600 High")},
	{Name: "odd-status-99999", About: "the status is 99999", Quick: true,
		steps: status("HTTP/1.1 99999 Long")},
	{Name: "odd-status-negative", About: "the status is -20", Quick: true,
		steps: status("HTTP/1.1 -20 Negative")},
	{Name: "odd-status-text", About: "the status is a word", Quick: true,
		steps: status("HTTP/1.1 two OK")},
	{Name: "odd-status-none", About: "the status line has no status", Quick: true,
		steps: status("HTTP/1.1")},
	{Name: "odd-204", About: "status 204, which has no body, has one", Quick: true,
		steps: status("HTTP/1.1 204 No Content")},
	{Name: "odd-304", About: "status 304, which has no body, has one", Quick: true,
		steps: status("HTTP/1.1 304 Not Modified")},
	{Name: "odd-http09", About: "the body has no head, as in HTTP/0.9", Quick: true,
		steps: []step{raw(role, text, finish, done), settle}},
	{Name: "odd-http2", About: "the answer is in HTTP/2", Quick: true,
		steps: []step{raw("\x00\x00\x12\x04\x00\x00\x00\x00\x00", strings.Repeat("\x00\x03\x00\x00"+
			"\x00\x64", 3), "\x00\x00\x08\x07\x00\x00\x00\x00\x00", strings.Repeat("\x00", 8)), settle}},
	{Name: "odd-http2-preface", About: "the answer is a client's preface of HTTP/2", Quick: true,
		steps: []step{raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settle}},
	{Name: "odd-http9", About: "the version is HTTP/9.9", Quick: true,
		steps: status("HTTP/9.9 200 OK")},
	{Name: "odd-tls", About: "the answer is an alert of TLS", Quick: true,
		steps: []step{raw("\x15\x03\x01\x00\x02\x02\x46"), settle}},
	{Name: "odd-colon", About: "a field of the head has no colon", Quick: true,
		steps: status("HTTP/1.1 200 OK\r\nfield without colon")},
	{Name: "odd-fold", About: "a field of the head goes on in the next line", Quick: true,
		steps: status("HTTP/1.1 200 OK\r\nx-field: a\r\n b")},
	{Name: "odd-name", About: "a field of the head has control characters", Quick: true,
		steps: status("HTTP/1.1 200 OK\r\nx-\x1b[2Jfield\x00: " + foulBytes)},
	{Name: "odd-redirect", About: "a redirection to another origin", Quick: true,
		steps: redirect("307 Temporary Redirect", elsewhere+"/v1/chat/completions")},
	{Name: "odd-redirect-loop", About: "a redirection to the same place", Quick: true,
		steps: redirect("308 Permanent Redirect", "/v1/chat/completions")},
	{Name: "odd-redirect-text", About: "a redirection to no address, with control characters",
		Quick: true, steps: redirect("302 Found", "http://[::1/\x1b[2J")},
	{Name: "odd-redirect-models", About: "a redirection to another origin", Path: modelsPath,
		Quick: true, steps: redirect("307 Temporary Redirect", elsewhere+modelsPath)},
	{Name: "odd-redirect-metrics", About: "a redirection to another origin", Path: metricsPath,
		Quick: true, steps: redirect("307 Temporary Redirect", elsewhere+metricsPath)},
	{Name: "odd-metrics-loop", About: "a redirection to the same place",
		Path: metricsPath, Quick: true, steps: redirect("302 Found", metricsPath)},
	{Name: "odd-redirect-tokens", About: "a redirection to another origin", Path: tokenizePath,
		Quick: true, steps: redirect("307 Temporary Redirect", elsewhere+tokenizePath)},
	{Name: "odd-gzip", About: "the body is compressed, though nobody asked", Quick: true,
		steps: []step{raw(headOf("200 OK", "text/event-stream", "content-encoding: gzip")),
			made(func() step { return send(zipped(role + text + finish + done)) }),
			raw(lastChunk), keep}},
	{Name: "odd-gzip-bomb", About: "the body is compressed, and without end",
		steps: []step{raw(headOf("200 OK", "text/event-stream", "content-encoding: gzip")),
			made(func() step { return endless(zipped(strings.Repeat(text, 20_000))) })}},
	{Name: "odd-gzip-metrics", About: "the page of metrics is compressed, and without end",
		Path: metricsPath,
		steps: []step{raw(headOf("200 OK", "text/plain", "content-encoding: gzip")),
			made(func() step { return endless(zipped(strings.Repeat("# comment\n", 300_000))) })}},
	{Name: "odd-length-short", About: "the body is longer than the head says", Quick: true,
		steps: []step{raw("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n",
			"content-length: 300\r\n\r\n", role, text, text, finish, done), settle}},
	{Name: "odd-length-long", About: "the body is shorter than the head says", Quick: true,
		steps: []step{raw("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n",
			"content-length: 30000\r\n\r\n", role, text, text), settle}},
	{Name: "odd-length-two", About: "the head has two lengths", Quick: true,
		steps: []step{raw("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n",
			"content-length: 30\r\ncontent-length: 31\r\n\r\n", role, text, finish, done), settle}},
	{Name: "odd-length-chunked", About: "the head has a length and the chunked coding",
		Quick: true, steps: status("HTTP/1.1 200 OK\r\ncontent-length: 5")},
	{Name: "odd-length-negative", About: "the body is said to have -5 bytes", Quick: true,
		steps: []step{raw("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n",
			"content-length: -5\r\n\r\n", role, text, finish, done), settle}},
	{Name: "odd-utf8", About: "a text is not UTF-8", Quick: true,
		steps: answered(choice("{\"content\":\"\xff\xfe\xc0\xaf\xed\xa0\x80\"}", "null"))},
	{Name: "odd-surrogate", About: "a text has half of a pair of surrogates", Quick: true,
		steps: answered(choice(`{"content":"\ud800x\udc00"}`, "null"))},
	{Name: "odd-control", About: "a text has control characters and escape sequences",
		Quick: true, steps: answered(choice(`{"content":"`+foul+`"}`, "null"))},
	{Name: "odd-control-bytes", About: "an event has control characters as bytes", Quick: true,
		steps: answered(choice(`{"content":"`+foulBytes+`"}`, "null"))},
	{Name: "odd-control-error", About: "the error of an event has control characters",
		Quick: true, steps: answered(event(`{"error":{"message":"` + foul + `","type":"` + foul +
			`","code":"` + foul + `"}}`))},
	{Name: "odd-control-status", About: "status line and error object have control characters",
		Quick: true, steps: []step{raw(whole("500 "+foulBytes, "application/json",
			`{"error":{"message":"`+foul+`"}}`)), settle}},
	{Name: "odd-control-page", About: "a status 502 has a page with control characters",
		Quick: true, steps: []step{raw(whole("502 Bad Gateway", "text/html",
			"<html><title>"+foulBytes+"</title>"+foulBytes+"</html>")), keep}},
	{Name: "odd-control-id", About: "ids, model and finish_reason have control characters",
		Quick: true, steps: answered(event(`{"id":"` + foul + `","model":"` + foul +
			`","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"` + foul + `"}]}`))},
	{Name: "odd-control-call", About: "the name of a tool call has control characters",
		Quick: true, steps: answered(choice(`{"tool_calls":[{"index":0,"id":"`+foul+
			`","function":{"name":"`+foul+`","arguments":"`+foul+`"}}]}`, "null"))},
	{Name: "odd-control-models", About: "the model's name has control characters",
		Path: modelsPath, Quick: true, steps: []step{raw(whole("200 OK", "application/json",
			`{"object":"list","data":[{"id":"`+foul+`","owned_by":"`+foul+`"}]}`)), keep}},
	{Name: "odd-control-metrics", About: "the metrics have control characters",
		Path: metricsPath, Quick: true, steps: []step{raw(whole("200 OK",
			"text/plain; version=0.0.4", "vllm:num_requests_running{model_name=\""+foulBytes+
				"\"} 1\n"+foulBytes+" 1\n")), keep}},
	{Name: "odd-nul", About: "the body is NUL bytes", Quick: true,
		steps: []step{raw(head), send(strings.Repeat("\x00", 10_000)), raw(lastChunk), keep}},
	{Name: "odd-types", About: "fields of an event have other types", Quick: true,
		steps: answered(event(`{"id":7,"choices":[{"index":"a","delta":[],"finish_reason":{}}]}`),
			event(`{"choices":{"delta":7}}`), event(`{"choices":[7,null,"a"],"usage":[1]}`),
			event(`[]`), event(`7`), event(`null`), event(`"text"`))},
	{Name: "odd-twice", About: "keys of an event stand twice", Quick: true,
		steps: answered(event(`{"choices":[{"index":0,"delta":{"content":"a","content":"b"},` +
			`"delta":{"content":"c"}}],"choices":[],"usage":{"prompt_tokens":1,"prompt_tokens":2}}`))},
	{Name: "odd-echo", About: "an error repeats the head of the request, with its key",
		Quick: true, steps: []step{echo}},
	{Name: "odd-echo-event", About: "an error event repeats the head of the request",
		Quick: true, steps: []step{raw(begun), echoEvent, raw(lastChunk), keep}},
}

var resetAttacks = []Attack{
	{Name: "reset-accept", About: "before any byte of the request", Phase: Accept, Quick: true,
		steps: []step{reset}},
	{Name: "reset-request", About: "in the request, after its head", Phase: Head, Quick: true,
		steps: []step{reset}},
	{Name: "reset-sent", About: "after the request", Quick: true, steps: []step{reset}},
	{Name: "reset-head", About: "in the head", Quick: true,
		steps: []step{raw(head[:len(head)/2]), settle, reset}},
	{Name: "reset-after-head", About: "after the head", Quick: true,
		steps: []step{raw(head), settle, reset}},
	{Name: "reset-event", About: "in an event", Quick: true,
		steps: []step{raw(begun), send(text[:len(text)/2]), settle, reset}},
	{Name: "reset-between", About: "between two events", Quick: true,
		steps: []step{raw(begun), settle, reset}},
	{Name: "reset-chunk", About: "in the size of a chunk", Quick: true,
		steps: []step{raw(begun, "4"), settle, reset}},
	{Name: "reset-before-done", About: "before [DONE]", Quick: true,
		steps: []step{raw(begun), send(finish, usage), settle, reset}},
	{Name: "reset-after-done", About: "after [DONE], before the body's end", Quick: true,
		steps: []step{raw(begun), send(finish, usage, done), settle, reset}},
	{Name: "reset-after-end", About: "after the whole answer", Quick: true,
		steps: []step{raw(answer), settle, reset}},
}

// toolCall appends an event with one tool call.
func toolCall(b []byte, i int) []byte {
	return append(b, choice(`{"tool_calls":[`+call(i)+`]}`, "null")...)
}

// inOneEvent appends a tool call to a list.
func inOneEvent(b []byte, i int) []byte { return append(append(b, ','), call(i)...) }

// call returns a tool call with an index.
func call(i int) string {
	return `{"index":` + strconv.Itoa(i) + `,"id":"a","function":{"name":"a","arguments":"{}"}}`
}

// echo answers with an error that repeats the head of the request.
func echo(p *player) bool {
	p.keep = p.write([]byte(whole("500 Internal Server Error", "application/json",
		echoed(p.Request.Header))))
	return false
}

// echoEvent is echo as an event.
func echoEvent(p *player) bool {
	return p.write([]byte(chunked(event(echoed(p.Request.Header)))))
}
