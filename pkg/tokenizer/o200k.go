package tokenizer

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"sync"
)

// O200k is the name of the embedded tokenizer.
const O200k = "o200k_base"

// The tokens in the order of their ranks, which are their ids, each after its
// length. scripts/o200k writes it.
//
//go:embed o200k_base.gz
var o200kTokens []byte

const (
	o200kCount = 199998
	o200kBytes = 1_603_000 // of the unpacked tokens and lengths, about
)

// O200kBase returns o200k_base, the vocabulary of OpenAI's newer models and,
// except for special tokens, of gpt-oss. It is embedded, and unpacked at the
// first call.
func O200kBase() *Tokenizer { return o200k() }

var o200k = sync.OnceValue(func() *Tokenizer {
	t, err := parseRanks(o200kTokens)
	if err != nil {
		panic(fmt.Sprintf("tokenizer: the embedded %s: %v", O200k, err)) // tests unpack it
	}
	sum := sha256.Sum256(o200kTokens)
	t.name, t.source, t.digest = O200k, "embedded", hex.EncodeToString(sum[:])
	return t
})

func parseRanks(packed []byte) (*Tokenizer, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, o200kBytes)
	text := bytes.NewBuffer(b)
	if _, err := io.Copy(text, z); err != nil {
		return nil, err
	}
	t, err := newRanked(patternO200k, o200kCount)
	if err != nil {
		return nil, err
	}
	m := &t.model
	m.text = text.Bytes()
	for i := 0; i < len(m.text); {
		end := i + 1 + int(m.text[i])
		if end > len(m.text) {
			return nil, io.ErrUnexpectedEOF
		}
		id := uint32(len(m.spans))
		m.spans = append(m.spans, span{uint32(i + 1), uint32(end)})
		m.long = max(m.long, end-i-1)
		m.insert(m.token(id), id)
		i = end
	}
	m.findSymbols()
	if err := t.addTokens(slices.Clone(o200kSpecials)); err != nil {
		return nil, err
	}
	t.ready()
	return t, nil
}
