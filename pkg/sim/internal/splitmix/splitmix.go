// Package splitmix is Steele, Lea and Flood's SplitMix64, a random stream in
// eight bytes. Each answer and each sequence of the simulator has a stream of
// its own, so that a further draw in one changes nothing in another.
package splitmix

import "time"

// Rand is a random stream. Its value is the seed.
type Rand uint64

// Step is what each number adds to the state: Rand(seed + n*Step) continues
// after n numbers.
const Step = 0x9e3779b97f4a7c15

// Next returns the next number.
func (r *Rand) Next() uint64 {
	*r += Step
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Float returns a number in [0, 1).
func (r *Rand) Float() float64 { return float64(r.Next()>>11) / (1 << 53) }

// Below returns a number from 0 to n-1. Its bias is negligible for small n.
func (r *Rand) Below(n int) int { return int(r.Next() >> 33 % uint64(n)) }

// Chance returns true with probability p.
func (r *Rand) Chance(p float64) bool { return r.Float() < p }

// Jitter returns d, longer or shorter by up to the given share, uniformly
// distributed.
func (r *Rand) Jitter(d time.Duration, share float64) time.Duration {
	if share == 0 || d == 0 {
		return d
	}
	return time.Duration(float64(d) * (1 + share*(2*r.Float()-1)))
}
