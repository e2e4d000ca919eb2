package report

import (
	"math"
	"strings"

	"github.com/tidwall/gjson"

	"multiturn/internal/compact"
	"multiturn/pkg/record"
)

// turn is what a summary needs of a record.Turn, in about 150 bytes, since all
// turns of a run are kept. What follows from it is a method.
type turn struct {
	*talk   // conversation and arm
	*ending // outcome, connection, verify, replica
	*rare   // what few turns have

	// sent is when the request went out, as far as that was seen.
	scheduled, sent, headers, firstToken, firstAnswer, lastToken, end record.Clock

	index, client, messages, batch  int32
	asked                           int32 // max_tokens
	chunks, reads, readLateUS       int32
	sendUS                          int32 // written - sent
	prompt, completion              int32 // of usage
	cached                          int32 // of usage; -1 is unknown
	counted, countedNew, countedOut int32 // input, new input and output by the client's tokenizer
	countedFirst                    int32 // the first chunk by the client's tokenizer

	usage     bool // the server sent one with prompt tokens; see usageZeros
	tokenizer bool // its count goes before usage
	reference bool // ttft_ms is ReferenceTTFT
	warmup    bool
	streamed  bool
	good      bool // went well and is no warm-up
	outside   bool // of the window
	measured  bool // good, in the window, and of the arm that is measured
}

// talk is a conversation in one arm. Its turns share one.
type talk struct{ conversation, arm string }

// ending is where a turn went, how it ended, and what stands in the history for its
// answer. All turns that ended alike share one.
type ending struct {
	outcome            record.Outcome
	connection, verify string
	history            string
	replica            int // from 1; 0 is the only one
}

// rare is what most turns do not have. All that have nothing of it share one.
type rare struct {
	queueMS             float64 // see queueMS
	connectMS           float64
	tiers               map[string]int // of usage
	retriedMS           int32          // see retried
	reasoning           int32          // of usage; -1 is unknown
	reasoningChunks     int32
	merged              int32
	mergedLate, earlyUS int32 // see record.Exchange
}

// nothingRare is what a turn without any of it has.
var nothingRare = &rare{queueMS: math.NaN(), retriedMS: -1, reasoning: -1}

// rareOf returns what a turn has of it, which went out at sent.
func rareOf(t *record.Turn, sent record.Clock) *rare {
	r := *nothingRare
	r.queueMS, r.connectMS = queueMS(t), t.ConnectMS
	r.reasoningChunks, r.merged = int32(t.ChunksReasoning), int32(t.Merged)
	r.mergedLate, r.earlyUS = int32(t.MergedLate), compact.Narrow(t.FirstEarlyUS)
	if t.Attempts > 1 {
		r.retriedMS = 0
		if d, ok := sent.Since(t.FirstIssued); ok {
			r.retriedMS = compact.Narrow(d.Milliseconds())
		}
	}
	if u := t.Usage; hasNumbers(t) {
		r.tiers = u.Tiers
		if u.Reasoning != nil {
			r.reasoning = int32(*u.Reasoning)
		}
	}
	if r.isNothing() {
		return nothingRare
	}
	return &r
}

// isNothing reports whether r is what a turn without any of it has.
func (r *rare) isNothing() bool {
	return math.IsNaN(r.queueMS) && r.connectMS == 0 && r.tiers == nil && r.retriedMS == -1 &&
		r.reasoning == -1 && r.reasoningChunks == 0 && r.merged == 0 && r.mergedLate == 0 &&
		r.earlyUS == 0
}

// hasNumbers reports whether the server sent usage with prompt tokens. Records before
// 1.3 have a usage of zeros as it was sent.
func hasNumbers(t *record.Turn) bool {
	return !t.UsageZeros && t.Usage != nil && t.Usage.Prompt > 0
}

