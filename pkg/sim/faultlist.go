package sim

import (
	"cmp"
	"maps"
	"time"
)

// fault is what the grammar knows of one fault: the value that it takes, what
// it does, and how it is set. Counts of chunks are of those with text, from 0.
type fault struct {
	count bool          // takes a number
	least int           // the smallest
	most  int           // the largest; 0 = no limit
	wait  bool          // takes a time, after a slash if there is a number too
	pause time.Duration // the time if it is left out; 0 = it must not be
	words []string      // takes one of these, after a slash if there is a number too
	meta  string        // stands for the word in the fault's form; "" = WORD
	whole bool          // a fault of the server, not of a request
	about string
	set   func(q *quirks, f Fault)
}

// value reports whether the fault takes a value.
func (a fault) value() bool { return a.count || a.wait || a.words != nil }

// word is what stands for the word in the fault's form.
func (a fault) word() string { return cmp.Or(a.meta, "WORD") }

// habits are the faults that "like" stands for, as captured from or documented
// for these servers.
var habits = map[string]string{
	"llamacpp": "role=null,finish=own,close,timings=llamacpp,tokenize=content",
	"sglang":   "finish=own,usage=zero-omitted",
	"llm-d":    "role=bare,finish=own,usage=nulls",
	"ollama":   "role=merged,finish=own,usage=details-null",
}

// faultGroup is faults that change the same part of an answer.
type faultGroup struct {
	name, about string
	faults      map[string]fault
}

