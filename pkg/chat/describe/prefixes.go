package describe

import (
	"cmp"
	"slices"
)

// tableSize is how many sums of blocks the table holds: 32 MiB.
const tableSize = 1 << 22

// mostSystems is how many different system prompts are told apart, so that a
// dataset in which each is different does not fill the memory.
const mostSystems = 1 << 18

// prefixes counts what first prompts share with those of earlier conversations.
type prefixes struct {
	table         []uint64
	bytes, shared int64
	conversations int // that share something
	systems       map[uint64]*System
	without       int  // conversations without a system prompt
	tooMany       bool // systems is full
}

func newPrefixes() prefixes {
	return prefixes{table: make([]uint64, tableSize), systems: map[uint64]*System{}}
}

func (p *prefixes) add(f *Facts) {
	p.bytes += int64(f.prefixBytes)
	sharing, shared := true, 0
	for _, sum := range f.prefix {
		slot := &p.table[sum%tableSize]
		if sharing = sharing && *slot == sum; sharing {
			shared += blockBytes
		}
		*slot = sum
	}
	p.shared += int64(shared)
	if shared > 0 {
		p.conversations++
	}
	p.addSystem(f)
}

func (p *prefixes) addSystem(f *Facts) {
	if f.systemSum == 0 {
		p.without++
		return
	}
	s := p.systems[f.systemSum]
	if s == nil {
		if len(p.systems) == mostSystems {
			p.tooMany = true
			return
		}
		s = &System{Begin: f.system, Tokens: f.systemTokens, order: len(p.systems)}
		p.systems[f.systemSum] = s
	}
	s.Conversations++
}

// systemsListed is how many of the most frequent system prompts are listed.
const systemsListed = 10

// frequent returns the system prompts that several conversations have, the most
// frequent first.
func (p *prefixes) frequent() []System {
	var all []System
	for _, s := range p.systems {
		if s.Conversations > 1 {
			all = append(all, *s)
		}
	}
	slices.SortFunc(all, func(a, b System) int {
		return cmp.Or(cmp.Compare(b.Conversations, a.Conversations), cmp.Compare(a.order, b.order))
	})
	return all[:min(len(all), systemsListed)]
}
