// Package report turns the records of a run into numbers.
//
// A [Collector] takes the records of one run and returns a [Summary]; [Read]
// does so for all runs of a stream. A summary is a struct for JSON, and
// sections for all other formats (package render). Nothing here knows how a run
// is made: what a report shows, it read from records.
//
// A new number is a field of one of the summary's structs, set where the struct
// is computed: it is then in JSON, CSV, Markdown and XLSX. A column or a note
// of its section shows it in text. Which sections there are, and in which
// order, is one list in sections.go.
//
// # The table
//
// After the findings, text has the table of vLLM's benchmarks/multi_turn: the
// same rows, columns, formulae and number formats. Of a turn sent at t0 (just
// before its request's first Write), with the first token at t1 and the
// stream's end at t2:
//
//	latency_ms          t2 - t0
//	tpot_ms             (latency - (t1 - t0)) / (n - f); n tokens in the answer, f of them in its first chunk
//	ttft_ms             t1 - t0, less (f - 1) * tpot when the first chunk held more than one token; at least 0.1
//	input_num_turns     messages sent
//	input_num_tokens    tokens sent
//	output_num_tokens   n
//	output_num_chunks   chunks with text but for the first one
//
// Percentiles are interpolated (type 7), std is of a sample (n-1), percentile
// columns 99, 99.9 and 99.99 come with 100, 1,000 and 10,000 turns. Only turns
// that went well and were no warm-up are counted. What is not as in the
// reference:
//
//   - t0 is when the request goes out. There it is before the body is encoded
//     and the connection made, which is the client's time and not the server's.
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
// the reference does not measure. Turns are counted from 1 there. A number that
// does not exist or is not known is "-" in text, null in JSON and empty in CSV:
// cached tokens that a server does not report are not 0.
//
//	chunk_gap_ms      time between chunks of an answer, as they came
//	inter_token_ms    the same, each divided over the tokens of a chunk: the answer's tokens after the first chunk by
//	                  its chunks after the first; counted for each token (answers that have within 5 % as many chunks
//	                  as tokens count as one token a chunk: a server may count an end token that is not in any chunk)
//	reuse_*           from the end of a conversation's last answer to its next turn: time, other conversations' turns
//	                  sent in between, and the input tokens of those
//	uncached          input tokens less those that the server says it had in its cache
//	in flight         requests that were open at once, averaged over the run's time; and the most
//	drain             from the last send to the last end
//	intervals         95 %, from resampling whole conversations (at least 8), since turns of one are not independent
//
// # The cache
//
// What the server's KV cache did is told four times: by a cache without limit,
// by a model of a cache of the server's size, by the usage of the answers, and
// by the server's own counters. The first two replay the requests as they were
// sent and ended (package plan). Of a turn, in tokens of its prompt as the
// server counts them:
//
//	prompt            all of them
//	new               those that are not of the conversation's turn before, its prompt or its answer
//	ideal             whole blocks that any request before it had used, the last token left out: what could be cached
//	predicted         what a cache of the stated size and policies would have hit, with running requests pinned. The size
//	                  is given by CacheOptions, or it is what the server says (its metrics, or the run's header)
//	usage             what the answer's usage says was cached
//	counters          what the server's counters say, over the whole run. They do not tell turns apart, so there is one
//	                  number; and none where they also count other turns than the table: control arms, failures
//	hit %             usage by prompt
//	of ideal %        usage by ideal: the eligible hit rate. "-" where it would be above 100 % because conversations share
//	                  beginnings and their texts were not given: ideal cannot know it then
//	recompute         ttft_ms that the cost model gives to computing the whole prompt
//
// Where usage tells which tier tokens came from, and where lower tiers are
// stated, a second table splits by tier.
//
// Reuse distance is what lay between a turn and the end of its conversation's
// last answer: seconds, turns of others, and the input tokens of those (reuse_*
// above). For ranges of it: turns, the share of turns up to there, and hit
// rates.
//
// The cost of the first token is fitted by least squares, over turns of all
// arms that the server did not hold up:
//
//	first token - sent = base + a * computed tokens + sum over lower tiers of b * tokens loaded from it
//
// A turn was not held up when the server says that it waited little before its
// prefill, or else when hardly any other request waited for its first token at
// the same time ([maxQueueShare]). Tokens that were found on the GPU cost
// nothing. Intervals are of 95 % (measure.Regress). From it follow 1/a, the
// tokens per second of prefill, and 1/b, those of a tier; the bandwidth at
// which a tier breaks even, which is prefill's rate in bytes of keys and
// values; and the prefill time that the cache saved: a for each token cached,
// less b for each that was loaded. It is called unfit, and nothing follows,
// with too few turns, when a may be 0, or when it explains too little
// ([minR2]).
//
// In a run with control arms all numbers are of the measured arm (the first one
// of an A/A run), but for work, outcomes, throughput, connections, counters and
// the fit, which are of all. The effect is ttft_ms of the control less that of
// the measured arm, over pairs of equal turns of the same conversation. Its
// interval comes from the pairs of batches, by Student's t (at least 3), where
// arms were played one after the other, since the server's drift is in the
// difference then; else from resampling conversations. Where arms played
// different conversations, turns of one number are compared with turns of the
// same number. "~" stands before a difference whose interval holds 0.
//
// Findings, first of all in text, say in words what of all this a reader should
// know first; each has its numbers, and each of its thresholds is a constant of
// this package. No finding is made of what is not known.
package report

import (
	"errors"

	"multiturn/internal/field"
	"multiturn/pkg/measure"
)

// Tokens says whose count of tokens goes before.
type Tokens string

// Sources of token counts. The zero value is Usage.
const (
	Usage     Tokens = "usage"     // the server's, else the tokenizer's
	Tokenizer Tokens = "tokenizer" // the client's tokenizer, as in the reference; else the server's
)

// Options say what a summary holds. The zero value is the reference's default.
type Options struct {
	// WarmupPercentages are parts of the samples, 0 <= x < 100, to leave out as
	// warm-up: one table for each, in ascending order. None is the same as one
	// of 0.
	WarmupPercentages []float64
	// Verbose adds the row of times between the turns of a conversation.
	Verbose bool
	Tokens  Tokens
	// Goodput is what a turn must meet to count as good; the zero Limits ask
	// for nothing and make no block.
	Goodput Limits
	// Cache is the server's cache as far as it is known beforehand.
	Cache CacheOptions
	// Bootstrap is how intervals are made.
	Bootstrap measure.Bootstrap
}

// Validate says what is wrong with the options.
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
	return errs.Err()
}

// ErrNoSamples is what a run without a single good turn gives in place of a
// table; the rest of its summary exists.
var ErrNoSamples = errors.New("no turn went well: there is nothing to measure")
