package load

import (
	"cmp"

	"multiturn/internal/field"
	"multiturn/pkg/record"
)

// Balance is how turns are shared among the replicas of a server.
type Balance string

// Balances.
const (
	// BalanceSticky sends all turns of a conversation to one replica: the one with the
	// fewest conversations in progress when its first turn is sent; of several, the
	// one that has begun the fewest; of several, the first. A conversation that is
	// played again stays there, after a warm-up and in the other control arm, so
	// that the arms of a pair differ in the cache only.
	BalanceSticky Balance = record.BalanceSticky
	// BalanceRoundRobin sends each turn to the next replica in turn.
	BalanceRoundRobin Balance = record.BalanceRoundRobin
	// BalanceLeast sends each turn to the replica with the fewest of the run's
	// turns in flight; of several, to the one that has had the fewest turns.
	BalanceLeast Balance = record.BalanceLeast
)

// validateReplicas adds what is wrong with the options of replicas.
func (o *Options) validateReplicas(errs *field.Errors) {
	if o.Replicas < 0 {
		errs.Addf("Replicas", "is %d; it must be at least 1", o.Replicas)
	}
	switch o.Balance {
	case "", BalanceSticky, BalanceRoundRobin, BalanceLeast:
	default:
		errs.Addf("Balance", "is %q; it must be %s, %s or %s", o.Balance, BalanceSticky,
			BalanceRoundRobin, BalanceLeast)
	}
}

// balancer chooses the replicas of turns. They are numbered from 0.
type balancer struct {
	how      Balance
	replicas []replica
	next     int   // for BalanceRoundRobin
	home     []int // by conversation: its replica for BalanceSticky; -1 = none yet
}

// replica is what a replica has to do, and what it had.
type replica struct {
	inFlight, turns   int
	inProgress, dealt int // conversations
}

func newBalancer(o *Options, conversations int) *balancer {
	b := &balancer{how: o.Balance, replicas: make([]replica, o.Replicas)}
	b.home = make([]int, conversations)
	for i := range b.home {
		b.home[i] = -1
	}
	return b
}

// send returns the replica for a turn of a conversation. begins is set for the
// play's first turn in this phase.
func (b *balancer) send(conversation int, begins bool) int {
	n := b.choose(conversation)
	r := &b.replicas[n]
	r.inFlight++
	r.turns++
	if begins {
		r.inProgress++
		r.dealt++
	}
	return n
}

func (b *balancer) choose(conversation int) int {
	switch b.how {
	case BalanceRoundRobin:
		n := b.next
		b.next = (n + 1) % len(b.replicas)
		return n
	case BalanceLeast:
		return b.least(func(x, y *replica) int {
			return cmp.Or(cmp.Compare(x.inFlight, y.inFlight), cmp.Compare(x.turns, y.turns))
		})
	}
	if b.home[conversation] < 0 {
		b.home[conversation] = b.least(func(x, y *replica) int {
			return cmp.Or(cmp.Compare(x.inProgress, y.inProgress), cmp.Compare(x.dealt, y.dealt))
		})
	}
	return b.home[conversation]
}

// least returns the first of the least replicas.
func (b *balancer) least(compare func(x, y *replica) int) int {
	best := 0
	for n := range b.replicas {
		if compare(&b.replicas[n], &b.replicas[best]) < 0 {
			best = n
		}
	}
	return best
}

// ended notes that a turn has ended, and with over that its play has.
func (b *balancer) ended(n int, over bool) {
	b.replicas[n].inFlight--
	if over {
		b.replicas[n].inProgress--
	}
}
