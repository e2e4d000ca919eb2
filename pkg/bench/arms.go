package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tidwall/gjson"

	"multiturn/pkg/chat"
	"multiturn/pkg/record"
)

// Control is what turns are compared with in the same run.
type Control string

// Controls; the package comment says how they are played.
const (
	NoControl Control = "none"
	NoReuse   Control = "no-reuse" // prompts as long, of which nothing was sent before
	Cold      Control = "cold"     // the same prompts, the server's cache emptied before each
	AA        Control = "aa"       // no-reuse against no-reuse: the comparison itself is tested
)

// Mix is how the arms of a run share it.
type Mix string

// Mixes; the package comment says which is for what.
const (
	ByBatch        Mix = "batch"        // some conversations in one arm, then the same in the other, each under its own load
	ByConversation Mix = "conversation" // both plays of a conversation side by side, under one load
)

// batches is how many batches a run has at most, of each arm.
const batches = 8

// Salts draws texts that no prompt has begun with, all equally long. Safe for concurrent use.
type Salts interface {
	Next() string
	Tokens() int // of each
}

// arm is one of the two ways to play a conversation.
type arm struct {
	name string
	// first: its conversations are the run's; the other arm's are there for comparison only.
	first bool
	// salt stands at the start of all prompts of the arm; "" with unique false: there is none. unique: each has its own.
	salt   string
	unique bool
	// cold: the cache is emptied before every turn.
	cold bool
}

// arms are the arms of a run; one without a name when there is no control.
func (o *Options) arms() []arm {
	switch o.Control {
	case NoReuse:
		// One salt for the whole arm, so that what conversations share stays shared, and no other run has it.
		return []arm{{name: record.ArmMeasured, first: true, salt: o.Salts.Next()}, {name: record.ArmNoReuse, unique: true}}
	case AA:
		return []arm{{name: record.ArmAA1, first: true, unique: true}, {name: record.ArmAA2, unique: true}}
	case Cold:
		return []arm{{name: record.ArmMeasured, first: true}, {name: record.ArmCold, cold: true}}
	}
	return []arm{{first: true}}
}

// Arms is how often every conversation is played.
func (c Control) Arms() int {
	if c == "" || c == NoControl {
		return 1
	}
	return 2
}

// deal lists the plays in the order in which they start.
func (o *Options) deal(conversations []chat.Conversation) ([]*play, error) {
	arms := o.arms()
	var plays []*play
	add := func(c *chat.Conversation, a *arm, group int) error {
		p := newPlay(len(plays), c, o.MaxTurns)
		if len(p.turns) == 0 {
			return nil
		}
		p.arm, p.group, p.session = a, group, c.ID
		if a.name != "" {
			p.session += "/" + a.name
		}
		plays = append(plays, p)
		return o.mark(p)
	}
	if len(arms) == 1 {
		for i := range conversations {
			if err := add(&conversations[i], &arms[0], 0); err != nil {
				return nil, err
			}
		}
		return plays, nil
	}

	// Which arm goes first: each in half of the pairs, which half by the seed, so that neither has the better place.
	size := 1
	grouped := o.Control == Cold || o.Mix != ByConversation
	if grouped {
		size = max(o.Active, (len(conversations)+batches-1)/batches)
	}
	pairs := (len(conversations) + size - 1) / size
	swapped := make([]bool, pairs)
	for i := range swapped {
		swapped[i] = i%2 == 1
	}
	rng := rand.New(rand.NewPCG(uint64(o.Seed), 3)) // 1 and 2 are the order of turns; see phase
	rng.Shuffle(pairs, func(i, j int) { swapped[i], swapped[j] = swapped[j], swapped[i] })
	for pair := range pairs {
		batch := conversations[pair*size : min((pair+1)*size, len(conversations))]
		for k := range arms {
			a, group := &arms[k], 0
			if swapped[pair] {
				a = &arms[1-k]
			}
			if grouped {
				group = 2*pair + k + 1
			}
			for i := range batch {
				if err := add(&batch[i], a, group); err != nil {
					return nil, err
				}
			}
		}
	}
	return plays, nil
}

// mark says where in a play's prompts a salt or the marker goes, if it has one.
func (o *Options) mark(p *play) error {
	first := p.conv.Messages[:p.turns[0].To]
	switch {
	case p.arm.unique || p.arm.salt != "":
		p.mark, p.markTokens = p.arm.salt, o.Salts.Tokens()
		p.markAt = firstText(first, "")
	case o.Marker != "":
		p.mark = o.Marker
		if o.Counter != nil {
			p.markTokens = o.Counter.Count(o.Marker)
		}
		if p.markAt = firstText(first, chat.User); p.markAt < 0 {
			p.markAt = firstText(first, "")
		}
	default:
		p.markAt = -1
		return nil
	}
	if p.markAt < 0 {
		return fmt.Errorf("conversation %s: its first turn has no text that a salt could be put before; leave it out, or run without --control and --cache-salt text", p.conv.ID)
	}
	return nil
}

// firstText is the index of the first message, of that role if one is named, that a salt can be put before; -1 = none.
func firstText(messages []chat.Message, role string) int {
	for i := range messages {
		m := &messages[i]
		if role != "" && m.Role != role {
			continue
		}
		if c := gjson.GetBytes(m.Raw, "content"); m.Raw == nil || c.Type == gjson.String || c.IsArray() {
			return i
		}
	}
	return -1
}

// markPlace is where in a message's JSON a salt goes, and what it looks like there.
func markPlace(message []byte) (at int, quote func(salt string) []byte) {
	c := gjson.GetBytes(message, "content")
	if c.IsArray() {
		end := "},"
		if len(c.Array()) == 0 {
			end = "}"
		}
		return c.Index + 1, func(salt string) []byte {
			return append(chat.AppendString([]byte(`{"type":"text","text":`), salt), end...)
		}
	}
	return c.Index + 1, func(salt string) []byte {
		quoted := chat.AppendString(nil, salt)
		return quoted[1 : len(quoted)-1]
	}
}

// How often and after what pause emptying the cache is tried: servers refuse while they still clean up after a request.
const (
	resets     = 5
	resetPause = 100 * time.Millisecond
)

// empty empties the server's cache.
func (r *run) empty(ctx context.Context) error {
	var err error
	for i := range resets {
		if i > 0 && !sleep(resetPause<<i, ctx.Done()) {
			break
		}
		if err = r.opt.Reset(ctx); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// validateControl says what is wrong with the options of control arms.
func (o *Options) validateControl() error {
	switch o.Mix {
	case "", ByBatch, ByConversation:
	default:
		return fmt.Errorf("--control-mix is %q; it must be %s or %s", o.Mix, ByBatch, ByConversation)
	}
	switch o.Control {
	case "", NoControl:
	case NoReuse, AA:
		if o.Salts == nil {
			return fmt.Errorf("--control %s: there is no source of salts", o.Control)
		}
	case Cold:
		switch {
		case o.Clients > 1:
			return fmt.Errorf("--control %s with --num-clients %d: a reset empties the cache for all requests, and servers refuse it while some run; use 1 client, or --control %s", Cold, o.Clients, NoReuse)
		case o.Warmup:
			return fmt.Errorf("--control %s with --warmup-step: the first reset would undo the warm-up", Cold)
		case o.Reset == nil:
			return fmt.Errorf("--control %s: there is no way to empty the server's cache", Cold)
		}
	default:
		return fmt.Errorf("--control is %q; it must be %s, %s, %s or %s", o.Control, NoControl, NoReuse, Cold, AA)
	}
	return nil
}
