package tokenizer

import (
	"errors"
	"fmt"
)

// newRanked starts a tokenizer whose tokens are made of bytes and merge in the
// order of their ids: those of o200k_base, tekken.json and tiktoken files. tokens
// is about how many there are.
func newRanked(pattern string, tokens int) (*Tokenizer, error) {
	loadClasses()
	t := &Tokenizer{
		plainBytes: true, spelled: map[uint32]string{},
		raw: newAddedTokens(), normalized: newAddedTokens(),
	}
	pre, err := t.tiktokenStep(pattern)
	if err != nil {
		return nil, err
	}
	t.steps = []step{pre}
	m := &t.model
	m.byteLevel, m.ranked, m.ignoreMerges, m.unk = true, true, true, none
	m.vocabulary = newVocabulary(tokens)
	return t, nil
}

// addRanked adds a token. Two tokens with one id, or two ids of one token, are an
// error: the file is not what it seems.
func (t *Tokenizer) addRanked(token []byte, id uint32) error {
	m := &t.model
	switch {
	case len(token) == 0:
		return errors.New("the token is empty")
	case id >= maxIDs:
		return fmt.Errorf("the id %d is too large: the largest possible one is %d", id, maxIDs-1)
	case t.has(int32(id)):
		return fmt.Errorf("the id %d is already that of %q", id, m.token(id))
	}
	s := view(token)
	if other := m.id(s); other != none {
		return fmt.Errorf("the token %q already has the id %d", token, other)
	}
	m.put(s, id)
	return nil
}

// finishRanked is called when all tokens are added.
func (t *Tokenizer) finishRanked() error {
	t.model.findSymbols()
	for b, id := range t.model.byteID {
		if id == none {
			return fmt.Errorf("the byte 0x%02x has no token, so some texts have no ids", b)
		}
	}
	return nil
}

// tiktokenStep returns the step that splits text by a pattern of tiktoken, which
// leaves out the text that the pattern does not match.
func (t *Tokenizer) tiktokenStep(pattern string) (step, error) {
	if f := tiktokenSplitters[pattern]; f != nil {
		return f, nil
	}
	if coversText[pattern] {
		return splitters[pattern], nil
	}
	find, err := t.compile(pattern, rust)
	if err != nil {
		return nil, err
	}
	return &delimited{find: find, behaviour: removed, invert: true}, nil
}