// faultGroups has every fault. "like" is set by take.
var faultGroups = []faultGroup{
	{"connection", "how connections are taken and ended", map[string]fault{
		"refuse": {whole: true,
			about: "the connection is reset before a byte is read; only for the whole server",
		},
		"loading": {wait: true, whole: true,
			about: "every request gets status 503, Loading model, until TIME after the start, as from " +
				"llama.cpp; only for the whole server",
		},
		"close": {
			about: "the connection is closed after the answer, although keep-alive was promised",
			set:   func(q *quirks, _ Fault) { q.close = true },
		},
		"idle": {wait: true,
			about: "the connection is closed after an idle TIME behind an answer",
			set:   func(q *quirks, f Fault) { q.idle = f.Wait },
		},
		"reset": {count: true,
			about: "the connection is reset after N chunks; 0: before the head",
			set:   func(q *quirks, f Fault) { q.reset = f.N },
		},
		"cut": {count: true,
			about: "the connection is closed after N chunks; 0: before the head",
			set:   func(q *quirks, f Fault) { q.cut = f.N },
		},
	}},
	{"beside", "what is asked beside the answers", map[string]fault{
		"tokenize": {words: []string{"content", "none"}, whole: true,
			about: "/tokenize takes a text in the field content and no messages, as llama.cpp's " +
				"(content), or is missing (none); only for the whole server",
			set: func(q *quirks, f Fault) { q.tokenize = f.Word },
		},
	}},
	{"head", "the head of an answer, or an answer that is none", map[string]fault{
		"status": {count: true, least: 400, most: 599,
			about: "the answer is an error object with HTTP status N",
			set:   func(q *quirks, f Fault) { q.status = f.N },
		},
		"unsupported": {
			words: []string{
				"max_tokens", "stream_options", "min_tokens", "ignore_eos", "temperature", "seed",
				"stream",
			},
			about: "a request with the field WORD gets status 400, as from a server that does not know " +
				"it; may be repeated",
			set: func(q *quirks, f Fault) { q.unsupported = append(q.unsupported, f.Word) },
		},
		"retry-after": {count: true, least: 1,
			about: "an error status has a Retry-After header of N seconds",
			set:   func(q *quirks, f Fault) { q.retryAfter = f.N },
		},
		"headers": {wait: true,
			about: "the head is late by TIME; the chunks keep their times",
			set:   func(q *quirks, f Fault) { q.headers = f.Wait },
		},
		"json": {
			about: "the answer is one JSON object instead of a stream",
			set:   func(q *quirks, _ Fault) { q.json = true },
		},
		"type": {words: []string{"none", "text", "json", "stream"},
			about: "the Content-Type is missing, text/plain, application/json or text/event-stream, " +
				"whatever the body is",
			set: func(q *quirks, f Fault) { q.contentType = f.Word },
		},
		"chunked": {words: []string{"twice", "list"},
			about: "the head names the chunked coding twice, in two lines or in a list, " +
				"though the body is chunked once",
			set: func(q *quirks, f Fault) { q.coding = f.Word },
		},
		"html": {
			about: "the body of an error status is HTML, like a proxy's",
			set:   func(q *quirks, _ Fault) { q.html = true },
		},
		"strict": {
			about: "status 400 for a history with an assistant's message that says nothing, " +
				"with tool calls that nothing answers, or with a tool's message without a call",
			set: func(q *quirks, _ Fault) { q.strict = true },
		},
	}},
	{"course", "when events come, and where they end", map[string]fault{
		"stall": {count: true, wait: true,
			about: "nothing is sent for TIME before chunk N",
			set:   func(q *quirks, f Fault) { q.stallAt, q.stall = f.N, f.Wait },
		},
		"truncate": {count: true,
			about: "the stream ends cleanly after N chunks, without finish_reason and [DONE]",
			set:   func(q *quirks, f Fault) { q.truncate = f.N },
		},
		"error": {count: true,
			about: "an error object follows N chunks, then [DONE], with status 200",
			set:   func(q *quirks, f Fault) { q.errorAt, q.errorKind = f.N, f.Name },
		},
		"error-text": {count: true,
			about: "like error, but the error is a string",
			set:   func(q *quirks, f Fault) { q.errorAt, q.errorKind = f.N, f.Name },
		},
		"error-type": {count: true,
			about: "like error, with the line event: error before the object",
			set:   func(q *quirks, f Fault) { q.errorAt, q.errorKind = f.N, f.Name },
		},
		"bad-json": {count: true,
			about: "chunk N is cut off in the middle of its JSON",
			set:   func(q *quirks, f Fault) { q.badJSON = f.N },
		},
		"buffer": {
			about: "everything is held back until the end, as by a buffering proxy",
			set:   func(q *quirks, _ Fault) { q.buffer = true },
		},
	}},
	{"content", "what events have", map[string]fault{
		"clip": {count: true, least: 1,
			about: "the answer is cut silently at N tokens, with finish_reason length",
			set:   func(q *quirks, f Fault) { q.clip = f.N },
		},
		"eos": {count: true, least: 1,
			about: "the answer ends by itself at token N, with finish_reason stop; 1: no text at all",
			set:   func(q *quirks, f Fault) { q.eos = f.N },
		},
		"abort": {count: true, least: 1, words: []string{"abort", "error", "cancelled"},
			about: "the server gives the answer up after N tokens, with that finish_reason",
			set:   func(q *quirks, f Fault) { q.abort, q.abortReason = f.N, f.Word },
		},
		"role": {words: []string{"first", "early", "late", "none", "merged", "null", "bare"},
			about: "the role chunk comes with the first token (first), with the head (early), " +
				"after the first token (late), not at all (none), or merged into the first text " +
				"chunk (merged); or its content is null (null) or missing (bare)",
			set: func(q *quirks, f Fault) { q.role = f.Word },
		},
		"reasoning": {count: true, words: reasoningWords,
			about: "the first N tokens are reasoning, the last of them its end mark, in that field " +
				"(reasoning, reasoning_content, reasoning_details, thinking, thinking_blocks), or in " +
				"the content: in <think> tags (tagged), or with the closing one alone (open)",
			set: func(q *quirks, f Fault) { q.reasoning, q.reasoningField = f.N, f.Word },
		},
		"tools": {
			about: "the answer is a tool call in deltas",
			set:   func(q *quirks, _ Fault) { q.tools = true },
		},
		"tokens": {count: true, least: 1, most: 4096,
			about: "each chunk has N tokens",
			set:   func(q *quirks, f Fault) { q.tokens = f.N },
		},
		"finish": {words: []string{"last", "own", "none", "blank"},
			about: "finish_reason is in the last text chunk (last), in a chunk of its own (own), " +
				"or missing (none); or it is an empty string where others have null (blank)",
			set: func(q *quirks, f Fault) {
				if q.finish = f.Word; f.Word == "blank" {
					q.finish, q.unfinished = "last", `""`
				}
			},
		},
		"usage": {
			words: []string{
				"absent", "null", "zero-omitted", "details-null", "cached-null", "continuous",
				"forced", "nulls", "choice", "groq", "zeros", "zeros-last", "empty", "uncached",
			},
			about: "usage is absent, null, without details if nothing was cached (zero-omitted), " +
				"with details or cached_tokens null (details-null, cached-null), in every chunk " +
				"(continuous), sent unasked (forced), null in every earlier chunk (nulls), " +
				"in the first choice (choice), in the object x_groq (groq), all zeros (zeros), " +
				"followed by one of zeros (zeros-last), an empty object (empty), or without the " +
				"prompt tokens that were cached (uncached)",
			set: func(q *quirks, f Fault) { q.usage = f.Word },
		},
		"no-done": {
			about: "there is no [DONE]",
			set:   func(q *quirks, _ Fault) { q.noDone = true },
		},
		"timings": {words: []string{"vllm", "llamacpp"},
			about: "the server reports its own times: metrics in the usage chunk (vllm), " +
				"or timings in the last chunk (llamacpp)",
			set: func(q *quirks, f Fault) { q.timings = f.Word },
		},
	}},
	{"together", "several at once", map[string]fault{
		"like": {words: []string{"llamacpp", "sglang", "llm-d", "ollama"},
			about: "all the habits of another server",
		},
	}},
	{"bytes", "how events are written", map[string]fault{
		"comments": {
			about: "a comment precedes every event",
			set:   func(q *quirks, _ Fault) { q.comments = true },
		},
		"blank-data": {
			about: "an event with blank data precedes every event",
			set:   func(q *quirks, _ Fault) { q.blankData = true },
		},
		"events": {
			about: "events of other types, a ping and a tool's progress, precede every event",
			set:   func(q *quirks, _ Fault) { q.events = true },
		},
		"ping": {wait: true,
			about: "a comment is sent every TIME until the first token",
			set:   func(q *quirks, f Fault) { q.ping = f.Wait },
		},
		"crlf": {
			about: "lines end in CR LF",
			set:   func(q *quirks, _ Fault) { q.lineEnd = "\r\n" },
		},
		"cr": {
			about: "lines end in CR",
			set:   func(q *quirks, _ Fault) { q.lineEnd = "\r" },
		},
		"bom": {
			about: "the stream begins with a byte order mark",
			set:   func(q *quirks, _ Fault) { q.bom = true },
		},
		"no-space": {
			about: "there is no space after data:",
			set:   func(q *quirks, _ Fault) { q.noSpace = true },
		},
		"no-blank": {
			about: "there is no empty line after the last event",
			set:   func(q *quirks, _ Fault) { q.noLast = true },
		},
		"split": {count: true, least: 1, wait: true, pause: time.Millisecond,
			about: "events are written N bytes at a time, TIME (1ms) apart",
			set:   func(q *quirks, f Fault) { q.split, q.splitWait = f.N, f.Wait },
		},
	}},
	{"hostile", "attacks on the client; NAME is one of those below, or a group of them",
		map[string]fault{
			hostileFault: {words: hostileWords(), meta: "NAME",
				about: "instead of an answer the client gets an attack"},
		}},
}

// grammar is the faults of all groups by name.
var grammar = func() map[string]fault {
	all := map[string]fault{}
	for _, g := range faultGroups {
		maps.Copy(all, g.faults)
	}
	return all
}()
