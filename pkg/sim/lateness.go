package sim

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// lateness is a histogram of how late tokens were written. Its buckets are
// powers of two of a microsecond, each divided into eight: 12 % is exact enough
// for a quantile.
type lateness struct {
	buckets [40 * 8]atomic.Uint64
	n       atomic.Uint64
	max     atomic.Int64
}

func (l *lateness) add(d time.Duration) {
	d = max(0, d)
	l.buckets[bucket(d)].Add(1)
	l.n.Add(1)
	for most := l.max.Load(); int64(d) > most && !l.max.CompareAndSwap(most, int64(d)); {
		most = l.max.Load()
	}
}

func bucket(d time.Duration) int {
	us := uint64(d / time.Microsecond)
	if us < 8 {
		return int(us)
	}
	e := bits.Len64(us) - 4 // so that us>>e is 8 to 15
	return min(8*(e+1)+int(us>>e)-8, 40*8-1)
}

// bound returns the upper end of bucket i.
func bound(i int) time.Duration {
	if i < 8 {
		return time.Duration(i+1) * time.Microsecond
	}
	e := i/8 - 1
	return time.Duration(uint64(i%8+9)<<e) * time.Microsecond
}

// Lateness is how late the server itself wrote tokens: its own error in the
// truth that it reports.
type Lateness struct {
	Writes        uint64
	P50, P99, Max time.Duration
}

func (l *lateness) summary() Lateness {
	out := Lateness{Writes: l.n.Load(), Max: time.Duration(l.max.Load())}
	out.P50, out.P99 = l.quantile(0.5), l.quantile(0.99)
	return out
}

func (l *lateness) quantile(q float64) time.Duration {
	want := uint64(q * float64(l.n.Load()))
	sum := uint64(0)
	for i := range l.buckets {
		if sum += l.buckets[i].Load(); sum > want {
			return min(bound(i), time.Duration(l.max.Load()))
		}
	}
	return 0
}

// Lateness returns the lateness of all writes so far. Writes to clients that
// read too slowly are not counted.
func (s *Server) Lateness() Lateness { return s.lateness.summary() }
