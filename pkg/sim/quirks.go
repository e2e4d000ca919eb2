package sim

import (
	"net/http"
	"time"

	"multiturn/pkg/sim/internal/splitmix"
)

// quirks are the faults of one request, ready to use. A count of -1 means that
// the request does not have the fault.
type quirks struct {
	none bool // no fault at all

	close                             bool
	idle                              time.Duration
	reset, cut                        int
	status, retryAfter                int
	unsupported                       []string // fields of the body
	headers                           time.Duration
	json, html, strict                bool
	contentType, coding               string
	stallAt                           int
	stall                             time.Duration
	truncate                          int
	errorAt                           int
	errorKind                         string
	badJSON                           int
	buffer                            bool
	clip, eos, abort                  int
	abortReason                       string
	role                              string
	reasoning                         int
	reasoningField                    string
	tools                             bool
	tokens                            int
	finish                            string
	unfinished                        string // finish_reason before the last chunk, as JSON
	usage, timings                    string
	noDone, comments, noSpace, noLast bool
	blankData, events                 bool
	ping                              time.Duration
	lineEnd                           string
	bom                               bool
	split                             int
	splitWait                         time.Duration
	tokenize                          string

	names []string
}

// plain is a request without faults. It is shared and must not be changed.
var plain = func() *quirks { q := newQuirks(); q.none = true; return q }()

func newQuirks() *quirks {
	return &quirks{
		reset: -1, cut: -1, stallAt: -1, truncate: -1, errorAt: -1, badJSON: -1,
		clip: -1, eos: -1, abort: -1, retryAfter: -1,
		role: "first", finish: "last", unfinished: "null", tokens: 1, lineEnd: "\n",
	}
}

// draw decides which faults a request has: the server's with the probability of
// their share, and its own, which take precedence.
func draw(server, own Faults, rng *splitmix.Rand) *quirks {
	var q *quirks
	for _, list := range []Faults{server, own} {
		for _, f := range list {
			if f.hostile() {
				continue
			}
			if f.Share < 1 && !rng.Chance(f.Share) || f.connection() {
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

// connection reports whether a fault is met before a request is read, so that no
// request has it.
func (f Fault) connection() bool { return grammar[f.Name].whole && grammar[f.Name].set == nil }

// take adds a fault.
func (q *quirks) take(f Fault) {
	q.names = append(q.names, f.Name)
	if f.Name != "like" {
		grammar[f.Name].set(q, f)
		return
	}
	list, err := ParseFaults(habits[f.Word])
	if err != nil {
		panic("sim: habits: " + err.Error())
	}
	for _, f := range list {
		q.take(f)
	}
}

// statusError returns the error object of the fault status.
func (q *quirks) statusError() *apiError {
	e := &apiError{
		status: q.status, kind: "InternalServerError", message: "simulated fault",
		retryAfter: q.retryAfter,
	}
	switch q.status {
	case 429:
		e.kind, e.message = "rate_limit_error", "rate limit exceeded"
	case 503:
		e.kind, e.message = "Service Unavailable", errBusy.message
	}
	if q.html {
		text := http.StatusText(q.status)
		e.body = "<html><head><title>" + text + "</title></head><body><h1>" + text +
			"</h1></body></html>\n"
		e.contentType = "text/html"
	}
	return e
}
