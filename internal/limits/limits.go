// Package limits holds how much is taken from outside: from servers, and from
// files that may hold anything. Every limit stands here once, with its reason.
// docs/security.md lists them all.
package limits

import (
	"fmt"
	"io"
	"os"

	"multiturn/internal/human"
)

// The limits of what a server sends, in bytes unless a unit is given. Each is
// far above what real servers send, and low enough that the memory of a turn
// stays bounded.
const (
	// Head is the longest head of an answer: its status line and its fields,
	// those of informational heads before it included.
	Head = 1 << 20
	// Framing is the longest line of the chunked encoding, and the most of it
	// that is not data: extensions of chunks, and trailers.
	Framing = 16 << 10
	// Line is the longest line, the longest event, and the longest JSON answer.
	Line = 64 << 20
	// Answer is what a measured answer may have, however little was asked for:
	// some 50,000 events of a server that minds no limit.
	Answer = 16 << 20
	// AnswerToken is what it may have more for each token asked for: an event
	// with 20 log probabilities takes a quarter of that.
	AnswerToken = 16 << 10
	// AnswerEcho is what it may have more for each byte of the request: servers
	// repeat instructions, tools and the ids of the prompt in their answers.
	AnswerEcho = 16
	// AnswerText is the text that an answer may have, its reasoning included, however
	// little was asked for: more than models write. A text has to be counted, which
	// takes far longer than to read it.
	AnswerText = 2 << 20
	// AnswerTextToken is what that text may have more for each token asked for: no usual
	// token is longer.
	AnswerTextToken = 128
	// AnswerTokens is the number of tokens that an answer may have if no number
	// was asked for.
	AnswerTokens = 16 << 10
	// AnswerMost is the longest measured answer, whatever was asked for.
	AnswerMost = 1 << 30
	// Message is the most that is read of a server's error: more than any
	// message needs, and less than a page could cost a run.
	Message = 64 << 10
	// Object is the longest object beside an answer that is kept, such as usage
	// and timings: they have some hundred bytes.
	Object = 64 << 10
	// Parts is the largest number of choices, of tool calls, and of parts of a text,
	// in an event and in an answer.
	Parts = 4096
	// Metadata is the longest answer to a question beside the measured requests,
	// such as /v1/models.
	Metadata = 1 << 20
	// TokenID is what the answer of /tokenize may have more for each byte of the text,
	// which is a token at most: the id of one, and what stands between two.
	TokenID = 32
	// TokenText is what the answer of /detokenize may have more for each token: its text.
	// An answer of /tokenize has room for half a million tokens.
	TokenText = 128
	// Metrics is the longest page of a server's metrics.
	Metrics = 16 << 20
	// Series is the most text of such a page about metrics that are read; the
	// others are skipped. Reading it takes up to ten times its size in memory.
	Series = 2 << 20
	// HubFile is the longest file that a hub of models may have for a tokenizer,
	// and the most that is taken of one whose size the hub does not say: the
	// largest known has 35 MB.
	HubFile = 256 << 20
)

// The limits of files that a flag or a variable names and that are read whole,
// in bytes. They may be the wrong ones: a device without end, or something packed.
const (
	// Key is the longest file of a key or a token, in bytes: one has some hundred.
	Key = 64 << 10
	// Settings is the longest file of flags, of a model's config.json or of
	// certificates: the system's own bundle of all authorities has 0.3 MB.
	Settings = 16 << 20
	// Text is the longest text that conversations are made of, uncompressed, and the
	// longest of a generator's configs: it is in memory as a whole.
	Text = 1 << 30
)

// The limits of records, in bytes of a line.
const (
	// Turn is the longest record of a turn: one of 100,000 chunks has 1 MB.
	Turn = 64 << 20
	// Record is the longest record of another kind: a header has some thousand bytes,
	// and a model's config.json may be in it.
	Record = 2 << 20
)

// The limits of what the file of a tokenizer makes of a text. Whoever made the file
// decides it, and no known tokenizer comes near them.
const (
	// Match is the longest time in which a regular expression finds its next match,
	// in nanoseconds, the second time that it tries to: real ones take microseconds,
	// and one that tries every way to match takes years.
	Match = 10e9
	// Backtrack is the most places to go back to that a match may keep, which is its
	// memory: four bytes each.
	Backtrack = 16 << 20
	// Normalized is how many times as long a text may become in normalization: a
	// character becomes at most 18, and a space three bytes.
	Normalized = 64
	// NormalizedMore is how many bytes it may become longer beside that.
	NormalizedMore = 64 << 10
	// AddedToken is the longest added token in bytes, since every place of a text is
	// compared with it: those of real tokenizers have some 50.
	AddedToken = 4 << 10
	// AddedTokens is the most bytes of all added tokens: real ones have some 50,000.
	AddedTokens = 4 << 20
	// Steps is the most normalizers, pre-tokenizers, and decoders of each kind: real
	// tokenizers have up to 12.
	Steps = 256
)