// reduce returns what is kept of a turn.
func (c *Collector) reduce(t *record.Turn) turn {
	k := turn{
		talk: c.talks.Share(talk{t.Conversation, t.Arm}),
		ending: c.endings.Share(ending{t.Outcome, t.Connection, t.Verify, t.History,
			t.Replica}),
		scheduled: t.Scheduled, sent: start(t), headers: t.Headers,
		firstToken: t.FirstToken, firstAnswer: t.FirstAnswer, lastToken: t.LastToken,
		end:   t.End,
		rare:  rareOf(t, start(t)),
		index: int32(t.Turn), client: int32(t.Client), messages: int32(t.Messages),
		batch:  int32(t.Batch),
		asked:  int32(t.MaxTokens),
		chunks: int32(t.Chunks), reads: int32(t.Reads), readLateUS: compact.Narrow(t.ReadLateUS),
		cached:  -1,
		counted: int32(t.Counted.Input), countedNew: int32(t.Counted.NewInput),
		countedOut: int32(t.Counted.Output), countedFirst: int32(t.Counted.FirstChunk),
		tokenizer: c.o.Tokens == Tokenizer, reference: c.o.TTFT == ReferenceTTFT, warmup: t.Warmup, streamed: t.Stream,
	}
	if d, ok := t.Written.Since(t.Sent); ok {
		k.sendUS = compact.Narrow(d.Microseconds())
	}
	switch u := t.Usage; {
	case hasNumbers(t):
		k.usage, k.prompt, k.completion = true, int32(u.Prompt), int32(u.Completion)
		if u.Cached != nil {
			k.cached = int32(*u.Cached)
		}
	case t.UsageZeros || u != nil:
		k.prompt = withoutNumbers
	case t.Implausible != "":
		k.prompt = untrue
	}
	_, sent := k.end.Since(k.sent)
	k.good = t.Outcome.OK() && sent && !t.Warmup
	return k
}

// Values of turn.prompt without usage.
const (
	withoutNumbers = -1 // the server sent usage without prompt tokens
	untrue         = -2 // numbers of the record cannot be true
)

// usageZeros reports whether the server sent usage without prompt tokens.
func (t *turn) usageZeros() bool { return !t.usage && t.prompt == withoutNumbers }

// start is when the turn's request went out, as far as that was seen.
func start(t *record.Turn) record.Clock {
	if t.Sent.OK() {
		return t.Sent
	}
	return t.Issued
}

// begun is when the turn's first attempt went out: the server had it as load from
// then on, though its times are of the last attempt.
func (t *turn) begun() record.Clock {
	return max(1, t.sent-record.Clock(max(0, t.retriedMS))*1e6)
}

// retried reports whether the turn was sent more than once. retriedMS is then the
// time from its first attempt to the last, 0 if that is unknown; else it is -1.
func (t *turn) retried() bool { return t.retriedMS >= 0 }

// queueMS returns the time from a turn's sending to the start of its prefill as
// the server reports it, NaN if it does not: vLLM reports that time, llama.cpp
// how long the prefill took.
func queueMS(t *record.Turn) float64 {
	if len(t.ServerTimings) == 0 {
		return math.NaN()
	}
	if q := gjson.GetBytes(t.ServerTimings, "queue_time_ms"); q.Type == gjson.Number {
		return q.Num
	}
	if p := gjson.GetBytes(t.ServerTimings, "prompt_ms"); p.Type == gjson.Number {
		if first := since(t.FirstToken, start(t)); !math.IsNaN(first) {
			return max(0, first-p.Num)
		}
	}
	return math.NaN()
}

// since is the time from one clock to another in ms, NaN if one was not set.
func since(at, from record.Clock) float64 {
	d, ok := at.Since(from)
	if !ok {
		return math.NaN()
	}
	return d.Seconds() * 1000
}

// reasoned reports whether something came before the answer's first content.
func (t *turn) reasoned() bool { return t.firstAnswer != t.firstToken }

// count is a turn's tokens as a summary uses them; -1 is unknown.
type count struct {
	input, output int
	firstChunk    int
	// estimated means that the client's tokenizer counted input and output.
	estimated bool
}

