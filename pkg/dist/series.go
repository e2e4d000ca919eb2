package dist

import "multiturn/internal/pyrand"

// Series gives the values that Fill would put into a slice one by one, in
// constant memory.
type Series struct {
	d      Distribution
	stream pyrand.Numpy
	// mean is the mean of the values before scaling, for a LognormalAverage.
	mean float64
}

// NewSeries moves the stream past n values, which Next then returns.
func NewSeries(d Distribution, r *pyrand.Numpy, n int) *Series {
	s := &Series{d: d, stream: *r}
	switch d := d.(type) {
	case Constant:
	case LognormalAverage:
		mu, sigma := d.normal()
		sum := pairwise(n, func() float64 { return r.Lognormal(mu, sigma) })
		s.mean = sum / float64(n)
	default:
		var v [1]float64
		for range n {
			d.Fill(r, v[:])
		}
	}
	return s
}

// Next returns the next value.
func (s *Series) Next() float64 {
	if d, ok := s.d.(LognormalAverage); ok {
		mu, sigma := d.normal()
		return d.finish(s.stream.Lognormal(mu, sigma), s.mean)
	}
	var v [1]float64
	s.d.Fill(&s.stream, v[:])
	return v[0]
}
