package probe

import (
	"context"
	"slices"

	"multiturn/pkg/record"
)

// Transcripts keeps what was said in some conversations of a run, to check their
// prefixes after it.
type Transcripts struct {
	sample        int
	conversations []*transcript
	byID          map[string]*transcript
}

type transcript struct {
	id, arm string
	turns   []Turn
}

// NewTranscripts returns Transcripts that keep the first conversations of a run,
// sample at most.
func NewTranscripts(sample int) *Transcripts {
	return &Transcripts{sample: sample, byID: map[string]*transcript{}}
}

// Add takes a finished turn. Of a run with two arms it keeps the one whose
// prompts are meant to begin alike. The slices of said are copied.
func (t *Transcripts) Add(turn *record.Turn, said Turn) {
	switch turn.Arm {
	case record.ArmNoReuse, record.ArmCold, record.ArmAA2:
		return
	}
	c := t.byID[turn.Conversation]
	if c == nil {
		if len(t.conversations) == t.sample {
			return
		}
		c = &transcript{id: turn.Conversation, arm: turn.Arm}
		t.byID[c.id] = c
		t.conversations = append(t.conversations, c)
	}
	said.Asked = slices.Clone(said.Asked)
	if turn.Usage != nil {
		said.Generated = turn.Usage.Completion
	}
	c.turns = append(c.turns, said)
}

// Summary is what a check of prefixes found.
type Summary struct {
	Checked int // turns
	Broken  int // of them
	// Kinds are the broken prefixes, grouped by what broke and where, the kind
	// that was found first at the head.
	Kinds []Kind
	// Unchecked is the tokenizer's error that ended the check early.
	Unchecked error
}

// Kind is a group of prefixes that broke alike.
type Kind struct {
	First record.Prefix
	N     int
}

// Check checks the prefixes of what was kept and hands the record of each turn
// to sink. It ends early, without an error, if ctx does or the tokenizer fails;
// its error is that of sink.
func (t *Transcripts) Check(
	ctx context.Context, tok Tokenizer, sink func(*record.Prefix) error,
) (*Summary, error) {
	s := &Summary{}
	for _, c := range t.conversations {
		found, err := Prefixes(ctx, tok, c.id, c.turns)
		for i := range found {
			found[i].Arm = c.arm
			if err := sink(&found[i]); err != nil {
				return s, err
			}
			s.add(&found[i])
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			s.Unchecked = err
			break
		}
	}
	return s, nil
}

func (s *Summary) add(p *record.Prefix) {
	s.Checked++
	if p.Broken == "" {
		return
	}
	s.Broken++
	alike := func(k Kind) bool {
		f := &k.First
		return f.Broken == p.Broken && f.Role == p.Role && f.Field == p.Field
	}
	if i := slices.IndexFunc(s.Kinds, alike); i >= 0 {
		s.Kinds[i].N++
		return
	}
	s.Kinds = append(s.Kinds, Kind{*p, 1})
}
