package measure

import (
	"math"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram counts values that are too many to keep. Count, mean and extremes
// are exact; percentiles have three significant digits. Values are whole
// numbers from 0 on, such as microseconds; in percentiles, values above an hour
// of microseconds count as that. A Histogram is not safe for concurrent use.
type Histogram struct {
	counts *hdr.Histogram
	n      int64
	sum    float64
	min    int64
	max    int64
}

// maxValue is the largest value that percentiles can show: an hour in
// microseconds. No gap between tokens is longer, and the memory grows with it.
const maxValue = 3_600_000_000

// NewHistogram returns an empty histogram. It takes about 200 kB.
func NewHistogram() *Histogram {
	return &Histogram{counts: hdr.New(1, maxValue, 3)}
}

// Add counts v n times. Values below 0 count as 0: they come from two clock
// readings in the wrong order, which are no time apart.
func (h *Histogram) Add(v, n int64) {
	if n <= 0 {
		return
	}
	v = max(v, 0)
	_ = h.counts.RecordValues(min(v, maxValue), n) // fails only for values out of range
	if h.n == 0 || v < h.min {
		h.min = v
	}
	h.max = max(h.max, v)
	h.n += n
	h.sum += float64(v) * float64(n)
}

// N returns the number of values counted.
func (h *Histogram) N() int64 { return h.n }

// Mean returns the exact mean; NaN if the histogram is empty.
func (h *Histogram) Mean() float64 { return h.sum / float64(h.n) }

// Min returns the exact minimum; NaN if the histogram is empty.
func (h *Histogram) Min() float64 { return h.orNaN(float64(h.min)) }

// Max returns the exact maximum; NaN if the histogram is empty.
func (h *Histogram) Max() float64 { return h.orNaN(float64(h.max)) }

// Percentile returns a percentile to three significant digits; NaN if the
// histogram is empty.
func (h *Histogram) Percentile(p float64) float64 {
	// The library returns the upper end of a bucket, which may be beyond every value counted.
	v := float64(h.counts.ValueAtPercentile(p))
	return h.orNaN(min(max(v, float64(h.min)), float64(h.max)))
}

func (h *Histogram) orNaN(v float64) float64 {
	if h.n == 0 {
		return math.NaN()
	}
	return v
}
