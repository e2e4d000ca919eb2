package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// The rules of the certificate. A kind of number is doubted if the client's own
// lateness may show in it: in its 99th percentile over turns, by more than the
// larger of these.
const (
	// maxErrorShare of the median: what servers themselves differ by from run to
	// run.
	maxErrorShare = 0.10
	// maxErrorMS is less than anybody feels, and less than the timers of a busy
	// kernel are exact to.
	maxErrorMS = 1.0
)

const (
	// someErrorMS is the uncertainty from which on a turn is counted as concerned:
	// above what the way through a socket takes.
	someErrorMS = 0.1
	// maxMergedShare is the share of chunks that may have waited for the client.
	// Each makes two gaps wrong, its own and that before the read, so more would
	// show in the 99th percentile of gaps.
	maxMergedShare = 0.005
	// maxLostShare is the share of its time that the client may lose between an
	// answer and the next request. Throughput of a closed loop is lower by that:
	// 5 % is what runs of the same load differ by.
	maxLostShare = 0.05
	// maxCPUShare is how much of the machine the client may use. Above it,
	// goroutines begin to wait for processors.
	maxCPUShare = 0.80
	// maxReconnectShare is the share of turns whose first try, on a connection that
	// the server had closed, may have taken longer than the limit: more would show in
	// the 99th percentile of TTFT.
	maxReconnectShare = 0.01
)

// judge makes the verdicts of a certificate. Its samples are of the measured
// turns, in ms, but for the lag.
type judge struct {
	*record.Certificate
	// old records do not say which chunks waited for the client.
	old     bool
	pauseMS float64 // the shortest mean pause asked for; 0: the run has none
	gapMS   float64 // median gap between chunks
	// gaps reports whether an answer came in several chunks.
	gaps bool

	ttft, latency, tpot []float64
	// How much too long a turn's numbers may be: because the request left late,
	// because the first token waited to be read, and by both. TPOT is too short by
	// the second.
	sent, early, ttftOff, tpotOff []float64
	// firstTry has how long the first try may have taken, of turns sent twice: their
	// times begin with the second.
	firstTry []float64

	lag            []float64 // of all turns but warm-up
	lostMS, busyMS float64   // sums over these: the lag, and the time in flight
}

// add adds a measured turn.
func (j *judge) add(t *turn) {
	sent, early := 0.0, float64(t.earlyUS)/1000
	if j.Clocks != record.ClockPackets { // which know when the first packet left
		sent = float64(t.sendUS) / 1000
	}
	j.sent, j.early = append(j.sent, sent), append(j.early, early)
	j.ttftOff = append(j.ttftOff, sent+early)
	j.ttft = append(j.ttft, since(t.firstToken, t.sent))
	j.latency = append(j.latency, since(t.end, t.sent))
	j.gaps = j.gaps || t.chunks > 1
	if late := since(t.sent, t.scheduled); t.connection == record.ConnectionRetried && late > 0 {
		j.firstTry = append(j.firstTry, late)
	}
	if s := t.sample(); !math.IsNaN(s.TPOTMS) {
		j.tpot = append(j.tpot, s.TPOTMS)
		j.tpotOff = append(j.tpotOff, early/float64(s.OutputTokens-s.FirstChunkTokens))
	}
}

// all returns the verdicts on the kinds of numbers that the run has.
func (j *judge) all() (all []record.Verdict) {
	measured := len(j.ttft) > 0
	for _, kind := range []struct {
		has   bool
		judge func() record.Verdict
	}{
		{measured, j.judgeTTFT},
		{len(j.tpot) > 0, j.judgeTPOT},
		{j.gaps, j.judgeITL},
		{measured, j.judgeLatency},
		{measured && j.pauseMS > 0, j.judgeThink},
		{measured, j.judgeThroughput},
	} {
		if kind.has {
			all = append(all, kind.judge())
		}
	}
	return all
}

// limit returns the error that is doubted, beside a number's median.
func limit(median float64) float64 {
	if math.IsNaN(median) {
		return maxErrorMS
	}
	return max(maxErrorMS, maxErrorShare*median)
}

// ofTurns makes a verdict of how far off a number of each turn may be, against the
// limit beside the median of the numbers.
func ofTurns(kind string, off, numbers []float64) (v record.Verdict, wrong bool) {
	errors := measure.New(off)
	some := 0
	for _, e := range off {
		if e > someErrorMS {
			some++
		}
	}
	v = record.Verdict{Kind: kind, Verdict: record.VerdictOK}
	if some > 0 {
		v.MS, v.Share = errors.Max(), float64(some)/float64(len(off))
	}
	wrong = errors.N() > 0 && errors.Percentile(99) > limit(measure.New(numbers).Median())
	return v, wrong
}

// doubt adds a reason.
func doubt(v *record.Verdict, format string, args ...any) {
	v.Verdict = record.VerdictWarn
	if v.Reason != "" {
		v.Reason += "; "
	}
	v.Reason += fmt.Sprintf(format, args...)
}

