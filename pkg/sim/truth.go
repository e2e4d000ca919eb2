package sim

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"time"

	"multiturn/pkg/kvcache"
)

// truth is what the server records of one request beside the engine's numbers.
type truth struct {
	arrived  time.Duration // first byte of the request
	received time.Duration // last byte
	stamped  bool          // arrived is the kernel's receive time stamp

	request string // the client's name for it
	session string
	path    string

	mu      sync.Mutex
	outcome string
	first   time.Duration // write of the first token
	last    time.Duration // write of the newest token
	// when the same writes had returned
	firstWritten, lastWritten time.Duration
	end                       time.Duration // last write of the answer
	late                      time.Duration // the latest write, behind its due time
	writes                    int           // writes with tokens
	gaps                      []int64
}

// setOutcome sets the outcome. The first one counts.
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

// ended returns when the last bytes of the answer were written.
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

// wrote records a write with tokens, begun at at and returned at after.
func (t *truth) wrote(at, after, late time.Duration, gaps bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.writes == 0 {
		t.first, t.firstWritten = at, after
	} else if gaps {
		t.gaps = append(t.gaps, (at - t.last).Microseconds())
	}
	t.last, t.lastWritten = at, after
	t.late = max(t.late, late)
	t.writes++
}

// Truth is the line of one request in the truth. Times are since the server's
// start, on one clock; a time whose event did not happen is omitted.
type Truth struct {
	Type string `json:"type"` // request
	// ID is the id of the answer. Request is the client's name for the request (header X-Request-Id
	// or field request_id), Session that of the conversation (X-Session-Id or conversation_id).
	ID      string `json:"id"`
	Request string `json:"request,omitempty"`
	Session string `json:"session,omitempty"`
	Path    string `json:"path"`
	Stream  bool   `json:"stream"`
	// Status is the HTTP status. Outcome is done, left (the client disconnected), cut or
	// error (by a fault), refused, or hostile (an attack, whatever its status).
	Status  int    `json:"status"`
	Outcome string `json:"outcome"`
	Faults  string `json:"faults,omitempty"`
	// Clock is the source of Arrived: kernel (receive time stamp) or user.
	Clock string `json:"clock"`

	Arrived   Milliseconds `json:"arrived_ms"`            // arrival of the request's first bytes
	Received  Milliseconds `json:"received_ms,omitzero"`  // its last byte was read
	Scheduled Milliseconds `json:"scheduled_ms,omitzero"` // the engine began to work on it
	FirstDue  Milliseconds `json:"first_due_ms,omitzero"` // the engine made the first token
	LastDue   Milliseconds `json:"last_due_ms,omitzero"`  // the engine made the last token
	// just before the write of the first token
	First Milliseconds `json:"first_ms,omitzero"`
	Last  Milliseconds `json:"last_ms,omitzero"` // the same of the last token
	// just after these writes: a server that had to wait for a processor in between
	// knows no better when they left
	FirstWritten Milliseconds `json:"first_written_ms,omitzero"`
	LastWritten  Milliseconds `json:"last_written_ms,omitzero"`
	Writes       int          `json:"writes"`            // number of writes with tokens
	LateUS       int64        `json:"late_us"`           // the latest write, behind its due time
	GapsUS       []int64      `json:"gaps_us,omitempty"` // between writes

	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	ComputedTokens   int `json:"computed_tokens"`
	// Cached counts the tokens hit in each tier; Evicted and Stored count the blocks that left and
	// entered each tier because of the request.
	Cached  Tiers `json:"cached_tokens"`
	Evicted Tiers `json:"evicted_blocks"`
	Stored  Tiers `json:"stored_blocks"`
	// Queries counts the offloaded blocks that were looked up in each lower tier, Hits those that it
	// had, Read the tokens that were loaded from it. Reading is the duration of these loads in
	// microseconds. All include restarts after preemptions, which Cached does not.
	Queries     Tiers        `json:"queried_blocks,omitzero"`
	Hits        Tiers        `json:"hit_blocks,omitzero"`
	Read        Tiers        `json:"read_tokens,omitzero"`
	Reading     Tiers        `json:"reading_us,omitzero"`
	Loading     Milliseconds `json:"loading_ms,omitzero"` // a duration
	Preemptions int          `json:"preemptions,omitempty"`
	Recomputed  int          `json:"recomputed_tokens,omitempty"`
	// Beside means that the request ran without the cache, since too few blocks were free.
	Beside bool `json:"beside_cache,omitempty"`
}

