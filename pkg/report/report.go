// Package report turns the records of a run into numbers.
//
// A [Collector] takes the records of one run and returns a [Summary]; [Read]
// does so for all runs of a stream. A summary is a struct for JSON, and
// sections for all other formats (package render). Nothing here knows how a run
// is made: a report shows what it read from records.
//
// A new number is a field of one of the summary's structs, set where the struct
// is computed: it is then in JSON, CSV, Markdown and XLSX. A column or a note
// of its section shows it in the full text ([Summary.Full]). Which sections
// there are, and in which order, is one list in sections.go. The short text
// ([Summary.Short]) has a row for what most readers look for: each row is a
// function, and their list is in short.go.
//
// # The table
//
// Text has the table of vLLM's benchmarks/multi_turn: the same rows, columns,
// formulae and number formats. For a turn sent at t0 (just
// before its request's first Write), with the first token at t1 and the
// stream's end at t2:
//
//	latency_ms          t2 - t0
//	tpot_ms             (latency - (t1 - t0)) / (n - f); n tokens in the answer, f in its first chunk
//	ttft_ms             t1 - t0
//	input_num_turns     messages sent
//	input_num_tokens    tokens sent
//	output_num_tokens   n
//	output_num_chunks   chunks with text, except the first one
//
// Percentiles are interpolated (type 7), std is of a sample (n-1), percentile
// columns 99, 99.9 and 99.99 need 100, 1,000 and 10,000 turns. Failed turns and
// warm-up turns are not counted. Differences from the reference:
//
//   - t0 is when the request goes out. There it is before the body is encoded
//     and the connection made, which is the client's time and not the server's.
//   - If the first chunk has several tokens, ttft_ms there is t1 - t0 less
//     (f - 1) * tpot_ms, at least 0.1: see [ReferenceTTFT].
//   - t1 is the first token of any kind, reasoning and tool calls too. There
//     only content counts.
//   - Tokens are the server's own count (usage); the client's tokenizer counts
//     where there is none, or when Options say so, and then the prompt is
//     without its chat template, as there.
//   - f is what the client's tokenizer counts in the first chunk, but no more
//     than the server's count leaves for it when each later chunk has at least
//     one token.
//   - A tpot that does not exist (an answer in one chunk) is left out and
//     counted in a note. There it is 0, in the mean.
//   - runtime_sec is from the first send to the last end. There it is to the
//     end of the request that started last, which is too short when an earlier
//     one ends later.
//   - An answer that was not streamed has its latency for ttft, as there, and
//     no tpot.
//   - No column is ever left out for the width of a terminal.
//
// Given the reference's own measurements (the array of its --stats-json-output)
// none of this applies: every line is the reference's.
//
// # Beyond the table
//
// Blocks after the table say what was planned and what became of it, and what
// the reference does not measure. Turns are counted from 1 there. Unknown numbers
// are "-" in text, null in JSON and empty in CSV: cached tokens that a server does
// not report are not 0.
//
//	chunk_gap_ms    time between the chunks of an answer, as they arrived
//	inter_token_ms  the same, divided by the tokens of a chunk and counted for each token. A chunk
//	                has the answer's tokens after the first chunk / its chunks after the first; up
//	                to 1.05 counts as 1, because a server may count an end token that is in no chunk
//	reuse_*         from the end of a conversation's last answer to its next turn: time, turns of
//	                other conversations sent in between, and the input tokens of those
//	computed        input tokens less cached tokens by usage
//	in flight       requests that were open at once: the mean over the run's time, and the most
//	drain           from the last send to the last end
//	intervals       95 %, of ttft, tpot and latency; see below
//
// Intervals take conversations (at least 8) as independent, not turns. Means
// have Student's t of the conversations' sums, on the logarithmic scale;
// percentiles have order statistics for the effective number of turns (Woodruff
// 1952, Korn and Graubard 1998). If turns may be autocorrelated, the server
// slowed down for a while, an interval is the wider one of that and of
// Student's t of four batches in time ([measure.Series]), of the steady part
// and with the same work. They are of the steady part if the time to the first
// token is another there. Few turns determine no tail: a percentile that needs
// more turns is "-", and its interval has one end, as ">= 70.00" (null in
// JSON).
//
// # The cache
//
// The summary has the hits of the server's KV cache from four sources: a cache
// without limit, a model of a cache of the server's size, the usage of the
// answers, and the server's own counters. The first two replay the requests as
// they were sent and ended (package plan). For each turn, in prompt tokens as the
// server counts them:
//
//	prompt         all of them
//	new            tokens that were not in the conversation's previous turn, prompt or answer
//	possible       hits of a cache without limit: whole blocks that an earlier request used,
//	               without the last token
//	predicted      hits of a cache of the stated size and policies, with running requests pinned.
//	               The size is that of CacheOptions, or what the metrics or the header report
//	usage          hits by the answer's usage
//	counters       hits by the server's counters. They are totals of the run, so only the row of
//	               all turns has them, and only if they cover no other turns (control arms,
//	               failures)
//	hit %          usage / prompt
//	of possible %  usage / possible: the eligible hit rate. "-" if it is above 100 %, because
//	               conversations share beginnings and their texts were not given
//	recompute      ttft_ms if the whole prompt were computed, by the cost model
//
// If usage splits cached tokens by tier, or lower tiers are stated, a second
// table splits hits by tier.
//
// Reuse distance is what happened between a turn and the end of its
// conversation's last answer: seconds, turns of other conversations, and the
// input tokens of those (reuse_* above). Each range has its turns, the share of
// turns up to there, and hit rates.
//
// The cost of the first token is fitted by least squares without outliers
// (measure.Choose), over the turns of all arms that did not queue:
//
//	first token - sent = base + a * computed tokens + sum over lower tiers of b * tokens loaded from it
//
// and further terms if the data have evidence for them: attention (pairs of a
// computed token and one before it), cached (tokens of hits that were not loaded
// from a lower tier), and decoding (requests that were decoding when the turn was
// sent, less their mean number, so the base is that of a turn beside that many).
//
// A turn did not queue if the server reports a short wait before its prefill. If
// the server reports no waits, it must be a turn during whose wait hardly any
// other request waited for its first token ([maxQueueShare]). Outliers are turns
// more than 6 standard errors from what the others let expect; the report names
// them. Intervals are of 95 %, from the fits without one conversation each. From
// the fit follow:
//
//   - the tokens per second of prefill, at the mean context of the fitted turns, and
//     1/b, those of loading from a tier
//   - the bandwidth at which a tier breaks even: prefill's rate in bytes of keys
//     and values
//   - the prefill time that the cache saved: what the same prompts would take
//     without it, less what they took
//   - what each tier is worth ([Worth]): the time to the first token of a turn that
//     its hits save, a less b for each
//
// The fit is rejected, and nothing is derived from it, if there are too few
// turns, if the interval of a includes 0, or if R2 is below [minR2].
//
// In a run with control arms, all numbers are of the measured arm (the first one
// of an A/A run), except work, outcomes, connections, counters and the fit, which
// cover all arms. Rates are over the arm's own time, without the batches of the
// other arm. The effect is over pairs of equal turns of the same conversation: the
// mean of the control's ttft_ms less the measured arm's, and the geometric mean of
// the measured arm's divided by the control's. If arms were played one after the
// other, both intervals are Student's t of pairs of batches (at least 3), because
// the difference includes the server's drift. Otherwise they are Student's t of
// conversations. If the arms played different conversations, turns of the same
// number are compared, and conversations are resampled. A "~" before a difference
// means that the ratio may be 1 (p is 0.05 or more). The p-values of the rows by
// turn are corrected for the number of rows (Holm 1979).
//
// Findings are the conclusions that a reader should know first, with the numbers
// behind them. Each of their thresholds is a constant of this
// package. Unknown numbers give no findings.
package report

