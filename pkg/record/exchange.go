package record

import "encoding/json"

// Exchange is one request and its answer as they were measured: what a client of
// a server fills and a [Turn] holds. Clocks that depend on a token are set by
// events with text only: an event with a role, with usage alone or with an empty
// text sets none of them.
type Exchange struct {
	Outcome Outcome `json:"outcome"`
	Status  int     `json:"status,omitempty" limit:"status"` // HTTP status; 0 if no head arrived
	// Error is one line without secrets; empty if the outcome is a success.
	Error  string `json:"error,omitempty"`
	Finish string `json:"finish,omitempty"` // finish_reason of the first choice

	// Sent is when the request's first byte left, on the connection that answered,
	// and Written when its last byte did, if the kernel stamped them; else just
	// before its first Write, and just after its last.
	Sent    Clock `json:"sent_ms,omitzero"`
	Written Clock `json:"written_ms,omitzero"`
	Headers Clock `json:"headers_ms,omitzero"` // the response's head was complete
	// FirstEvent is the first event of any kind, which is often the role alone.
	FirstEvent Clock `json:"first_event_ms,omitzero"`
	// FirstToken and LastToken are events with content, reasoning or the text of a
	// tool call; FirstAnswer is the first event with content.
	FirstToken  Clock `json:"first_token_ms,omitzero"`
	FirstAnswer Clock `json:"first_answer_ms,omitzero"`
	LastToken   Clock `json:"last_token_ms,omitzero"`
	// End is [DONE], else the end of the body, else the failure.
	End Clock `json:"end_ms,omitzero"`

	// Connection is one of the Connection constants; empty if there was none.
	Connection string `json:"connection,omitempty"`
	// ConnectMS is dialling and the TLS handshake; 0 on a reused connection.
	ConnectMS float64 `json:"connect_ms,omitzero"`
	Stream    bool    `json:"stream"` // the answer came as an event stream

	// Chunks counts events with text: ChunksContent those with content,
	// ChunksReasoning with reasoning, ChunksTool with tool calls.
	Chunks          int `json:"chunks"`
	ChunksContent   int `json:"chunks_content,omitempty"`
	ChunksReasoning int `json:"chunks_reasoning,omitempty"`
	ChunksTool      int `json:"chunks_tool,omitempty"`
	// Reads counts the reads that delivered chunks. Fewer reads than chunks means
	// that some chunks came together.
	Reads int `json:"reads,omitempty"`
	// Merged counts chunks that waited in the socket with a later chunk, so that
	// only the latest time of their arrival is known. Chunks that came in one
	// packet or one HTTP chunk were sent together and are not counted, if the
	// transport can distinguish them.
	Merged int `json:"merged,omitempty"`
	// MergedLate counts those of Merged that came while the client did not run or
	// read late. The others of them were sent together.
	MergedLate int `json:"merged_late,omitempty"`
	// FirstMerged counts those of MergedLate that waited with the first token.
	// FirstToken is then their arrival, and the token's own was about FirstEarlyUS
	// microseconds before it: estimated from the pace of the later chunks, or the
	// time in which the client did not run. Without the kernel's stamps FirstEarlyUS
	// is how late the client may have stamped the token.
	FirstMerged  int   `json:"first_merged,omitempty"`
	FirstEarlyUS int64 `json:"first_early_us,omitzero"`
	// ReadLateUS is the longest time, in microseconds, between the arrival of bytes
	// and the read that returned them.
	ReadLateUS int64 `json:"read_late_us,omitzero"`
	// GapsUS are the times between chunks in microseconds; there are Chunks-1.
	GapsUS Gaps `json:"gaps_us,omitempty"`

	// Usage is nil if the server sent none with numbers that can be true.
	Usage *Usage `json:"usage,omitempty" limit:"-"` // see CheckUsage
	// UsageZeros reports whether the server sent usage, but without a number of
	// prompt tokens above 0.
	UsageZeros bool `json:"usage_zeros,omitempty"`
	// Implausible is the first number of the record that cannot be true, with its
	// field. It is unknown.
	Implausible string `json:"implausible,omitempty"`
	BodyBytes   int64  `json:"body_bytes,omitempty"` // of the request
	// ServerTimings are the server's own times as it sent them: llama.cpp's timings
	// or vLLM's metrics.
	ServerTimings json.RawMessage `json:"server_timings,omitempty"`
}

// Outcome is how a request ended. Status 200 alone is not a success.
type Outcome string

// Outcomes of a request.
const (
	OK            Outcome = "ok"
	OKNoDone      Outcome = "ok_no_done"      // complete, but the stream ended without [DONE]
	Empty         Outcome = "empty"           // a proper end, but no text
	Truncated     Outcome = "truncated"       // the answer ended without a finish_reason
	Aborted       Outcome = "aborted"         // the finish_reason is that of a failure: abort, error
	ErrorInStream Outcome = "error_in_stream" // an error object under status 200
	BadEvent      Outcome = "bad_event"       // not JSON, or not part of an answer
	TooLarge      Outcome = "too_large"       // the answer, or a part of it, is above its limit
	Internal      Outcome = "internal"        // a fault of this program, not of the server
	HTTPStatus    Outcome = "http_status"     // a status other than 200, 201 and 203
	// no connection, or it broke before the response's head
	Connect     Outcome = "connect"
	Timeout     Outcome = "timeout"
	IdleTimeout Outcome = "idle_timeout"
	Cancelled   Outcome = "cancelled"
)

// Outcomes lists all outcomes in the order of a table.
var Outcomes = []Outcome{
	OK, OKNoDone, Empty, Truncated, Aborted, ErrorInStream, BadEvent, TooLarge, Internal,
	HTTPStatus, Connect, Timeout, IdleTimeout, Cancelled,
}

// OK reports whether the request succeeded.
func (o Outcome) OK() bool { return o == OK || o == OKNoDone }

// Values of Exchange.Connection.
const (
	ConnectionNew    = "new"    // dialled for this request
	ConnectionReused = "reused" // from the pool
	// ConnectionRetried is a new connection after the server had closed the one
	// from the pool.
	ConnectionRetried = "retried"
)

// Usage is the server's own count of tokens. Numbers that are absent are unknown,
// which is not 0.
type Usage struct {
	Prompt     int  `json:"prompt"`              // cached tokens included
	Completion int  `json:"completion"`          // reasoning included
	Reasoning  *int `json:"reasoning,omitempty"` // of the completion
	Cached     *int `json:"cached,omitempty"`    // of the prompt
	// CachedField is the response's field that Cached was read from.
	CachedField string `json:"cached_field,omitempty"`
	Created     *int   `json:"created,omitempty"` // tokens written to the cache
	// Tiers splits Cached by where it was found: device, host, disk and others.
	Tiers map[string]int `json:"tiers,omitempty"`
}
