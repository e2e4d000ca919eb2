// Package splitmix is Steele, Lea and Flood's SplitMix64: a random stream in eight bytes, so that every answer and every
// sequence of the simulator has its own and one more draw in one moves nothing in another.
package splitmix

import "time"

// Rand is a stream; its value is the seed.
type Rand uint64

// Step is what the state grows by with each number: Rand(seed + n*Step) goes on where n numbers had been drawn.
const Step = 0x9e3779b97f4a7c15

// Next is the next number.
func (r *Rand) Next() uint64 {
	*r += Step
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Float is a number from 0 up to, not including, 1.
func (r *Rand) Float() float64 { return float64(r.Next()>>11) / (1 << 53) }

// Below is a number from 0 to n-1. The bias for small n is of no account here.
func (r *Rand) Below(n int) int { return int(r.Next() >> 33 % uint64(n)) }

// Chance is true with probability p.
func (r *Rand) Chance(p float64) bool { return r.Float() < p }

// Jitter is d, up to the given share longer or shorter; any length between is as likely.
func (r *Rand) Jitter(d time.Duration, share float64) time.Duration {
	if share == 0 || d == 0 {
		return d
	}
	return time.Duration(float64(d) * (1 + share*(2*r.Float()-1)))
}
