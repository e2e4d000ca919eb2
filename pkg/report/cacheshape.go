package report

import (
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
)

// CacheOptions state the server's cache, for predictions, and what else they
// need. The zero value takes what the records say of it.
type CacheOptions struct {
	// Stated goes before what the records say; nil = what the run's header
	// states.
	Stated *record.StatedCache
	// Model names the model whose keys and values fill sizes in GiB, unless
	// Stated does; "" = the run's.
	Model string
	// Turns are how turns are read, with the conversations' texts if they are
	// known. Its BlockSize is not used; history and number of turns are the run's
	// own where its header has them.
	Turns plan.Executed
}

// Shape returns the cache that hits are predicted for. With an error, which says
// why, none are.
func (c *Collector) Shape() (plan.Shape, error) {
	return c.evidence.Shape(c.o.Cache.Stated, c.o.Cache.Model)
}

// shape sets the cache that hits are predicted for, and notes on it.
func (p *CachePlan) shape(c *Collector) {
	var err error
	p.Shape, err = c.Shape()
	p.Notes = p.Shape.Notes
	if err != nil {
		p.rejected = "nothing is predicted: " + err.Error()
		p.Notes = append(p.Notes, p.rejected)
	}
}
