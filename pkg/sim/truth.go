package sim

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"multiturn/pkg/kvcache"
)

// truth is what the server knows of one request.
type truth struct {
	arrived  time.Duration // first byte of the request
	received time.Duration // last byte
	stamped  bool          // by the kernel

	request string // the client's name for it
	session string
	path    string

	mu      sync.Mutex
	outcome string
	first   time.Duration // first and newest tokens written
	last    time.Duration
	end     time.Duration // last write of the answer
	late    time.Duration // worst write after its time
	writes  int
	gaps    []int64
}

func (t *truth) setOutcome(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.outcome == "" {
		t.outcome = s
	}
}

func (t *truth) started() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writes > 0
}

// ended is when the last bytes of the answer were written.
func (t *truth) ended() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.end
}

func (t *truth) setEnd(at time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = at
}

// wrote notes a write with tokens.
func (t *truth) wrote(at, late time.Duration, gaps bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.writes == 0 {
		t.first = at
	} else if gaps {
		t.gaps = append(t.gaps, (at - t.last).Microseconds())
	}
	t.last = at
	t.late = max(t.late, late)
	t.writes++
}

// Truth is a line of the truth file about one request. Times are milliseconds since the server's start, with six decimals,
// on one clock; a time that never came is left out.
type Truth struct {
	Type string `json:"type"` // request
	// ID is the answer's id, Request the name that the client gave it (header X-Request-Id or field request_id), Session
	// the conversation it said it belongs to (X-Session-ID or conversation_id).
	ID      string `json:"id"`
	Request string `json:"request,omitempty"`
	Session string `json:"session,omitempty"`
	Path    string `json:"path"`
	Stream  bool   `json:"stream"`
	// Status is the HTTP status. Outcome is done, left (the client went away), cut, error (a fault did it), or refused.
	Status  int    `json:"status"`
	Outcome string `json:"outcome"`
	Faults  string `json:"faults,omitempty"`
	// Clock says where Arrived comes from: kernel (receive time stamp) or user.
	Clock string `json:"clock"`

	Arrived   Millis  `json:"arrived_ms"`            // first bytes of the request
	Received  Millis  `json:"received_ms,omitzero"`  // all of it was read
	Scheduled Millis  `json:"scheduled_ms,omitzero"` // the engine began
	FirstDue  Millis  `json:"first_due_ms,omitzero"` // the engine made the first token
	LastDue   Millis  `json:"last_due_ms,omitzero"`  // the last
	First     Millis  `json:"first_ms,omitzero"`     // just before the write of the first token
	Last      Millis  `json:"last_ms,omitzero"`      // of the last token written
	Writes    int     `json:"writes"`                // with tokens
	LateUS    int64   `json:"late_us"`               // the worst write after its time
	GapsUS    []int64 `json:"gaps_us,omitempty"`     // between writes

	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	ComputedTokens   int `json:"computed_tokens"`
	// Cached, Evicted and Stored are by tier: tokens found, and blocks that left and entered on the request's behalf.
	Cached      Tiers  `json:"cached_tokens"`
	Evicted     Tiers  `json:"evicted_blocks"`
	Stored      Tiers  `json:"stored_blocks"`
	Loading     Millis `json:"loading_ms,omitzero"` // a duration
	Preemptions int    `json:"preemptions,omitempty"`
	Recomputed  int    `json:"recomputed_tokens,omitempty"`
	Beside      bool   `json:"beside_cache,omitempty"`
}

// Tiers are numbers by tier.
type Tiers struct {
	GPU  int `json:"gpu"`
	CPU  int `json:"cpu"`
	Disk int `json:"disk"`
}

func tiers(n [kvcache.NumTiers]int) Tiers {
	return Tiers{n[kvcache.GPU], n[kvcache.CPU], n[kvcache.Disk]}
}

// Millis is a time that JSON has as milliseconds.
type Millis time.Duration

// MarshalJSON writes milliseconds with six decimals.
func (m Millis) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(m)/1e6, 'f', 6, 64), nil
}

// UnmarshalJSON reads milliseconds.
func (m *Millis) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	*m = Millis(f*1e6 + 0.5)
	return err
}

// TruthHeader is the first line of the truth file.
type TruthHeader struct {
	Type    string    `json:"type"` // sim
	Format  string    `json:"format"`
	Version string    `json:"version"`
	Start   time.Time `json:"start"` // what the times of the other lines count from
	Seed    int64     `json:"seed"`
	Engine  string    `json:"engine"` // fixed or batch
}

// TruthEnd is its last line.
type TruthEnd struct {
	Type     string `json:"type"` // end
	Requests uint64 `json:"requests"`
	Writes   uint64 `json:"writes"`
	// LateUS are how long after their time tokens were written.
	LateUS struct {
		P50 int64 `json:"p50"`
		P99 int64 `json:"p99"`
		Max int64 `json:"max"`
	} `json:"late_us"`
}

// Names of the truth file's format.
const (
	TruthFormat  = "multiturn-truth"
	TruthVersion = "1.0"
)

// ledger writes the truth from a goroutine of its own, so that no stream waits for a disk.
type ledger struct {
	lines chan any
	done  chan struct{}
	err   error
}

func newLedger(w io.Writer) *ledger {
	l := &ledger{lines: make(chan any, 1<<16), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		b := bufio.NewWriterSize(w, 64<<10)
		enc := json.NewEncoder(b)
		enc.SetEscapeHTML(false)
		tick := time.NewTicker(time.Second) // a killed server loses at most the last second
		defer tick.Stop()
		for {
			var err error
			select {
			case line, ok := <-l.lines:
				if !ok {
					if err := b.Flush(); l.err == nil {
						l.err = err
					}
					return
				}
				err = enc.Encode(line)
			case <-tick.C:
				err = b.Flush()
			}
			if l.err == nil {
				l.err = err
			}
		}
	}()
	return l
}

func (l *ledger) add(line any) {
	if l != nil {
		l.lines <- line
	}
}

func (l *ledger) close() error {
	if l == nil {
		return nil
	}
	close(l.lines)
	<-l.done
	return l.err
}

// record is the stream's line.
func (st *stream) record() *Truth {
	t, s := &st.truth, &st.seq
	t.mu.Lock()
	defer t.mu.Unlock()
	clock := "user"
	if t.stamped {
		clock = "kernel"
	}
	r := &Truth{
		Type: "request", ID: st.id, Request: t.request, Session: t.session, Path: t.path, Stream: !st.whole,
		Status: 200, Outcome: t.outcome, Faults: strings.Join(st.q.names, ","), Clock: clock,
		Arrived: Millis(t.arrived), Received: Millis(t.received), Scheduled: Millis(s.Scheduled),
		FirstDue: Millis(s.First), LastDue: Millis(s.Last), First: Millis(t.first), Last: Millis(t.last),
		Writes: t.writes, LateUS: t.late.Microseconds(), GapsUS: t.gaps,
		PromptTokens: s.PromptTokens, CompletionTokens: s.Generated, ComputedTokens: s.Computed(),
		Cached: tiers(s.Cached), Evicted: tiers(s.Evicted), Stored: tiers(s.Stored),
		Loading: Millis(s.Loading), Preemptions: s.Preemptions, Recomputed: s.Recomputed, Beside: s.Beside,
	}
	return r
}
