package report

import (
	"math"

	"multiturn/pkg/record"
)

// count is a turn's tokens as a summary uses them; -1 is not known.
type count struct {
	input, output int
	newInput      int
	firstChunk    int
	// estimated says that the client's tokenizer counted input and output, not the server.
	estimated bool
}

// countOf picks whose count of tokens goes.
func countOf(t *record.Turn, prefer Tokens) count {
	var (
		c       = t.Counted
		counted = c.Input > 0 || c.Output > 0
		n       = count{input: -1, output: -1, newInput: -1, firstChunk: 1}
	)
	switch {
	case t.Usage != nil && (prefer != Tokenizer || !counted):
		n.input, n.output = t.Usage.Prompt, t.Usage.Completion
	case counted:
		n.input, n.output, n.estimated = c.Input, c.Output, true
	}
	if counted {
		n.newInput = c.NewInput
		// What was counted is the first chunk of content. When reasoning came before it, that was not the first.
		if t.FirstAnswer == t.FirstToken || !t.FirstToken.OK() {
			n.firstChunk = c.FirstChunk
		}
	}
	if t.Usage != nil && !n.estimated {
		// The client's tokenizer may not be the model's, and cuts a text by itself otherwise than a model wrote it. Every
		// later chunk has a token of its own, so the server's count says how many the first can have had at most.
		n.firstChunk = max(1, min(n.firstChunk, n.output-(t.Chunks-1)))
	}
	return n
}

// SampleOf gives the reference's measurement of a turn; false for one that did not go well, or was never sent.
func SampleOf(t *record.Turn, prefer Tokens) (record.Sample, bool) {
	latency, ok := t.End.Since(start(t))
	if !t.Outcome.OK() || !ok {
		return record.Sample{}, false
	}
	var (
		n   = countOf(t, prefer)
		ms  = latency.Seconds() * 1000
		raw = ms
	)
	if first, ok := t.FirstToken.Since(start(t)); ok && t.Stream {
		raw = first.Seconds() * 1000
	}
	// An answer that came at once has no time between its tokens.
	tpot := math.NaN()
	if t.Stream && t.Chunks > 1 && n.output > 1 && n.output > n.firstChunk {
		tpot = (ms - raw) / float64(n.output-n.firstChunk)
	}
	ttft := raw
	if n.firstChunk > 1 {
		if !math.IsNaN(tpot) {
			ttft -= float64(n.firstChunk-1) * tpot
		}
		ttft = max(0.1, ttft)
	}
	cached := 0.0
	if t.Counted.Input > 0 {
		cached = 100 * float64(t.Counted.Input-t.Counted.NewInput) / float64(t.Counted.Input)
	}
	return record.Sample{
		TTFTMS: ttft, TPOTMS: tpot, LatencyMS: ms, StartMS: start(t).MS(),
		InputTurns: t.Messages, InputTokens: max(0, n.input), OutputTokens: max(0, n.output),
		OutputChunks: max(0, t.Chunks-1), FirstChunkTokens: n.firstChunk,
		ApproxCachedPercent: cached, Conversation: t.Conversation, Client: t.Client,
	}, true
}

// start is when the turn's request went out, as far as that was seen.
func start(t *record.Turn) record.Clock {
	if t.Sent.OK() {
		return t.Sent
	}
	return t.Issued
}
