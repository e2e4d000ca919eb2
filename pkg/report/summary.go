package report

import (
	"cmp"
	"math"
	"slices"

	"multiturn/pkg/record"
)

// Summary is what a report says of one run.
type Summary struct {
	Name string      `json:"name"`
	Run  *record.Run `json:"run,omitempty"` // its header; nil when the stream had none
	// Parameters and Generation are what the reference prints above its table.
	Parameters []Parameter `json:"parameters,omitempty"`
	Generation []Parameter `json:"generation,omitempty"`
	// Tables are empty when no turn went well.
	Tables []Table `json:"tables"`
	// Details is nil for the reference's measurements, which do not have them.
	Details *Details `json:"details,omitempty"`

	samples  []record.Sample // of the reference's array
	of       *Collector      // else
	measured int             // how many samples there are
}

// Samples returns what the tables are of, in the order in which they came. It makes them
// of the collector that made the summary last.
func (s *Summary) Samples() []record.Sample {
	if s.of == nil {
		return s.samples
	}
	all := make([]record.Sample, 0, s.measured)
	for i := range s.of.turns {
		if t := &s.of.turns[i]; t.measured {
			all = append(all, t.sample())
		}
	}
	return all
}

// Details are the blocks after the table.
type Details struct {
	Work          Work           `json:"work"`
	Window        *WindowUsed    `json:"window,omitempty"` // nil: the whole run
	Steady        *Steady        `json:"steady,omitempty"` // nil: a window was chosen, or there is none
	Outcomes      []OutcomeCount `json:"outcomes"`
	Failures      []Failure      `json:"failures,omitempty"` // the commonest, at most maxListed
	Retried       int            `json:"turns_retried"`
	RetryPauses   Number         `json:"retry_pauses_sec"`    // all pauses before retries
	Histories     *Histories     `json:"histories,omitempty"` // nil: every answer stayed
	Verify        *Verify        `json:"verify,omitempty"`
	Tokens        TokenCounts    `json:"tokens"`
	FirstEvents   FirstEvents    `json:"first_events"`
	Lengths       Lengths        `json:"answer_lengths"`
	Throughput    Throughput     `json:"throughput"`
	Distributions []Row          `json:"distributions"`
	First         Group          `json:"first_turns"`
	Later         Group          `json:"later_turns"`
	Turns         []Group        `json:"by_turn"`   // From and To are numbers of turns, from 1
	Contexts      []Group        `json:"by_prompt"` // From and To are tokens of input
	Cache         Cache          `json:"cache"`
	Replicas      *Replicas      `json:"replicas,omitempty"` // nil: there was one server
	// Findings are what the records show of the cache, in words; the blocks
	// below are their evidence.
	Findings   []Finding  `json:"findings"`
	Prediction *CachePlan `json:"cache_plan,omitempty"` // nil: no turn's tokens are known
	Counters   *Counters  `json:"counters"`
	// nil: no conversation had a second turn
	Reuse *ReuseDistance `json:"reuse_distance,omitempty"`
	// nil: no turn has the numbers for it
	Cost *CostModel `json:"cost_model,omitempty"`
	// nil: no turn's hits are known
	Worth       []Worth            `json:"tier_worth,omitempty"`
	Arms        *Arms              `json:"arms,omitempty"` // nil: a run without control arms
	Connections Connections        `json:"connections"`
	Intervals   []Intervals        `json:"intervals,omitempty"`
	Goodput     *Goodput           `json:"goodput,omitempty"`
	Certificate record.Certificate `json:"certificate"`

	// failed is the number of turns that failed, of those sent; see Collector.failed.
	failed, sent int
	prompts      *prompts
}

// has reports whether a kind of finding is among the findings.
func (d *Details) has(kind string) bool {
	return slices.ContainsFunc(d.Findings, func(f Finding) bool { return f.Kind == kind })
}

// Work is what was planned and what became of it.
type Work struct {
	// Why the run ended; empty when it has no end record: it was killed, or
	// goes on.
	Why   string `json:"why"`
	Error string `json:"error,omitempty"`
	// Without an end record, planned is what the header says, and nothing is
	// known to be abandoned.
	Conversations record.Tally `json:"conversations"`
	Turns         record.Tally `json:"turns"`
	Warmup        int          `json:"warmup_turns"`
}

// OutcomeCount is how many turns, warm-up too, went one way.
type OutcomeCount struct {
	Outcome record.Outcome `json:"outcome"`
	N       int            `json:"n"`
}

