package sim

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"multiturn/internal/human"
	"multiturn/pkg/sim/internal/splitmix"
)

// Faults are deviations from a plain, whole stream: the habits of real servers, and what breaks. See the package comment
// for the grammar.
type Faults []Fault

// Fault is one of them.
type Fault struct {
	Name string
	// N is the count, Wait the time and Word the choice that the fault takes, if it takes one.
	N    int
	Wait time.Duration
	Word string
	// Share is how many of the requests have it, above 0 to 1.
	Share float64
}

// argument says what a fault takes behind its equals sign.
type argument struct {
	count bool          // a number
	wait  bool          // a time, behind a slash if there is a number too
	pause time.Duration // the time may be left out and is then this
	words []string      // one of these, behind a slash if there is a number
	about string
	least int
	most  int // 0 = no limit
}

// grammar is every fault there is. Counts of chunks are of those with text, from 0.
var grammar = map[string]argument{
	// connection
	"refuse": {about: "connections are reset before a byte is read; for the server as a whole only"},
	"close":  {about: "the connection is closed after the answer, though keep-alive was promised"},
	"idle":   {wait: true, about: "the connection is closed when it was idle for so long after an answer"},
	"reset":  {count: true, about: "the connection is reset after N chunks; 0: before the head"},
	"cut":    {count: true, about: "the connection is closed after N chunks; 0: before the head"},
	// head
	"status":      {count: true, least: 400, most: 599, about: "an error object with this HTTP status"},
	"retry-after": {count: true, least: 1, about: "a Retry-After header of N seconds on an error status"},
	"headers":     {wait: true, about: "the head comes that much later; what follows keeps its times"},
	"json":        {about: "a whole JSON answer in place of the stream"},
	"html":        {about: "the body of an error status is HTML, as a proxy's"},
	// course
	"stall":      {count: true, wait: true, about: "nothing is sent for TIME before chunk N"},
	"truncate":   {count: true, about: "the stream ends properly after N chunks, without finish_reason and [DONE]"},
	"error":      {count: true, about: "an error object after N chunks, then [DONE], under status 200"},
	"error-text": {count: true, about: "the same, the error being a string"},
	"error-type": {count: true, about: "the same object with the line event: error before it"},
	"bad-json":   {count: true, about: "chunk N is cut in the middle of its JSON"},
	"buffer":     {about: "a proxy holds everything back until the end"},
	// content
	"clip":      {count: true, least: 1, about: "no more than N tokens, finish_reason length, silently"},
	"eos":       {count: true, least: 1, about: "the answer ends by itself with token N, finish_reason stop; 1: no text at all"},
	"role":      {words: []string{"first", "early", "late", "none", "merged", "null", "bare"}, about: "the role chunk is first (with the first token), early (with the head), late (after the first token), none, merged (in the first chunk of text), null (content null) or bare (no content)"},
	"reasoning": {count: true, words: []string{"reasoning", "reasoning_content"}, about: "the first N tokens are reasoning, the last of them its end mark, in the field reasoning or reasoning_content"},
	"tools":     {about: "the answer is a tool call in deltas"},
	"tokens":    {count: true, least: 1, most: 4096, about: "N tokens a chunk"},
	"finish":    {words: []string{"last", "own", "none"}, about: "finish_reason is in the last chunk of text (last), in its own, or nowhere (none)"},
	"usage":     {words: []string{"absent", "null", "zero-omitted", "details-null", "cached-null", "continuous", "forced", "nulls"}, about: "usage is absent, null, without details if nothing was cached (zero-omitted), with details-null or cached-null, in every chunk (continuous), unasked (forced), or null in every chunk before (nulls)"},
	"no-done":   {about: "no [DONE]"},
	"timings":   {words: []string{"vllm", "llamacpp"}, about: "the server's own times: metrics in the usage chunk, or llama.cpp's timings in the last chunk"},
	// several at once
	"like": {words: []string{"llamacpp", "sglang", "llm-d", "ollama"}, about: "the habits of another server, all at once"},
	// bytes
	"comments": {about: "a comment before every event"},
	"ping":     {wait: true, about: "a comment every TIME until the first token"},
	"crlf":     {about: "lines end with CR LF"},
	"cr":       {about: "lines end with CR"},
	"bom":      {about: "a byte order mark at the beginning"},
	"no-space": {about: "no space behind data:"},
	"no-blank": {about: "no empty line behind the last event"},
	"split":    {count: true, least: 1, wait: true, pause: time.Millisecond, about: "events are written N bytes at a time, TIME (1ms) apart"},
}

