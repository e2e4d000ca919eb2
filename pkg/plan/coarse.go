package plan

import (
	"fmt"

	"multiturn/internal/human"
	"multiturn/pkg/chat"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// Limits of what is followed block by block. Beyond them blocks are followed several
// at a time.
const (
	// maxBlocks is how many different blocks are followed: a plan has 8 bytes for
	// each, and 60 for each that is in a stated cache, so this is under 300 MB.
	maxBlocks = 4 << 20
	// maxNamed is how many blocks turns name that share no list of names with the turn
	// before: 8 bytes for each, so this is another 500 MB.
	maxNamed = 64 << 20
	// maxUses is how often blocks are used by all turns together, which is time:
	// ten million a second.
	maxUses = 512 << 20
)

// followed is what following the turns of a run takes, in tokens.
type followed struct{ different, named, used int }

// follow counts what the turns of a dialogue take. They are in their order.
func (f *followed) follow(x *executed, of []visit) {
	d := x.dialogues[of[0].dialogue]
	r := retelling{Executed: x.Executed, alone: record.SharesNothing(d.Arm)}
	for _, v := range of {
		t := x.at(int(v.source))
		prompt, output, _ := x.tokens(t)
		fresh := prompt + output
		switch kept, _ := r.kept(prompt); kept {
		case keptAll:
			fresh -= r.last.Prompt + r.last.Output
			f.named += fresh
		case keptPrompt:
			fresh -= r.last.Prompt
			f.named += prompt + output
		case keptNothing:
			f.named += fresh
		}
		f.different += fresh
		f.used += prompt + output
		r.remember(t, kvcache.Turn{Prompt: prompt, Output: output})
	}
}

// claim counts what the answers of a play take that are as long as the dataset or the
// simulation says. Texts are not counted: their blocks take less memory than they do.
func (f *followed) claim(s *Simulation, p *load.Play, c *chat.Conversation) {
	before := 0
	for _, t := range p.Turns {
		n := 0
		for _, m := range c.Answer(t) {
			n += m.OutputTokens
		}
		if t.Answer < 0 {
			n = s.AnswerTokens
		}
		if s.LimitMax > 0 {
			n = min(n, s.LimitMax)
		}
		n = max(n, s.LimitMin)
		f.different += n
		f.used += before + n
		f.named += n
		if s.DatasetHistory {
			f.named += before
		}
		before += n
	}
}

// stride returns how many blocks of that size to follow as one, a power of two.
func (f *followed) stride(blockSize int) int {
	n := 1
	for size := blockSize; f.different/size > maxBlocks || f.named/size > maxNamed ||
		f.used/size > maxUses; size *= 2 {
		n *= 2
	}
	return n
}

// coarseNote says what following blocks n at a time does to a plan.
func coarseNote(n, blockSize int) string {
	return fmt.Sprintf("the run used too many blocks to follow each: they are followed %d at a "+
		"time, and possible and predicted hits are up to %s a turn too low", n,
		human.Count((n-1)*blockSize, "token"))
}

// Coarsen makes the shape's blocks n times as large.
func (s *Shape) Coarsen(n int) {
	if n == 1 {
		return
	}
	s.BlockSize *= n
	s.Caches = s.Caches.Coarse(n)
	if s.Config != nil {
		s.Config = &s.Caches[s.Caches.smallest()]
		s.OffloadBlockSize = s.Config.OffloadBlockSize
	}
	for i := range s.Tiers {
		if b := &s.Tiers[i].Blocks; *b > 0 {
			*b = max(1, *b/n)
		}
	}
}

// Coarse returns the caches in blocks n times as large. Offloaded blocks that are no
// multiple of those are as large as those.
func (c Caches) Coarse(n int) Caches {
	var out Caches
	for _, config := range c {
		config.BlockSize *= n
		if config.OffloadBlockSize%config.BlockSize != 0 {
			config.OffloadBlockSize = 0
		}
		for t := range config.Tiers {
			if b := &config.Tiers[t].Blocks; *b > 0 {
				*b = max(1, *b/n)
			}
		}
		out = append(out, config)
	}
	return out
}