import (
	"errors"

	"multiturn/internal/field"
)

// Tokens is whose count of tokens goes first.
type Tokens string

// Sources of token counts. The zero value is Usage.
const (
	Usage     Tokens = "usage"     // the server's, else the tokenizer's
	Tokenizer Tokens = "tokenizer" // the client's tokenizer, as in the reference; else the server's
)

// Options choose what a summary holds. The zero value is the reference's default.
type Options struct {
	// WarmupPercentages are shares of the samples, 0 <= x < 100, to leave out as
	// warm-up, in ascending order. There is a table for each; empty = one of 0.
	WarmupPercentages []float64
	// Verbose adds the row of times between the turns of a conversation.
	Verbose bool
	Tokens  Tokens
	// TTFT is what ttft_ms is everywhere in the summary.
	TTFT TTFT
	// Window is the part of a run that its numbers are of.
	Window Window
	// Goodput is what a turn must meet to count as good. With the zero Limits there
	// is no block about it.
	Goodput Limits
	// Cache is the server's cache as far as it is known beforehand.
	Cache CacheOptions
	// Bootstrap is how intervals are computed.
	Bootstrap Bootstrap
}

// Validate returns everything that is wrong with the options.
func (o *Options) Validate() error {
	var errs field.Errors
	for _, p := range o.WarmupPercentages {
		if !(p >= 0 && p < 100) {
			errs.Addf("WarmupPercentages", "has %v %%, which leaves nothing to measure; "+
				"want 0 or more and less than 100", p)
		}
	}
	switch o.Tokens {
	case "", Usage, Tokenizer:
	default:
		errs.Addf("Tokens", "is %q, want usage or tokenizer", o.Tokens)
	}
	switch o.TTFT {
	case "", RawTTFT, ReferenceTTFT:
	default:
		errs.Addf("TTFT", "is %q, want raw or reference", o.TTFT)
	}
	return errs.Err()
}

// ErrNoSamples is the error of a table of a run without good turns. The rest of
// its summary exists.
var ErrNoSamples = errors.New("no turn went well: there is nothing to measure")
