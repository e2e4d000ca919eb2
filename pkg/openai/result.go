package openai

import (
	"encoding/json"
	"net/http"
	"time"

	"multiturn/internal/httpclient"
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

// hide makes of the server's texts, as far as records have them, one line each
// without secrets. The text of the answer stays as it is: it is what was measured.
func (r *Result) hide(m httpclient.Mask) {
	r.Error = masked(m, r.Error)
	if text := string(r.ServerTimings); m.Remove(text) != text {
		r.ServerTimings = nil // what is left need not be JSON
	}
	if u := r.Usage; u != nil {
		for tier, n := range u.Tiers {
			if hidden := m.Remove(tier); hidden != tier {
				delete(u.Tiers, tier)
				u.Tiers[hidden] += n
			}
		}
	}
}