// habits are the faults that "like" stands for, as captured or documented of these servers.
var habits = map[string]string{
	"llamacpp": "role=null,finish=own,close,timings=llamacpp",
	"sglang":   "finish=own,usage=zero-omitted",
	"llm-d":    "role=bare,finish=own,usage=nulls",
	"ollama":   "role=merged,finish=own,usage=details-null",
}

// FaultNames lists all faults.
func FaultNames() []string {
	names := make([]string, 0, len(grammar))
	for name := range grammar {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// FaultUsage says what a fault does; "" for what is none.
func FaultUsage(name string) string { return grammar[name].about }

// FaultForm is how a fault is written: stall=N/TIME.
func FaultForm(name string) string {
	arg := grammar[name]
	sep := "="
	if arg.count {
		name += "=N"
		sep = "/"
	}
	switch {
	case arg.wait && arg.pause > 0, arg.words != nil && arg.count:
		name += "[" + sep
		if arg.wait {
			name += "TIME"
		} else {
			name += "FIELD"
		}
		name += "]"
	case arg.wait:
		name += sep + "TIME"
	case arg.words != nil:
		name += sep + "WORD"
	}
	return name
}

// ParseFaults reads a list of faults. All that is wrong is reported.
func ParseFaults(s string) (Faults, error) {
	var list Faults
	var errs []error
	for item := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		f, err := parseFault(item)
		if err != nil {
			errs = append(errs, fmt.Errorf("fault %q: %w", item, err))
			continue
		}
		list = append(list, f)
	}
	return list, errors.Join(errs...)
}

func parseFault(item string) (Fault, error) {
	f := Fault{Share: 1}
	rest, share, shared := strings.Cut(item, "@")
	if shared {
		x, err := strconv.ParseFloat(share, 64)
		if err != nil || !(x > 0 && x <= 1) {
			return f, errors.New("the share behind @ must be above 0 and at most 1")
		}
		f.Share = x
	}
	name, value, valued := strings.Cut(rest, "=")
	f.Name = name
	arg, ok := grammar[name]
	if !ok {
		if near := human.Nearest(name, FaultNames()); near != "" {
			return f, fmt.Errorf("there is no such fault; did you mean %s?", near)
		}
		return f, fmt.Errorf("there is no such fault; there are: %s", strings.Join(FaultNames(), ", "))
	}
	takes := arg.count || arg.wait || arg.words != nil
	switch {
	case valued && !takes:
		return f, errors.New("it takes no value")
	case !valued && takes:
		return f, errors.New("it needs a value: " + arg.about)
	case !valued:
		return f, nil
	}
	first, second, both := strings.Cut(value, "/")
	if arg.count {
		n, err := strconv.ParseInt(first, 10, 32)
		if err != nil || int(n) < arg.least || arg.most > 0 && int(n) > arg.most {
			return f, fmt.Errorf("%q is not a number that it takes", first)
		}
		f.N = int(n)
		first = second
		if !arg.wait && arg.words == nil && both {
			return f, fmt.Errorf("nothing may stand behind %d", f.N)
		}
		if !both {
			if arg.wait && arg.pause == 0 {
				return f, errors.New("a time is missing: write N/TIME, 5/250ms")
			}
			f.Wait = arg.pause
			if arg.words != nil {
				f.Word = arg.words[0]
			}
			return f, nil
		}
	} else if both {
		return f, errors.New("only one value is taken")
	}
	switch {
	case arg.wait:
		d, err := time.ParseDuration(first)
		if err != nil || d < 0 || d > 24*time.Hour {
			return f, fmt.Errorf("%q is not a time like 250ms", first)
		}
		f.Wait = d
	case arg.words != nil:
		if !slices.Contains(arg.words, first) {
			return f, fmt.Errorf("%q is none of %s", first, strings.Join(arg.words, ", "))
		}
		f.Word = first
	}
	return f, nil
}

// String is the fault as ParseFaults reads it.
func (f Fault) String() string {
	arg := grammar[f.Name]
	var b strings.Builder
	b.WriteString(f.Name)
	sep := byte('=')
	if arg.count {
		fmt.Fprintf(&b, "=%d", f.N)
		sep = '/'
	}
	switch {
	case arg.wait:
		b.WriteByte(sep)
		b.WriteString(f.Wait.String())
	case arg.words != nil:
		b.WriteByte(sep)
		b.WriteString(f.Word)
	}
	if f.Share != 1 && f.Share != 0 {
		b.WriteByte('@')
		b.WriteString(strconv.FormatFloat(f.Share, 'g', -1, 64))
	}
	return b.String()
}

// String is the list as ParseFaults reads it.
func (l Faults) String() string {
	var b strings.Builder
	for i, f := range l {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(f.String())
	}
	return b.String()
}

// share is how often the fault named strikes.
func (l Faults) share(name string) float64 {
	for _, f := range l {
		if f.Name == name {
			return f.Share
		}
	}
	return 0
}

// quirks are the faults of one request, ready to use. A count of -1 means that the fault is not there.
type quirks struct {
	none bool // all is plain

	close                             bool
	idle                              time.Duration
	reset, cut                        int
	status, retryAfter                int
	headers                           time.Duration
	json, html                        bool
	stallAt                           int
	stall                             time.Duration
	truncate                          int
	errorAt                           int
	errorKind                         string
	badJSON                           int
	buffer                            bool
	clip, eos                         int
	role                              string
	reasoning                         int
	reasoningField                    string
	tools                             bool
	tokens                            int
	finish                            string
	usage, timings                    string
	noDone, comments, noSpace, noLast bool
	ping                              time.Duration
	lineEnd                           string
	bom                               bool
	split                             int
	splitWait                         time.Duration

	names []string
}

// plain is a request without faults. It is shared: nobody changes it.
var plain = func() *quirks { q := newQuirks(); q.none = true; return q }()

func newQuirks() *quirks {
	return &quirks{reset: -1, cut: -1, stallAt: -1, truncate: -1, errorAt: -1, badJSON: -1, clip: -1, eos: -1, retryAfter: -1,
		role: "first", finish: "last", tokens: 1, lineEnd: "\n"}
}

// draw decides which faults a request has: those of the server by their share, and its own, which win.
func draw(server, own Faults, rng *splitmix.Rand) *quirks {
	var q *quirks
	for _, list := range []Faults{server, own} {
		for _, f := range list {
			if f.Share < 1 && !rng.Chance(f.Share) || f.Name == "refuse" {
				continue
			}
			if q == nil {
				q = newQuirks()
			}
			q.take(f)
		}
	}
	if q == nil {
		return plain
	}
	return q
}

func (q *quirks) take(f Fault) {
	q.names = append(q.names, f.Name)
	switch f.Name {
	case "like":
		list, err := ParseFaults(habits[f.Word])
		if err != nil {
			panic("sim: habits: " + err.Error())
		}
		for _, f := range list {
			q.take(f)
		}
	case "timings":
		q.timings = f.Word
	case "close":
		q.close = true
	case "idle":
		q.idle = f.Wait
	case "reset":
		q.reset = f.N
	case "cut":
		q.cut = f.N
	case "status":
		q.status = f.N
	case "retry-after":
		q.retryAfter = f.N
	case "headers":
		q.headers = f.Wait
	case "json":
		q.json = true
	case "html":
		q.html = true
	case "stall":
		q.stallAt, q.stall = f.N, f.Wait
	case "truncate":
		q.truncate = f.N
	case "error", "error-text", "error-type":
		q.errorAt, q.errorKind = f.N, f.Name
	case "bad-json":
		q.badJSON = f.N
	case "buffer":
		q.buffer = true
	case "clip":
		q.clip = f.N
	case "eos":
		q.eos = f.N
	case "role":
		q.role = f.Word
	case "reasoning":
		q.reasoning, q.reasoningField = f.N, f.Word
	case "tools":
		q.tools = true
	case "tokens":
		q.tokens = f.N
	case "finish":
		q.finish = f.Word
	case "usage":
		q.usage = f.Word
	case "no-done":
		q.noDone = true
	case "comments":
		q.comments = true
	case "ping":
		q.ping = f.Wait
	case "crlf":
		q.lineEnd = "\r\n"
	case "cr":
		q.lineEnd = "\r"
	case "bom":
		q.bom = true
	case "no-space":
		q.noSpace = true
	case "no-blank":
		q.noLast = true
	case "split":
		q.split, q.splitWait = f.N, f.Wait
	}
}

// statusError is the error object of the fault status.
func (q *quirks) statusError() *apiError {
	e := &apiError{status: q.status, kind: "InternalServerError", message: "a fault was asked for", retryAfter: q.retryAfter}
	switch q.status {
	case 429:
		e.kind, e.message = "rate_limit_error", "rate limit exceeded"
	case 503:
		e.kind, e.message = "Service Unavailable", errBusy.message
	}
	if q.html {
		e.body = "<html><head><title>" + http.StatusText(q.status) + "</title></head><body><h1>" + http.StatusText(q.status) + "</h1></body></html>\n"
		e.contentType = "text/html"
	}
	return e
}
