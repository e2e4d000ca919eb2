package tokenizer

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// Tokenizer turns text into token ids and back. It is safe for concurrent use.
type Tokenizer struct {
	name, source, digest string

	raw, normalized *addedTokens // found in the text as it came, and after the normalizers
	normalizers     []normalization
	steps           []step
	model           model

	decodings  []decoding
	plainBytes bool // the decoder is ByteLevel and nothing else
	// spelled has the tokens that are not spelled as their bytes in the
	// byte-level alphabet.
	spelled map[uint32]string
	special []bool // by id

	added   int  // special tokens around a text
	cleanUp bool // clean_up_tokenization_spaces

	workers sync.Pool
	trouble
}

// ready is the last step of making a Tokenizer.
func (t *Tokenizer) ready() {
	t.workers.New = func() any { return &worker{Tokenizer: t, cache: make([]cached, 1<<cacheBits)} }
}

// Name returns the name of the tokenizer for outputs: o200k_base, or the last
// part of the path that it was loaded from.
func (t *Tokenizer) Name() string { return t.name }

// Source returns where the tokenizer came from: the path of its file,
// "embedded" for O200kBase, and "" after Parse.
func (t *Tokenizer) Source() string { return t.source }

// SHA256 returns the digest of the tokenizer's file in hexadecimal, or of the
// embedded data for O200kBase.
func (t *Tokenizer) SHA256() string { return t.digest }

// Size returns the number of ids: the largest id plus one, including added
// tokens.
func (t *Tokenizer) Size() int { return len(t.model.spans) }

// SpecialTokensAdded returns the number of special tokens, such as BOS, that
// encoding with special tokens adds to a text. Encode and Count leave them out.
func (t *Tokenizer) SpecialTokensAdded() int { return t.added }

// CleansUpSpaces reports whether tokenizer_config.json asks for
// clean_up_tokenization_spaces, which transformers up to version 4 obeys.
// Decode never does; see CleanUpSpaces.
func (t *Tokenizer) CleansUpSpaces() bool { return t.cleanUp }

// Encode returns the ids of text, as Hugging Face's
// encode(add_special_tokens=False) does. Added tokens in the text, special or
// not, are found, except for those of a tekken.json; special tokens around the
// text are not added. Invalid UTF-8 is replaced as by Python's errors="replace".
func (t *Tokenizer) Encode(text string) []int32 {
	return t.Append(make([]int32, 0, len(text)/4+8), text)
}

// Append appends the ids of text to dst.
func (t *Tokenizer) Append(dst []int32, text string) []int32 {
	w := t.workers.Get().(*worker)
	w.out = dst
	w.encode(text)
	dst, w.out = w.out, nil
	t.workers.Put(w)
	return dst
}

// Count returns len(Encode(text)), without making the ids.
func (t *Tokenizer) Count(text string) int {
	w := t.workers.Get().(*worker)
	w.out = w.own[:0]
	w.encode(text)
	n := len(w.out)
	w.own, w.out = w.out, nil
	t.workers.Put(w)
	return n
}

// worker is the scratch memory of one call. Workers are pooled, so their cache
// of words survives.
type worker struct {
	*Tokenizer
	out    []int32 // the ids so far
	own    []int32 // memory for out in Count
	pieces []piece // scratch of delimited

	// Of the model.
	cache      []cached
	ids, ranks []uint32
	prev, next []int32
	heap       []uint64
}

// encode appends the ids of text to w.out. Added tokens cut the text; the rest
// is normalized, cut by the added tokens of normalized text, and pre-tokenized.
func (w *worker) encode(text string) {
	if w.failed() {
		return
	}
	if !utf8.ValidString(text) {
		text = validUTF8(text)
	}
	w.splitAdded(w.raw, text, true)
}

// splitAdded finds the tokens of a in s and encodes the text between them.
// start is set if s is the start of the text.
func (w *worker) splitAdded(a *addedTokens, s string, start bool) {
	at := 0 // the text from here on is not encoded yet
	for i := 0; i < len(s); {
		from, to, token := a.find(s, i)
		if token == nil {
			break
		}
		i = to
		if token.SingleWord && (endsWithWord(s[:from]) || startsWithWord(s[to:])) {
			continue
		}
		if token.LStrip {
			from = max(at, len(strings.TrimRightFunc(s[:from], isSpace)))
		}
		if token.RStrip {
			to = len(s) - len(strings.TrimLeftFunc(s[to:], isSpace))
		}
		if from > at {
			w.between(a, s[at:from], start && at == 0)
		}
		w.out = append(w.out, int32(token.ID))
		at = to
	}
	if at < len(s) {
		w.between(a, s[at:], start && at == 0)
	}
}

func (w *worker) between(a *addedTokens, s string, start bool) {
	if a == w.raw {
		w.splitAdded(w.normalized, w.normalize(s), start)
		return
	}
	w.pretokenize(0, s, start)
}

// pretokenize passes s to the given step, or to the model after the last step.
func (w *worker) pretokenize(step int, s string, start bool) {
	if step < len(w.steps) {
		w.steps[step].split(w, step+1, s, start)
		return
	}
	w.words(s)
}
