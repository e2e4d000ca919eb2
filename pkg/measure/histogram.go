package measure

import (
	"math"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram counts values that are too many to keep. Count, mean and extremes are exact; percentiles are to three
// significant digits. Values are whole numbers from 0 up (microseconds, say); larger ones than MaxValue count as that
// in percentiles. Not for use by several goroutines at once.
type Histogram struct {
	counts *hdr.Histogram
	n      int64
	sum    float64
	min    int64
	max    int64
}

// MaxValue is the largest value that percentiles can tell: an hour in microseconds.
const MaxValue = 3_600_000_000

// NewHistogram makes an empty one (about 200 kB).
func NewHistogram() *Histogram {
	return &Histogram{counts: hdr.New(1, MaxValue, 3)}
}

// Add counts v n times. Values below 0 count as 0: two clock readings in the wrong order are no time apart.
func (h *Histogram) Add(v, n int64) {
	if n <= 0 {
		return
	}
	v = max(v, 0)
	_ = h.counts.RecordValues(min(v, MaxValue), n) // fails for values out of range only
	if h.n == 0 || v < h.min {
		h.min = v
	}
	h.max = max(h.max, v)
	h.n += n
	h.sum += float64(v) * float64(n)
}

// Merge adds all that other has counted.
func (h *Histogram) Merge(other *Histogram) {
	if other.n == 0 {
		return
	}
	h.counts.Merge(other.counts)
	if h.n == 0 || other.min < h.min {
		h.min = other.min
	}
	h.max = max(h.max, other.max)
	h.n += other.n
	h.sum += other.sum
}

// N is how many values were counted.
func (h *Histogram) N() int64 { return h.n }

// Mean is exact; NaN of none.
func (h *Histogram) Mean() float64 { return h.sum / float64(h.n) }

// Min is exact; NaN of none.
func (h *Histogram) Min() float64 { return h.orNaN(float64(h.min)) }

// Max is exact; NaN of none.
func (h *Histogram) Max() float64 { return h.orNaN(float64(h.max)) }

// Percentile is good to three significant digits; NaN of none.
func (h *Histogram) Percentile(p float64) float64 {
	// The library gives the upper end of a bucket, which may lie beyond all that was counted.
	v := float64(h.counts.ValueAtPercentile(p))
	return h.orNaN(min(max(v, float64(h.min)), float64(h.max)))
}

func (h *Histogram) orNaN(v float64) float64 {
	if h.n == 0 {
		return math.NaN()
	}
	return v
}
