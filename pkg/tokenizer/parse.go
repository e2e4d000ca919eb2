package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"multiturn/internal/limits"
)

// Parse reads a tokenizer.json or a tekken.json. It returns an error that names the component if
// one is not implemented.
func Parse(b []byte) (*Tokenizer, error) {
	digest := make(chan string, 1)
	go func() {
		sum := sha256.Sum256(b)
		digest <- hex.EncodeToString(sum[:])
	}()
	t, err := parse(b)
	if err != nil {
		<-digest // until then the goroutine reads b
		return nil, err
	}
	t.digest = <-digest
	return t, nil
}

func parse(b []byte) (*Tokenizer, error) {
	loadClasses()
	parts, err := findParts(b)
	switch {
	case err != nil:
		return nil, err
	case isTekken(parts.file):
		return parseTekken(parts.file)
	case parts.file["model"] == nil:
		return nil, errNotTokenizer
	}
	return parseJSON(parts)
}

// parseJSON makes the tokenizer of a tokenizer.json.
func parseJSON(parts layout) (*Tokenizer, error) {
	t := &Tokenizer{spelled: map[uint32]string{}}
	t.model.unk = none
	file, inModel := parts.file, parts.model
	var err error
	read := func(in map[string][]byte, key string, v any) {
		text, ok := in[key]
		if ok && err == nil {
			if err = json.Unmarshal(text, v); err != nil {
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
		if err := checkSteps("normalizer", len(t.normalizers)); err != nil {
			return nil, err
		}
	}
	if pre != nil {
		if err := t.addSteps(pre); err != nil {
			return nil, err
		}
		if err := checkSteps("pre_tokenizer", len(t.steps)); err != nil {
			return nil, err
		}
		t.finishSteps()
	}
	if dec != nil {
		if err := t.addDecoders(dec); err != nil {
			return nil, err
		}
		if err := checkSteps("decoder", len(t.decodings)); err != nil {
			return nil, err
		}
		t.plainBytes = dec.Type == "ByteLevel" && t.model.byteLevel
	}
	if post != nil {
		if t.added, err = post.added(); err != nil {
			return nil, err
		}
	}
	if err := t.readVocabulary(inModel["vocab"]); err != nil {
		return nil, fmt.Errorf("model: vocab: %w", err)
	}
	if err := t.readMerges(parts.merges, parts.mergeCount); err != nil {
		return nil, fmt.Errorf("model: merges: %w", err)
	}
	t.model.findSymbols()
	if unk != nil {
		if err := t.setUnknown(*unk); err != nil {
			return nil, fmt.Errorf("model: %w", err)
		}
	}
	t.model.findWordStarts()
	if err := t.addTokens(added); err != nil {
		return nil, fmt.Errorf("added_tokens: %w", err)
	}
	t.ready()
	return t, nil
}

// findSymbols sets the ids of single bytes and characters, with which merging
// starts.
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

// setUnknown sets the token for unknown characters. A byte-level model with all
// bytes does not need it.
func (t *Tokenizer) setUnknown(token string) error {
	m := &t.model
	missing := slices.Contains(m.byteID[:], none)
	switch {
	case !m.byteLevel:
		if m.unk = m.id(token); m.unk == none {
			return fmt.Errorf("unk_token %q is not in the vocabulary", token)
		}
	case missing:
		return errors.New("unk_token of a byte-level model that lacks bytes is not supported")
	}
	return nil
}

// addTokens registers the added tokens. One whose content is a token of the
// model has that token's id; the others are numbered in order after the model's
// tokens, as the library does. The ids in the file are nearly always the same,
// and are ignored.
func (t *Tokenizer) addTokens(added []addedToken) error {
	t.raw, t.normalized = newAddedTokens(), newAddedTokens()
	m := &t.model
	known := map[string]uint32{}
	for id, s := range t.spelled {
		known[s] = id
	}
	next := uint32(m.n + len(known))
	var buf []byte
	size := 0
	for i := range added {
		a := &added[i]
		if a.Content == "" {
			continue
		}
		switch size += len(a.Content); {
		case len(a.Content) > limits.AddedToken:
			return &limits.Exceeded{What: fmt.Sprintf("%.20q...", a.Content), Limit: limits.AddedToken}
		case size > limits.AddedTokens:
			return &limits.Exceeded{What: "the text of all of them", Limit: limits.AddedTokens}
		}
		token, inAlphabet := t.bytesOf(buf, []byte(a.Content))
		id, ok := known[a.Content]
		switch {
		case m.ranked: // the ids are given, and nothing is written in the alphabet
			id, token = a.ID, []byte(a.Content)
			if t.has(int32(id)) && m.token(id) != a.Content {
				return fmt.Errorf("%q has the id %d of %q", a.Content, id, m.token(id))
			}
		case !ok && inAlphabet:
			if id = m.id(view(token)); id != none {
				break
			}
			fallthrough
		case !ok:
			id = next
			next++
		}
		known[a.Content] = id
		if a.ID = id; id >= maxIDs {
			return fmt.Errorf("the id %d is too large: the largest possible one is %d", id, maxIDs-1)
		}
		content := a.Content
		if a.Normalized { // it is decoded in this form, too
			if content = t.normalize(content); t.failed() {
				return t.Err()
			}
			token, _ = t.bytesOf(buf, []byte(content))
			t.normalized.add(content, a)
		} else {
			t.raw.add(content, a)
		}
		if !m.ranked || !t.has(int32(id)) {
			m.spell(id, string(token))
		}
		t.spelled[id] = content
	}
	// A token is special if it is spelled like one. A special token that is
	// normalized to another text is therefore not special.
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

// postProcessor is a post_processor of tokenizer.json. Only the number of
// tokens that it adds is used.
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
