package openai

import (
	"encoding/json"
	"net/http"
	"time"
)

// Outcome says how a request went. Status 200 alone is not success: only OK and OKNoDone are.
type Outcome string

// Outcomes. Their strings are those of the record stream.
const (
	OK            Outcome = "ok"
	OKNoDone      Outcome = "ok_no_done"      // finished, but the stream ended without [DONE]
	Empty         Outcome = "empty"           // a proper end, but no token
	Truncated     Outcome = "truncated"       // the answer ended without a finish_reason
	ErrorInStream Outcome = "error_in_stream" // an error object under status 200, in a stream or instead of one
	BadEvent      Outcome = "bad_event"       // not JSON, or not what an answer holds
	HTTPStatus    Outcome = "http_status"     // a status other than 200
	Connect       Outcome = "connect"         // no connection, or it broke before the response's head was whole
	Timeout       Outcome = "timeout"
	IdleTimeout   Outcome = "idle_timeout"
	Cancelled     Outcome = "cancelled"
)

// OK says whether the answer counts.
func (o Outcome) OK() bool { return o == OK || o == OKNoDone }

// How a request got its connection.
const (
	NewConnection     = "new"     // dialled for this request
	ReusedConnection  = "reused"  // from the pool
	RetriedConnection = "retried" // a pooled one had been closed by the server; sent again on a fresh one
)

// Result is everything known about one request. All clocks are times since Options.Start on the monotonic clock; 0 means
// that the clock never ticked.
type Result struct {
	Outcome Outcome
	Status  int    // HTTP status; 0 when no head arrived
	Error   string // one line, without secrets; empty when Outcome.OK
	Finish  string // finish_reason of the first choice

	Sent        time.Duration // just before the request's first Write, on the connection that answered
	Written     time.Duration // after its last
	Headers     time.Duration // the response's head was whole
	FirstEvent  time.Duration // first event of any kind, the role chunk too
	FirstToken  time.Duration // first event with content, reasoning or tool-call text
	FirstAnswer time.Duration // first event with content
	LastToken   time.Duration // last event with content, reasoning or tool-call text
	End         time.Duration // [DONE], else the end of the body, else the failure

	// Connection is one of the three above; empty when none was had. ConnectTime is what dialling and the TLS handshake
	// took, 0 when reused.
	Connection  string
	ConnectTime time.Duration
	Stream      bool // the answer came as an event stream

	Events          int // data events of any kind, [DONE] included
	Chunks          int // events with text: content, reasoning or tool call
	ChunksContent   int
	ChunksReasoning int
	ChunksTool      int
	Reads           int // reads that delivered one or more of Chunks
	// Merged counts chunks that shared their read with a later one and so may have arrived before it: their clock is only
	// an upper bound. Chunks that came in one packet or one HTTP chunk were sent together and are not counted, where
	// the transport can tell.
	Merged   int
	ReadLate time.Duration // how long after their arrival our code saw the bytes, the worst of the answer
	Gaps     []int64       // microseconds between the arrivals of chunks; Chunks-1 of them

	Text      string          // all content
	FirstText string          // content of the first event that has any
	Reasoning string          // all reasoning
	ToolCalls json.RawMessage // tool calls merged by index, as an array for the history; nil without any

	Usage         *Usage          // nil: the server sent none
	ServerTimings json.RawMessage // llama.cpp's timings or vLLM's metrics, as they came
	BodyBytes     int64           // of the request
	RetryAfter    time.Duration   // what a Retry-After header asked for
	Header        http.Header     // the response headers that Options.KeepHeaders names
}

// Usage is the server's own count of tokens. A nil pointer is unknown, which is not 0.
type Usage struct {
	Prompt     int // cached ones included
	Completion int
	Reasoning  *int
	Cached     *int
	// CachedField is the name of the response field that Cached was read from.
	CachedField string
	Created     *int // tokens newly put into the cache
	// Tiers splits Cached by where it was: device, host, storage, ...
	Tiers map[string]int
}