// The limits of what the simulator takes of its clients, in bytes unless a unit
// is given, so that none of them ends it or keeps others out.
const (
	// RequestHead is the longest head of a request: the limit of net/http's server.
	RequestHead = 1 << 20
	// RequestBody is the longest body of a request: far above the text of the
	// longest contexts, about 4 MB for a million tokens.
	RequestBody = 64 << 20
	// RequestBodies is the most bytes of bodies that are being read and parsed at
	// the same time. Further requests are refused: the server is busy.
	RequestBodies = 1 << 30
	// RequestTime is the longest time from the first byte of a request to its last
	// one, in nanoseconds: a minute, since clients send requests at once.
	RequestTime = 60e9
	// Unread is the longest time in which a client takes nothing of what is written
	// to it, in nanoseconds: a minute, after which its connection is closed.
	Unread = 60e9
	// Backlog is the most bytes that wait for clients that read slowly, of all
	// together. A client for which more would wait is dropped.
	Backlog = 1 << 30
	// Connections is the most connections at the same time, and so the most
	// streams. Further ones are closed.
	Connections = 1 << 15
)

// The limits of text that may be of anybody, in bytes unless a unit is given.
const (
	// Depth is how deep brackets of JSON may be nested: far deeper than in real
	// data, and not so deep that reading it overflows the stack.
	Depth = 1000
	// Item is the longest item of a stream of JSON, such as a conversation: far above
	// one of a million tokens, and it stops a stream that is not JSON before it fills
	// the memory.
	Item = 256 << 20
	// TraceLine is the longest line of a trace: room for more than a million ids, a
	// prompt of 500 million tokens.
	TraceLine = 16 << 20
	// Window is the largest window of packed data, which is the memory that unpacking
	// it takes: that of the zstd command.
	Window = 128 << 20
)

// The limits of numbers in answers, metrics, records and traces. A number beyond
// its limit cannot be true: it is unknown, and reports count it.
const (
	// Tokens is the most tokens of a prompt or an answer: the next power of two
	// above 10 million, which is the longest context that any model has.
	Tokens = 1 << 24
	// TokensUnseen is the most tokens of a prompt that are not in the bytes of its
	// request, where a token has at least one: what a server puts before each
	// prompt, and pictures and films of which the request has the address. An hour
	// of film is a million tokens.
	TokensUnseen = 1 << 20
	// Block is the most tokens of a block of a KV cache: servers have blocks of 1 to
	// some thousand tokens.
	Block = 1 << 16
	// Clock is the latest time of a run, and the longest time in a record, in
	// nanoseconds: 104 days. Up to there a float64 has every nanosecond.
	Clock = 1 << 53
	// SampleStart is the latest start of a request in the reference's measurements,
	// in milliseconds: their clock may be that of the calendar, and this is its year
	// 2096.
	SampleStart = 4e12
	// Count is the largest count of anything else, such as turns or blocks: it fits
	// into 32 bits.
	Count = 1<<31 - 1
	// Bytes is the largest number of bytes: 8 PiB. It is exact in a float64.
	Bytes = 1 << 53
	// Metric is the largest value of a metric: more bytes than a server moves in a
	// year, and it fits into 64 bits.
	Metric = 1e18
	// Replicas is the most servers of a run: far more than one client can use.
	Replicas = 1000
)

// PlausiblePrompt reports whether a prompt can have n tokens if its request has
// that many bytes; 0 bytes are unknown.
func PlausiblePrompt(n, bytes int64) bool {
	return n >= 0 && n <= Tokens && (bytes <= 0 || n <= bytes+TokensUnseen)
}

// AnswerBytes returns the longest answer in bytes, by the tokens that were asked
// for, 0 if no number was, and the size of the request.
func AnswerBytes(tokens int, request int64) int64 {
	if tokens <= 0 {
		tokens = AnswerTokens
	}
	tokens = min(tokens, AnswerMost/AnswerToken)
	request = min(request, AnswerMost/AnswerEcho)
	return min(Answer+int64(tokens)*AnswerToken+request*AnswerEcho, AnswerMost)
}

// TextBytes returns the longest text of an answer in bytes, by the tokens that were
// asked for, 0 if no number was.
func TextBytes(tokens int) int64 {
	if tokens <= 0 {
		tokens = AnswerTokens
	}
	return min(AnswerText+int64(min(tokens, AnswerMost))*AnswerTextToken, AnswerMost)
}

// Exceeded is the error of what is larger than its limit.
type Exceeded struct {
	// What is what is too large, such as "the page of metrics".
	What string
	// Limit is its limit: in bytes, or of the Things that are counted.
	Limit int64
	// Things are what is counted, such as "tool calls"; empty for bytes.
	Things string
}

func (e *Exceeded) Error() string {
	if e.Things != "" {
		return fmt.Sprintf("%s has more than %s %s", e.What, human.Thousands(e.Limit), e.Things)
	}
	return fmt.Sprintf("%s is larger than %s", e.What, human.Bytes(e.Limit))
}

// ReadFile is ReadAll of a file.
func ReadFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadAll(f, limit, name)
}

// ReadAll returns the bytes of r. If r has more than limit bytes, it returns the
// first limit bytes and an *Exceeded error.
func ReadAll(r io.Reader, limit int64, what string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(data)) > limit {
		return data[:limit], &Exceeded{What: what, Limit: limit}
	}
	return data, err
}