// Tiers has a number for each tier.
type Tiers struct {
	GPU  int `json:"gpu"`
	CPU  int `json:"cpu"`
	Disk int `json:"disk"`
}

func tiers(n [kvcache.NumTiers]int) Tiers {
	return Tiers{n[kvcache.GPU], n[kvcache.CPU], n[kvcache.Disk]}
}

func microseconds(d [kvcache.NumTiers]time.Duration) Tiers {
	return Tiers{
		int(d[kvcache.GPU].Microseconds()), int(d[kvcache.CPU].Microseconds()),
		int(d[kvcache.Disk].Microseconds()),
	}
}

// TruthHeader is the first line of the truth.
type TruthHeader struct {
	Type    string    `json:"type"` // sim
	Format  string    `json:"format"`
	Version string    `json:"version"`
	Start   time.Time `json:"start"` // times in other lines are since this one
	Seed    int64     `json:"seed"`
	Engine  string    `json:"engine"` // fixed or batch
}

// TruthEnd is the last line of the truth.
type TruthEnd struct {
	Type     string `json:"type"` // end
	Requests uint64 `json:"requests"`
	Writes   uint64 `json:"writes"`
	// LateUS is how late tokens were written, in microseconds.
	LateUS struct {
		P50 int64 `json:"p50"`
		P99 int64 `json:"p99"`
		Max int64 `json:"max"`
	} `json:"late_us"`
}

// Name and version of the truth's format.
const (
	TruthFormat  = "multiturn-truth"
	TruthVersion = "1.3"
)

// ledger writes the truth on a goroutine of its own, so that no stream waits
// for a disk.
type ledger struct {
	lines chan any
	done  chan struct{}
	err   error
}

func newLedger(w io.Writer) *ledger {
	// Room for the requests of many seconds, for the time that a disk stalls.
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

// record returns the stream's line of the truth.
func (st *stream) record() *Truth {
	t, s := &st.truth, &st.seq
	t.mu.Lock()
	defer t.mu.Unlock()
	clock := "user"
	if t.stamped {
		clock = "kernel"
	}
	r := &Truth{
		Type: "request", ID: st.id, Request: t.request, Session: t.session, Path: t.path,
		Stream: !st.whole, Status: 200, Outcome: t.outcome, Faults: strings.Join(st.q.names, ","),
		Clock: clock, Arrived: Milliseconds(t.arrived), Received: Milliseconds(t.received),
		Scheduled: Milliseconds(s.Scheduled), FirstDue: Milliseconds(s.First),
		LastDue: Milliseconds(s.Last), First: Milliseconds(t.first), Last: Milliseconds(t.last),
		FirstWritten: Milliseconds(t.firstWritten), LastWritten: Milliseconds(t.lastWritten),
		Writes: t.writes, LateUS: t.late.Microseconds(), GapsUS: t.gaps,
		PromptTokens: s.PromptTokens, CompletionTokens: s.Generated, ComputedTokens: s.Computed(),
		Cached: tiers(s.Cached), Evicted: tiers(s.Evicted), Stored: tiers(s.Stored),
		Queries: tiers(s.Queries), Hits: tiers(s.Hits), Read: tiers(s.Read),
		Reading: microseconds(s.Reading),
		Loading: Milliseconds(s.Loading), Preemptions: s.Preemptions, Recomputed: s.Recomputed,
		Beside: s.Beside,
	}
	return r
}
