package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// section is where a value lies in the file.
type section struct{ from, to int }

func sections(b []byte, i int) (map[string]section, error) {
	m := map[string]section{}
	_, err := object(b, i, func(key []byte, i int) (int, error) {
		end, err := skip(b, i)
		m[string(key)] = section{i, end}
		return end, err
	})
	return m, err
}

// Parse reads a tokenizer.json. A component that is not implemented is an error that names it.
func Parse(b []byte) (*Tokenizer, error) {
	loadClasses()
	t := &Tokenizer{spelled: map[uint32]string{}}
	t.model.unk = none
	file, err := sections(b, 0)
	if err != nil {
		return nil, err
	}
	if _, ok := file["model"]; !ok {
		return nil, errors.New("model is missing: this is not a tokenizer.json")
	}
	inModel, err := sections(b, file["model"].from)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	read := func(in map[string]section, key string, v any) {
		at, ok := in[key]
		if ok && err == nil {
			if err = json.Unmarshal(b[at.from:at.to], v); err != nil {
				err = fmt.Errorf("%s: %w", key, err)
			}
		}
	}

	var kind, prefix, suffix string
	var unk *string
	var dropout float64
	read(inModel, "type", &kind)
	read(inModel, "unk_token", &unk)
	read(inModel, "continuing_subword_prefix", &prefix)
	read(inModel, "end_of_word_suffix", &suffix)
	read(inModel, "dropout", &dropout)
	read(inModel, "ignore_merges", &t.model.ignoreMerges)
	read(inModel, "byte_fallback", &t.model.byteFallback)
	read(inModel, "fuse_unk", &t.model.fuseUnk)
	var norm *normalizer
	var pre *preTokenizer
	var dec *decoder
	var post *postProcessor
	var added []addedToken
	read(file, "normalizer", &norm)
	read(file, "pre_tokenizer", &pre)
	read(file, "decoder", &dec)
	read(file, "post_processor", &post)
	read(file, "added_tokens", &added)
	if err != nil {
		return nil, err
	}
	_, hasMerges := inModel["merges"]
	switch {
	case kind != "BPE" && !(kind == "" && hasMerges):
		return nil, fmt.Errorf("model of type %q is not supported (only BPE is)", kind)
	case prefix != "":
		return nil, errors.New("model: continuing_subword_prefix is not supported")
	case suffix != "":
		return nil, errors.New("model: end_of_word_suffix is not supported")
	case dropout != 0:
		return nil, errors.New("model: dropout is not supported: counts would be random")
	}
	if norm != nil {
		if err := t.addNormalizers(norm); err != nil {
			return nil, err
		}
	}
	if pre != nil {
		if err := t.addSteps(pre); err != nil {
			return nil, err
		}
		t.finishSteps()
	}
	if dec != nil {
		if err := t.addDecoders(dec); err != nil {
			return nil, err
		}
		t.plainBytes = dec.Type == "ByteLevel" && t.model.byteLevel
	}
	if post != nil {
		if t.added, err = post.added(); err != nil {
			return nil, err
		}
	}
	if err := t.readVocabulary(b, inModel["vocab"].from); err != nil {
		return nil, fmt.Errorf("model: vocab: %w", err)
	}
	if err := t.readMerges(b, inModel["merges"]); err != nil {
		return nil, fmt.Errorf("model: merges: %w", err)
	}
	t.model.findSymbols()
	if unk != nil {
		t.model.unk = t.model.id(*unk)
	}
	t.model.findWordStarts()
	if err := t.addTokens(added); err != nil {
		return nil, fmt.Errorf("added_tokens: %w", err)
	}
	t.ready()
	return t, nil
}

// bytesOf is the token spelled s: of a byte-level model the bytes it stands for, if it is written in the alphabet.
func (t *Tokenizer) bytesOf(buf []byte, s []byte) (b []byte, ok bool) {
	if !t.model.byteLevel {
		return s, true
	}
	if b, ok = appendBytes(buf[:0], view(s)); ok {
		return b, true
	}
	return s, false
}

func (t *Tokenizer) readVocabulary(b []byte, i int) error {
	t.model.vocabulary = newVocabulary((len(b) - i) / 80)
	var buf []byte
	_, err := object(b, i, func(key []byte, i int) (int, error) {
		id, i, err := number(b, i, maxIDs)
		if err != nil {
			return i, err
		}
		token, ok := t.bytesOf(buf, key)
		if !ok { // no text leads to it
			t.spelled[uint32(id)] = string(key)
			t.model.spell(uint32(id), view(key))
			return i, nil
		}
		if t.model.byteLevel {
			buf = token
		}
		t.model.put(view(token), uint32(id))
		return i, nil
	})
	return err
}

