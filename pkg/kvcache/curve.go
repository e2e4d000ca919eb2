package kvcache

import (
	"math"
	"sort"
)

// Curve gives the hits of an LRU cache as a function of its capacity, exactly.
type Curve struct {
	BlockSize    int   // tokens
	Accesses     int64 // block uses
	PromptTokens int64
	Unique       int // different blocks
	Largest      int // blocks of the largest request; a smaller server could not run it

	steps []Point // the capacities at which the curve rises
}

// Point is a capacity in blocks and the total hits of a cache of that capacity,
// in blocks and in prompt tokens.
type Point struct {
	Capacity  int
	HitBlocks int64
	HitTokens int64
}

// At returns the hits at a capacity in blocks. Unlimited gives those of an
// unlimited cache.
func (c *Curve) At(capacity int) Point {
	p := Point{Capacity: capacity}
	n := len(c.steps)
	if capacity >= 0 {
		n = sort.Search(n, func(i int) bool { return c.steps[i].Capacity > capacity })
	}
	if n > 0 {
		p.HitBlocks, p.HitTokens = c.steps[n-1].HitBlocks, c.steps[n-1].HitTokens
	}
	return p
}

// Possible returns the hits of an unlimited cache, with the smallest capacity that
// reaches them.
func (c *Curve) Possible() Point {
	if len(c.steps) == 0 {
		return Point{}
	}
	return c.steps[len(c.steps)-1]
}

// Rate returns the share of all prompt tokens that a point hits; 0 if there are
// no prompt tokens.
func (c *Curve) Rate(p Point) float64 { return share(p.HitTokens, c.PromptTokens) }

// Reach returns the point of smallest capacity that hits the given share (0.9
// is 90 %) of the tokens that an unlimited cache hits.
func (c *Curve) Reach(ofPossible float64) Point {
	want := ofPossible * float64(c.Possible().HitTokens)
	i := sort.Search(len(c.steps), func(i int) bool {
		return float64(c.steps[i].HitTokens) >= want
	})
	if i == len(c.steps) {
		return c.Possible()
	}
	return c.steps[i]
}

// Cliff is the steepest part of a curve.
type Cliff struct {
	// From and To are capacities in blocks: the curve begins to rise at From and has risen at To.
	From, To int
	// Rise is what the rise gains, as a share of the tokens that an unlimited cache hits. Near 1
	// the curve is a step: a capacity is either useless or perfect. A curve that rises evenly over
	// ten doublings of the capacity has 0.1.
	Rise float64
}

// Cliff returns the doubling of capacity that gains the most hit tokens,
// without the lowest and highest twentieth of that gain: a few hits at the
// edges would otherwise make a sharp step look wide.
func (c *Curve) Cliff() Cliff {
	var best, low, high int64
	j := 0
	for _, p := range c.steps {
		for c.steps[j].Capacity <= p.Capacity/2 {
			j++
		}
		before := int64(0)
		if j > 0 {
			before = c.steps[j-1].HitTokens
		}
		if gain := p.HitTokens - before; gain > best {
			best, low, high = gain, before, p.HitTokens
		}
	}
	if best == 0 {
		return Cliff{}
	}
	edge := best / 20
	from := sort.Search(len(c.steps), func(i int) bool { return c.steps[i].HitTokens > low+edge })
	to := sort.Search(len(c.steps), func(i int) bool { return c.steps[i].HitTokens >= high-edge })
	cliff := Cliff{From: c.steps[from].Capacity - 1, To: c.steps[to].Capacity}
	cliff.Rise = share(c.At(cliff.To).HitTokens-c.At(cliff.From).HitTokens, c.Possible().HitTokens)
	return cliff
}

// Split returns what each tier of the given capacities would hit, in blocks; 0
// means that there is no such tier. The capacities of exclusive tiers add up.
// An inclusive tier repeats the blocks of the tiers above it, so only what it
// holds beyond them counts.
func (c *Curve) Split(capacities [NumTiers]int, exclusive bool) [NumTiers]Point {
	var points [NumTiers]Point
	var above Point
	for t, capacity := range capacities {
		reach := above.Capacity
		switch {
		case reach == Unlimited || capacity == Unlimited:
			reach = Unlimited
		case exclusive:
			reach += capacity
		default:
			reach = max(reach, capacity)
		}
		p := c.At(reach)
		points[t] = Point{capacity, p.HitBlocks - above.HitBlocks, p.HitTokens - above.HitTokens}
		above = p
	}
	return points
}

// Points returns at most n points of the curve for drawing, spread evenly over
// the logarithm of the capacity, from the first hit to an unlimited cache.
func (c *Curve) Points(n int) []Point {
	if len(c.steps) == 0 || n < 1 {
		return nil
	}
	if len(c.steps) <= n {
		return append([]Point(nil), c.steps...)
	}
	points := make([]Point, 0, n)
	first, last := float64(c.steps[0].Capacity), float64(c.Possible().Capacity)
	for i := range n {
		capacity := int(last)
		if i < n-1 {
			capacity = int(first * math.Pow(last/first, float64(i)/float64(n-1)))
		}
		if k := len(points); k == 0 || points[k-1].Capacity < capacity {
			points = append(points, c.At(capacity))
		}
	}
	return points
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
