//go:build linux

package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
	"multiturn/pkg/sim"
	"multiturn/scripts/internal/simrun"
)

// result is a run beside its truth.
type result struct {
	Kinds   []kindResult `json:"kinds"`
	WakeMS  float64      `json:"wake_ms_p99"`
	Overall string       `json:"verdict"`
}

// kindResult is a kind of number of a run.
type kindResult struct {
	Kind string `json:"kind"`
	// N is how many turns or gaps were compared. Gaps of a turn are only if the
	// server, late itself, did not write two tokens at once.
	N      int            `json:"n"`
	ErrMS  float64        `json:"error_ms_p99"` // for throughput the share of time lost
	Median float64        `json:"median_ms"`
	Wrong  bool           `json:"wrong"`
	Said   record.Verdict `json:"said"`
}

// The rule of what is wrong: the certificate's own.
const (
	maxErrorMS, maxErrorShare = 1.0, 0.10
	maxLostShare              = 0.05
)

// errorsOf are the errors of a run's turns, in ms, beside the true values.
type errorsOf struct{ off, truth []float64 }

func (e *errorsOf) add(client, low, high float64) {
	e.off = append(e.off, math.Max(0, math.Max(client-high, low-client)))
	e.truth = append(e.truth, low)
}

func (e *errorsOf) result(kind string) kindResult {
	if len(e.off) == 0 {
		return kindResult{Kind: kind}
	}
	off, median := measure.New(e.off).Percentile(99), measure.New(e.truth).Median()
	return kindResult{Kind: kind, N: len(e.off), ErrMS: off, Median: median,
		Wrong: off > math.Max(maxErrorMS, maxErrorShare*median)}
}

// evaluate compares a run with the truth.
func evaluate(l *record.Log, t *simrun.Truth) (result, error) {
	pairs, err := match(l, t)
	if err != nil {
		return result{}, err
	}
	var ttft, tpot, itl, latency errorsOf
	for _, p := range pairs {
		c, s := p.turn, p.truth
		first, arrived := ms(c.FirstToken-c.Sent), float64(s.Arrived)/1e6
		ttft.add(first, at(s.First)-arrived, at(s.FirstWritten)-arrived)
		latency.add(ms(c.LastToken-c.Sent), at(s.Last)-arrived, at(s.LastWritten)-arrived)
		n := float64(s.CompletionTokens - 1)
		tpot.add(ms(c.LastToken-c.FirstToken)/n, (at(s.Last)-at(s.FirstWritten))/n,
			(at(s.LastWritten)-at(s.First))/n)
		if len(c.GapsUS) == len(s.GapsUS) {
			for i, gap := range c.GapsUS {
				right := float64(s.GapsUS[i]) / 1000
				itl.add(float64(gap)/1000, right, right)
			}
		}
	}
	r := result{Overall: l.End.Certificate.Verdict, WakeMS: l.End.Certificate.Wake.P99}
	r.Kinds = []kindResult{ttft.result(record.KindTTFT), tpot.result(record.KindTPOT),
		itl.result(record.KindITL), latency.result(record.KindLatency), throughput(pairs)}
	for i := range r.Kinds {
		k := &r.Kinds[i]
		for _, v := range l.End.Certificate.Verdicts {
			if v.Kind == k.Kind {
				k.Said = v
			}
		}
	}
	return r, nil
}

func ms(d record.Clock) float64     { return float64(d) / 1e6 }
func at(m sim.Milliseconds) float64 { return float64(m) / 1e6 }

// throughput is judged by the share of time in which a client had no request at
// the server, between its first and its last.
func throughput(pairs []pair) kindResult {
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.turn.Client, b.turn.Client),
			cmp.Compare(a.truth.Arrived, b.truth.Arrived))
	})
	var idle, busy float64
	for i, p := range pairs {
		busy += at(p.truth.LastWritten) - at(p.truth.Arrived)
		if i > 0 && pairs[i-1].turn.Client == p.turn.Client {
			idle += at(p.truth.Arrived) - at(pairs[i-1].truth.LastWritten)
		}
	}
	share := idle / (idle + busy)
	return kindResult{Kind: record.KindThroughput, N: len(pairs), ErrMS: share, Wrong: share > maxLostShare}
}

// pair is a request as both sides saw it.
type pair struct {
	turn  *record.Turn
	truth *sim.Truth
}

// match pairs the turns of a run with their truth: the n-th turn of a conversation
// is the n-th request of its session in the time of the run.
func match(l *record.Log, t *simrun.Truth) ([]pair, error) {
	from := l.Run.Start.Sub(t.Start)
	to := from + time.Duration(l.End.At)
	sessions := map[string][]*sim.Truth{}
	for i := range t.Requests {
		r := &t.Requests[i]
		if when := time.Duration(r.Arrived); when >= from && when <= to {
			sessions[r.Session] = append(sessions[r.Session], r)
		}
	}
	for _, all := range sessions {
		slices.SortFunc(all, func(a, b *sim.Truth) int { return cmp.Compare(a.Arrived, b.Arrived) })
	}
	var pairs []pair
	for _, turn := range l.Turns {
		all := sessions[turn.Conversation]
		if !turn.Outcome.OK() || turn.Turn >= len(all) {
			return nil, fmt.Errorf("%s, turn %d: %s; the server has %d requests of it",
				turn.Conversation, turn.Turn+1, turn.Outcome, len(all))
		}
		pairs = append(pairs, pair{turn, all[turn.Turn]})
	}
	if len(pairs) != conversations*turns {
		return nil, fmt.Errorf("%d turns, want %d", len(pairs), conversations*turns)
	}
	return pairs, nil
}
