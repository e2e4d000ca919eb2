package record

// End is the last record of a run. A run that was killed has none.
type End struct {
	Type string `json:"type"`  // TypeEnd
	At   Clock  `json:"at_ms"` // when the run was over
	// Why is one of the Why constants.
	Why           string      `json:"why"`
	Error         string      `json:"error,omitempty"` // if the run failed
	Conversations Tally       `json:"conversations"`
	Turns         Tally       `json:"turns"`
	WarmupMS      float64     `json:"warmup_ms,omitzero"` // time of the warm-up
	Certificate   Certificate `json:"certificate"`
	// Implausible is as in turns.
	Implausible string `json:"implausible,omitempty"`
	// Unwritten counts turns that ended and are not in the file, because writing
	// failed. It came with version 1.3.
	Unwritten int `json:"unwritten,omitzero"`
}

// Values of End.Why.
const (
	WhyDone        = "done"
	WhyLimit       = "limit"       // of requests
	WhyInterrupted = "interrupted" // requests in flight were finished
	WhyCancelled   = "cancelled"   // requests in flight were cancelled
	WhyFailed      = "failed"      // End.Error has the reason
)

// Tally counts what was to be done and what became of it. For conversations,
// Started = Finished + Failed + Cut + Abandoned. For turns, Planned = Finished +
// Failed + Abandoned; a limit of requests limits Planned.
type Tally struct {
	Planned  int `json:"planned"`  // what there was to do
	Started  int `json:"started"`  // how many began
	Finished int `json:"finished"` // how many succeeded
	// Failed conversations had a turn that failed after its retries.
	Failed int `json:"failed"`
	// Cut conversations were in progress when the limit of requests was reached.
	Cut int `json:"cut,omitempty"`
	// Abandoned conversations were in progress at an interrupt; abandoned turns can
	// no longer be reached.
	Abandoned int `json:"abandoned"`
}

// Certificate is what the client measured of itself, and which numbers of the run
// it makes doubtful.
type Certificate struct {
	// Verdict is the worst of Verdicts.
	Verdict string `json:"verdict"`
	// Verdicts has one for each kind of number. It came with version 1.2.
	Verdicts []Verdict `json:"verdicts,omitempty"`

	Clocks ClockSource `json:"clocks,omitempty"`
	// Lag is sent minus scheduled. Wake is how late a timer fired. ReadLate is the
	// time between arrival and read.
	Lag      Quantiles `json:"lag_ms"`
	Wake     Quantiles `json:"wake_ms"`
	ReadLate Quantiles `json:"read_late_ms"`

	CPUSeconds   float64 `json:"cpu_s"`              // of the whole run
	CPUShare     float64 `json:"cpu_share"`          // of all processors of the machine, 0 to 1
	GCs          int     `json:"gcs"`                // garbage collections
	GCPauseMaxMS float64 `json:"gc_pause_max_ms"`    // the longest pause
	PeakMemoryMB float64 `json:"peak_memory_mb"`     // 10^6 bytes
	Chunks       int64   `json:"chunks"`             // events with text
	Reads        int64   `json:"reads"`              // that delivered chunks
	Merged       int64   `json:"merged"`             // as in turns, the sum
	MergedLate   int64   `json:"merged_late"`        // as in turns, the sum
	Opened       int     `json:"connections_opened"` // how many were dialled
	// Reconnects counts pooled connections that the server had closed.
	Reconnects  int `json:"reconnects"`
	MaxInFlight int `json:"max_in_flight"` // most requests at a time
	// DroppedWrites counts records that had to wait for the writer.
	DroppedWrites int64 `json:"dropped_writes"`
}

// Verdict is what a certificate says of one kind of number.
type Verdict struct {
	// Kind is one of the Kind constants.
	Kind string `json:"kind"`
	// Verdict is one of the Verdict constants.
	Verdict string `json:"verdict"`
	// Reason is empty if the verdict is VerdictOK.
	Reason string `json:"reason,omitempty"`
	// MS is how much the client's own lateness may have added to the number of a
	// turn, at most, and taken from it if it is below 0; 0 if that cannot be said.
	// For KindThroughput it is how late the latest request was.
	MS float64 `json:"ms,omitzero"`
	// Share is that of the turns or chunks concerned, 0 to 1. For KindThroughput it
	// is the share of its time that the client lost.
	Share float64 `json:"share,omitzero"`
}

// Values of Verdict.Kind.
const (
	KindTTFT       = "ttft"
	KindTPOT       = "tpot"
	KindITL        = "itl"
	KindLatency    = "latency"
	KindThink      = "think_times" // and rests of a request rate
	KindThroughput = "throughput"
)

// Values of Verdict.Verdict and Certificate.Verdict.
const (
	VerdictOK      = "ok"
	VerdictWarn    = "warn"
	VerdictUnknown = "unknown" // the records do not have what is needed
)

// WorstVerdict returns the verdict on a run with these on its kinds of numbers. It
// is unknown for a run without numbers.
func WorstVerdict(all []Verdict) string {
	if len(all) == 0 {
		return VerdictUnknown
	}
	worst := VerdictOK
	for _, v := range all {
		if v.Verdict == VerdictWarn || worst == VerdictOK {
			worst = v.Verdict
		}
	}
	return worst
}

// Quantiles of a sample, in the unit of the field's name.
type Quantiles struct {
	N   int     `json:"n"`   // size of the sample
	P50 float64 `json:"p50"` // median
	P99 float64 `json:"p99"` // 99th percentile
	Max float64 `json:"max"` // largest value
}