// count returns the tokens by whose count goes first.
func (t *turn) count() count {
	var (
		counted = t.counted > 0 || t.countedOut > 0
		n       = count{input: -1, output: -1, firstChunk: 1}
	)
	switch {
	case t.usage && (!t.tokenizer || !counted):
		n.input, n.output = int(t.prompt), int(t.completion)
		if n.output <= 0 && t.chunks > 0 { // the server left it out
			n.output = -1
			if counted {
				n.output, n.estimated = int(t.countedOut), true
			}
		}
	case counted:
		n.input, n.output, n.estimated = int(t.counted), int(t.countedOut), true
	}
	// What was counted is the first chunk of content. When reasoning came before
	// it, that was not the first.
	if counted && (!t.reasoned() || !t.firstToken.OK()) {
		n.firstChunk = int(t.countedFirst)
	}
	if t.usage && !n.estimated {
		// The client's tokenizer may not be the model's, and cuts a text by
		// itself otherwise than a model wrote it. Every later chunk has a token
		// of its own, so the server's count limits what the first can have had.
		n.firstChunk = max(1, min(n.firstChunk, n.output-(int(t.chunks)-1)))
	}
	return n
}

// sample returns the measurement of a good turn.
func (t *turn) sample() record.Sample {
	s := t.rawSample()
	if t.reference {
		s.TTFTMS = referenceTTFT(&s)
	}
	return s
}

// rawSample returns the measurement of a good turn with RawTTFT.
func (t *turn) rawSample() record.Sample {
	var (
		n   = t.count()
		ms  = since(t.end, t.sent)
		raw = ms
	)
	if first := since(t.firstToken, t.sent); t.streamed && !math.IsNaN(first) {
		raw = first
	}
	// An answer that came at once has no time between its tokens.
	tpot := math.NaN()
	if t.streamed && t.chunks > 1 && n.output > 1 && n.output > n.firstChunk {
		tpot = (ms - raw) / float64(n.output-n.firstChunk)
	}
	cached := 0.0
	if t.counted > 0 {
		cached = 100 * float64(t.counted-t.countedNew) / float64(t.counted)
	}
	return record.Sample{
		TTFTMS: raw, TPOTMS: tpot, LatencyMS: ms, StartMS: t.sent.MS(),
		InputTurns: int(t.messages), InputTokens: max(0, n.input), OutputTokens: max(0, n.output),
		OutputChunks: int(max(0, t.chunks-1)), FirstChunkTokens: n.firstChunk,
		ApproxCachedPercent: cached, Conversation: t.conversation, Client: int(t.client),
	}
}

// planned is a record.Turn that is filled anew for each turn, so that a plan
// of a million turns does not hold a record for each.
type planned struct {
	record.Turn
	usage     record.Usage
	reasoning int
}

// of returns as much of a turn's record as a plan needs. It is overwritten by the
// next call.
func (p *planned) of(t *turn) *record.Turn {
	p.Turn = record.Turn{
		Conversation: t.conversation, Turn: int(t.index), Messages: int(t.messages), Warmup: t.warmup,
		Arm: t.arm, History: t.history, Replica: t.replica,
		Exchange: record.Exchange{
			Outcome: t.outcome, Chunks: int(t.chunks), ChunksReasoning: int(t.reasoningChunks),
			Sent: t.sent, FirstToken: t.firstToken, LastToken: t.lastToken, End: t.end,
		},
	}
	p.Counted = record.Counted{
		Input: int(t.counted), NewInput: int(t.countedNew), Output: int(t.countedOut),
		FirstChunk: int(t.countedFirst),
	}
	if t.usage {
		p.usage = record.Usage{Prompt: int(t.prompt), Completion: int(t.completion)}
		if t.reasoning >= 0 {
			p.reasoning = int(t.reasoning)
			p.usage.Reasoning = &p.reasoning
		}
		p.Usage = &p.usage
	}
	return &p.Turn
}

// failure is a way to fail: an outcome and the first words of its error.
type failure struct {
	outcome record.Outcome
	status  int
	text    string
}

// firstWords is the first line of an error, cut to what fits a line of a report.
func firstWords(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	const most = 93
	return clipped(s, most)
}