// Failure is one kind of failure and how often it was met. Error is the first
// one of its kind, whole; failures with the same first words are of one kind.
type Failure struct {
	Outcome record.Outcome `json:"outcome"`
	Status  int            `json:"status,omitempty"`
	Error   string         `json:"error,omitempty"`
	N       int            `json:"n"`
}

// Verify is how answers compared with the dataset's.
type Verify struct {
	Match    int `json:"match"`
	Mismatch int `json:"mismatch"`
}

// TokenCounts says who counted the tokens of the measured turns.
type TokenCounts struct {
	Usage        int              `json:"from_usage"`
	Estimated    int              `json:"estimated"` // by the client's tokenizer
	Unknown      int              `json:"unknown"`
	Tokenizer    record.Tokenizer `json:"tokenizer"`
	OutputLength string           `json:"output_length,omitempty"`
}

// Lengths compares answers with the length that was asked for, of the measured
// turns.
type Lengths struct {
	Asked   int `json:"asked"` // answers with a length asked for and a known one
	Met     int `json:"met"`
	Shorter int `json:"shorter"`
	Longer  int `json:"longer"`
}

// Throughput is of the measured turns, per second of their time: from the first
// send to the last end, without the batches of control arms. Tokens that are not
// known for every turn do not exist.
type Throughput struct {
	Seconds Number `json:"seconds"`
	// DrainSec is the part after the last send, of the run or of each batch.
	DrainSec    Number `json:"drain_sec"`
	Requests    Number `json:"requests_per_sec"`
	Input       Number `json:"input_tokens_per_sec"`
	NewInput    Number `json:"computed_input_tokens_per_sec"` // input less cached
	Output      Number `json:"output_tokens_per_sec"`
	InFlight    Number `json:"mean_in_flight"` // requests, failed ones too
	MaxInFlight int    `json:"max_in_flight"`
}

// Group is a part of the measured turns.
type Group struct {
	From int `json:"from"`
	To   int `json:"to"` // inclusive; 0 is without end

	N       int    `json:"n"`
	TTFT50  Number `json:"ttft_ms_p50"`
	TTFT90  Number `json:"ttft_ms_p90"`
	TPOT50  Number `json:"tpot_ms_p50"`
	Latency Number `json:"latency_ms_p50"`
	Input   Number `json:"input_tokens_mean"`
	Output  Number `json:"output_tokens_mean"`
	// Cached is the mean of those turns for which the server said it,
	// CachedShare their cached tokens by their input.
	Cached      Number `json:"cached_tokens_mean"`
	CachedShare Number `json:"cached_share"`
	CachedKnown int    `json:"cached_known"` // turns
}

// Cache is what usage said of cached tokens, of the measured turns.
type Cache struct {
	Known  int              `json:"turns_known"`
	Of     int              `json:"turns"`
	Cached int64            `json:"cached_tokens"`
	Input  int64            `json:"input_tokens"` // of the turns that are known
	Share  Number           `json:"cached_share"`
	Tiers  map[string]int64 `json:"tiers,omitempty"`
}

// Connections counts what the turns were sent over.
type Connections struct {
	Reused  int `json:"reused"`
	New     int `json:"new"`
	Retried int `json:"retried"` // pooled ones had been closed by the server
	Unknown int `json:"unknown"`
	// ConnectMS is dial and TLS of those that were not reused.
	ConnectMS Row `json:"connect_ms"`
}

// Summary makes the summary of all that was added.
func (c *Collector) Summary() *Summary {
	s := &Summary{Name: c.name, Run: c.run}
	if len(c.samples) > 0 {
		s.samples, s.measured = c.samples, len(c.samples)
		s.Tables = tables(c.samples, c.o, referenceWindow, math.NaN())
		return s
	}
	c.settle()
	slices.SortStableFunc(c.turns, func(a, b turn) int { return cmp.Compare(a.sent, b.sent) })
	c.period, _ = c.clip(c.o.Window)
	s.of = c
	for i := range c.turns {
		if c.turns[i].measured {
			s.measured++
		}
	}
	warmup := math.NaN()
	if c.end != nil && c.end.WarmupMS > 0 {
		warmup = c.end.WarmupMS / 1000
	}
	if c.run != nil {
		s.Parameters, s.Generation = parameters(c.run)
	}
	if s.measured > 0 {
		s.Tables = tables(s.Samples(), c.o, c.window, warmup)
	}
	s.Details = c.details()
	return s
}

// window returns the time of the measured arm from the first of rows on.
func (c *Collector) window(rows []timed) float64 {
	// Rounded: a clock of nanoseconds became a float64 of milliseconds.
	from := record.Clock(math.Round(rows[0].StartMS * 1e6))
	return length(c.stretches(c.arm, from)) / 1e6
}
