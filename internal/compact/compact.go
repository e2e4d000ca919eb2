// Package compact keeps many turns in little memory.
package compact

import "math"

// Narrow returns n in 32 bits: the nearest number that they hold.
func Narrow[T int | int64](n T) int32 {
	return int32(max(math.MinInt32, min(n, math.MaxInt32)))
}

// Pool holds one copy of each value. The zero Pool is empty.
type Pool[T comparable] struct{ copies map[T]*T }

// Share returns the copy of v. Nobody may change it.
func (p *Pool[T]) Share(v T) *T {
	kept, ok := p.copies[v]
	if !ok {
		if p.copies == nil {
			p.copies = map[T]*T{}
		}
		kept = &v
		p.copies[v] = kept
	}
	return kept
}