// readMerges reads merges given as ["a", "b"] or, in older files, "a b".
func (t *Tokenizer) readMerges(b []byte, at section) error {
	m := &t.model
	m.merges = newMerges((at.to - at.from) / 24)
	if at.to == 0 {
		return nil
	}
	var buf [256]byte
	var pair [2][]byte
	var both []byte
	set := func(k int, s []byte) {
		if token, ok := t.bytesOf(pair[k], s); ok && t.model.byteLevel {
			pair[k] = token
		} else {
			pair[k] = append(pair[k][:0], s...)
		}
	}
	_, err := array(b, at.from, func(i int) (int, error) {
		start := i
		n := 0
		if i < len(b) && b[i] == '[' {
			var err error
			i, err = array(b, i, func(i int) (int, error) {
				s, i, err := str(b, i, buf[:])
				if err == nil && n < 2 {
					set(n, s)
				}
				n++
				return i, err
			})
			if err != nil {
				return i, err
			}
		} else {
			s, next, err := str(b, i, buf[:])
			if err != nil {
				return i, err
			}
			i = next
			if k := bytes.IndexByte(s, ' '); k > 0 && bytes.IndexByte(s[k+1:], ' ') < 0 {
				set(0, s[:k])
				set(1, s[k+1:])
				n = 2
			}
		}
		if n != 2 {
			return i, fmt.Errorf("merge %d: %s is not two tokens", len(m.made), b[start:i])
		}
		both = append(append(both[:0], pair[0]...), pair[1]...)
		left, right, made := m.id(view(pair[0])), m.id(view(pair[1])), m.id(view(both))
		if left == none || right == none || made == none {
			return i, fmt.Errorf("merge %d: %s names a token that is not in the vocabulary", len(m.made), b[start:i])
		}
		if len(m.made) >= maxRanks {
			return i, fmt.Errorf("more than %d merges", maxRanks)
		}
		m.add(left, right, made)
		return i, nil
	})
	return err
}

// findSymbols sets the ids that merging starts from.
func (m *model) findSymbols() {
	m.runeID = map[rune]uint32{}
	for b := range 256 {
		m.byteID[b] = none
		if m.byteLevel || b < utf8.RuneSelf {
			m.byteID[b] = m.id(string([]byte{byte(b)}))
		}
		m.fallback[b] = m.id(fmt.Sprintf("<0x%02X>", b))
	}
	if m.byteLevel {
		return
	}
	for id := range m.spans {
		s := m.token(uint32(id))
		if r, n := utf8.DecodeRuneInString(s); n > 1 && n == len(s) {
			m.runeID[r] = m.id(s)
		}
	}
}

// addTokens registers the added tokens. A content that is a token of the model has that token's id; the others are
// numbered after the model's tokens, in their order: the ids in the file do not count, but nearly always say the same.
func (t *Tokenizer) addTokens(added []addedToken) error {
	t.raw, t.normalized = newAddedTokens(), newAddedTokens()
	m := &t.model
	known := map[string]uint32{}
	for id, s := range t.spelled {
		known[s] = id
	}
	next := uint32(m.n + len(known))
	var buf []byte
	for i := range added {
		a := &added[i]
		if a.Content == "" {
			continue
		}
		token, inAlphabet := t.bytesOf(buf, []byte(a.Content))
		id, ok := known[a.Content]
		if !ok && inAlphabet {
			id = m.id(view(token))
			ok = id != none
		}
		if !ok {
			if id = next; m.ranked {
				id = a.ID // these were never numbered by that rule
			}
			next++
		}
		known[a.Content] = id
		if a.ID = id; id >= maxIDs {
			return fmt.Errorf("more than %d tokens", maxIDs)
		}
		content := a.Content
		if a.Normalized { // it is decoded so, too
			content = t.normalize(content)
			token, _ = t.bytesOf(buf, []byte(content))
			t.normalized.add(content, a)
		} else {
			t.raw.add(content, a)
		}
		m.spell(id, string(token))
		t.spelled[id] = content
	}
	// Special is what is spelled like a special token. One that decodes to something else, being normalized, is not.
	special := map[string]bool{}
	for _, a := range added {
		special[a.Content] = special[a.Content] || a.Special
	}
	t.special = make([]bool, len(m.spans))
	for id, s := range t.spelled {
		t.special[id] = special[s]
	}
	return nil
}

// postProcessor is a post_processor of tokenizer.json. Only the number of tokens that it adds is looked at.
type postProcessor struct {
	Type       string          `json:"type"`
	Processors []postProcessor `json:"processors"`
	Single     []struct {
		SpecialToken *struct {
			ID string `json:"id"`
		}
	} `json:"single"`
	SpecialTokens map[string]struct {
		IDs []int `json:"ids"`
	} `json:"special_tokens"`
}

func (p *postProcessor) added() (int, error) {
	n := 0
	switch p.Type {
	case "ByteLevel":
	case "Sequence":
		for i := range p.Processors {
			k, err := p.Processors[i].added()
			if err != nil {
				return 0, err
			}
			n += k
		}
	case "TemplateProcessing":
		for _, s := range p.Single {
			if s.SpecialToken != nil {
				n += len(p.SpecialTokens[s.SpecialToken.ID].IDs)
			}
		}
	case "BertProcessing", "RobertaProcessing":
		n = 2
	default:
		return 0, fmt.Errorf("post_processor %q is not supported", p.Type)
	}
	return n, nil
}