func (j *judge) judgeTTFT() record.Verdict {
	v, wrong := ofTurns(record.KindTTFT, j.ttftOff, j.ttft)
	if wrong {
		doubt(&v, "%s", strings.Join(j.causes(), ", and "))
	}
	if share, most := j.sentTwice(); share > maxReconnectShare {
		doubt(&v, "%.1f %% of turns were sent twice because the server had closed the connection, "+
			"and the first try, of up to %s ms, is not in them", 100*share, render.Short(most))
	}
	j.without(&v)
	return v
}

// sentTwice returns the share of turns with a first try above the limit of TTFT,
// and the longest one in ms.
func (j *judge) sentTwice() (share, most float64) {
	var n int64
	limit := limit(measure.New(j.ttft).Median())
	for _, ms := range j.firstTry {
		if ms > limit {
			n++
			most = max(most, ms)
		}
	}
	return ratio(n, int64(len(j.ttft))), most
}

// causes returns why times to the first token are in doubt.
func (j *judge) causes() (why []string) {
	limit := limit(measure.New(j.ttft).Median())
	if late := measure.New(j.sent).Percentile(99); late > limit {
		why = append(why, slowSends(late))
	}
	if early := measure.New(j.early).Percentile(99); early > limit || len(why) == 0 {
		why = append(why, fmt.Sprintf("first tokens waited for the client, up to %s ms (p99)",
			render.Short(early)))
	}
	return why
}

func slowSends(p99 float64) string {
	return fmt.Sprintf("the client took up to %s ms to send a request (p99)", render.Short(p99))
}

// without makes the verdict unknown if nothing is wrong with what the records
// have, and they lack what is needed.
func (j *judge) without(v *record.Verdict) {
	if v.Verdict == record.VerdictOK && j.old && j.Merged > 0 && j.Clocks != record.ClockPackets {
		v.Verdict, v.Reason = record.VerdictUnknown,
			"these records do not say which first tokens waited for the client"
	}
}

func (j *judge) judgeTPOT() record.Verdict {
	v, wrong := ofTurns(record.KindTPOT, j.tpotOff, j.tpot)
	v.MS = -v.MS
	if wrong {
		doubt(&v, "first tokens waited for the client, so the time after them is too short")
	}
	j.byTimers(&v, j.tpot)
	j.without(&v)
	return v
}

func (j *judge) judgeITL() record.Verdict {
	v := record.Verdict{Kind: record.KindITL, Verdict: record.VerdictOK,
		Share: ratio(j.MergedLate, j.Chunks)}
	if v.Share > maxMergedShare {
		doubt(&v, "%.1f %% of chunks waited for the client: of those read together only the last "+
			"arrival is known", 100*v.Share)
	}
	j.byTimers(&v, []float64{j.gapMS})
	return v
}

func (j *judge) judgeLatency() record.Verdict {
	v, wrong := ofTurns(record.KindLatency, j.sent, j.latency)
	if wrong {
		doubt(&v, "%s", slowSends(measure.New(j.sent).Percentile(99)))
	}
	j.byTimers(&v, j.latency)
	return v
}

// byTimers doubts times that end with a read, if the client itself stamped the
// reads and woke late.
func (j *judge) byTimers(v *record.Verdict, numbers []float64) {
	stamped := j.Clocks == record.ClockKernel || j.Clocks == record.ClockPackets
	if !stamped && j.Wake.N > 0 && j.Wake.P99 > limit(measure.New(numbers).Median()) {
		doubt(v, "the client stamped arrivals itself and woke up to %s ms late (p99)",
			render.Short(j.Wake.P99))
		v.MS = max(v.MS, j.Wake.P99)
	}
}

func (j *judge) judgeThink() record.Verdict {
	v, wrong := ofTurns(record.KindThink, j.lag, []float64{j.pauseMS})
	if wrong {
		doubt(&v, "requests left up to %s ms later than asked for (p99; timers %s ms)",
			render.Short(measure.New(j.lag).Percentile(99)), render.Short(j.Wake.P99))
	}
	return v
}

func (j *judge) judgeThroughput() record.Verdict {
	v := record.Verdict{Kind: record.KindThroughput, Verdict: record.VerdictOK}
	if total := j.lostMS + j.busyMS; total > 0 {
		v.Share = j.lostMS / total
	}
	if len(j.lag) > 0 && v.Share > 0 {
		v.MS = slices.Max(j.lag)
	}
	if v.Share > maxLostShare {
		doubt(&v, "the client lost %.0f %% of its time between answers and requests", 100*v.Share)
	}
	if j.CPUShare > maxCPUShare {
		doubt(&v, "the client used %.0f %% of the machine", 100*j.CPUShare)
	}
	if j.DroppedWrites > 0 {
		doubt(&v, "%d records had to wait for the disk", j.DroppedWrites)
	}
	return v
}
