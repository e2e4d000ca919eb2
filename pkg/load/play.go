package load

import (
	"cmp"
	"math/rand/v2"

	"multiturn/pkg/chat"
)

// Play is a conversation that is played once. In a run with control arms every
// conversation has two plays.
type Play struct {
	// Conversation is its index among those given.
	Conversation int
	Turns        []chat.Turn // at least one
	Arm          *Arm
	// Batch numbers, from 1, the pairs of batches of a run that plays its arms
	// ByBatch; 0 otherwise.
	Batch int
	// half numbers, from 1, the batches in the order in which they are played. No
	// two are in progress together.
	half int
}

// batches is the largest number of batches of each arm: enough for an interval
// of the difference between arms, and few enough that ends of batches, with
// clients idle, are a small part of the run.
const batches = 8

// Pairs returns the number of pairs of batches in which n conversations are
// played: 0 without a control, or if arms are played side by side.
func (o *Options) Pairs(n int) int {
	if !o.grouped() {
		return 0
	}
	return (n + o.batch(n) - 1) / o.batch(n)
}

// grouped reports whether arms are played by batch.
func (o *Options) grouped() bool {
	return o.Control == Cold || o.Control.Arms() > 1 && o.Mix != ByConversation
}

// batch returns the number of conversations of a batch, of n.
func (o *Options) batch(n int) int {
	return max(cmp.Or(o.Active, o.Clients), (n+batches-1)/batches, 1)
}

// deal returns the plays in the order in which they begin.
func (o *Options) deal(conversations []chat.Conversation) []Play {
	d := dealer{opt: o, conversations: conversations, arms: o.Control.arms()}
	if len(d.arms) == 1 {
		d.add(0, len(conversations), &d.arms[0], 0)
		return d.plays
	}
	size := 1
	if o.grouped() {
		size = o.batch(len(conversations))
	}
	for pair, swapped := range o.swaps((len(conversations) + size - 1) / size) {
		from, to := pair*size, min((pair+1)*size, len(conversations))
		for k := range d.arms {
			arm, half := k, 0
			if swapped {
				arm = 1 - k
			}
			if o.grouped() {
				half = 2*pair + k + 1
			}
			d.add(from, to, &d.arms[arm], half)
		}
	}
	return d.plays
}

// swaps returns for which of n pairs the second arm goes first: for half of
// them, so that neither arm has the better place.
func (o *Options) swaps(n int) []bool {
	swapped := make([]bool, n)
	for i := range swapped {
		swapped[i] = i%2 == 1
	}
	rng := rand.New(rand.NewPCG(uint64(o.Seed), streamArms))
	rng.Shuffle(n, func(i, j int) { swapped[i], swapped[j] = swapped[j], swapped[i] })
	return swapped
}

// dealer makes plays of conversations.
type dealer struct {
	opt           *Options
	conversations []chat.Conversation
	arms          []Arm
	plays         []Play
}

// add adds plays of conversations[from:to] that have a turn.
func (d *dealer) add(from, to int, arm *Arm, half int) {
	for i := from; i < to; i++ {
		turns := d.conversations[i].Cut(d.opt.MaxMessages)
		if len(turns) == 0 {
			continue
		}
		d.plays = append(d.plays, Play{
			Conversation: i, Turns: turns, Arm: arm, Batch: (half + 1) / 2, half: half,
		})
	}
}
