package openai

import (
	"encoding/json"
	"net/http"
	"time"

	"multiturn/pkg/record"
)

// Result is everything known about one request: the exchange as a record holds
// it, and what is not recorded.
type Result struct {
	record.Exchange

	Text      string // all content
	FirstText string // content of the first event that has any
	Reasoning string // all reasoning
	// ToolCalls are merged by index into an array for the history; nil without any.
	ToolCalls json.RawMessage

	Events     int           // events with data of any kind, [DONE] included
	RetryAfter time.Duration // least pause before another try, as the server asks
	Header     http.Header   // the response headers that Options.KeepHeaders names
}
