package kvcache

import (
	"fmt"
	"slices"
	"strings"
)

// GiB is 2³⁰ bytes.
const GiB = 1 << 30

// Model is the part of a model that decides the size of its KV cache. See
// ParseModel and ModelByName.
type Model struct {
	Name string
	// Notes name the parts of the model that could not be counted.
	Notes []string

	layers []layerGroup
	// count is the number of layers, those without a cache not counted.
	count int
	// kvBits is the size of a cache element in bits, as the config has it: 16, 32, or 8 for a
	// quantised cache.
	kvBits int
	// stateBits is the size of an element of the recurrent state of linear-attention layers.
	stateBits int
}

// layerGroup is a number of layers of the same kind.
type layerGroup struct {
	count int
	kind  layerKind
	// Each of kvHeads heads keeps dim elements per token, key and value together. kvHeads 0 with
	// dim set is multi-head latent attention: one vector of dim elements for all heads, on every
	// tensor-parallel rank.
	kvHeads, dim int
	// window is the number of tokens after which the layer stops growing; 0 = it never does.
	window int
	// stateElements and convElements are the constant size of a linear-attention layer per
	// sequence: the recurrent state, at stateBits each, and the convolution, at the model's own
	// precision.
	stateElements, convElements int
	// indexBytes per token hold the 8-bit keys of a sparse-attention indexer and their scales.
	indexBytes int
}

// Serving describes how a model is served, as far as the size of its cache
// depends on it. The zero value is one GPU and the precision in the model's
// config.
type Serving struct {
	KVBits int // bits of a cache element; 0 = as in the model's config
	TP     int // tensor-parallel ranks; all sizes are per rank; 0 = 1
}

// ParseKVBits returns the bits of a cache element for the name of a cache type,
// as in vLLM's --kv-cache-dtype: 0 for auto, 16 for bfloat16 and float16, 32
// for float32, 8 for int8, fp8 and its variants.
func ParseKVBits(name string) (int, error) {
	switch s := strings.ToLower(name); {
	case s == "" || s == "auto":
		return 0, nil
	case slices.Contains([]string{"bfloat16", "bf16", "float16", "fp16", "f16", "half"}, s):
		return 16, nil
	case s == "float32" || s == "fp32" || s == "f32" || s == "float":
		return 32, nil
	case s == "int8" || strings.HasPrefix(s, "fp8") || strings.HasPrefix(s, "float8"):
		return 8, nil
	}
	return 0, fmt.Errorf(
		"unknown cache type %q: want auto, bfloat16, float16, float32, fp8 or int8", name)
}

// BytesPerToken returns the size of each further token of a sequence. Layers of
// bounded size are not counted.
func (m *Model) BytesPerToken(s Serving) int64 {
	var bits int64
	for _, g := range m.layers {
		if g.window == 0 {
			bits += int64(g.count) * m.tokenBits(g, s)
		}
	}
	return (bits + 7) / 8
}

// SequenceBytes returns the size of a sequence of that many tokens, including
// windows and constant states.
func (m *Model) SequenceBytes(tokens int, s Serving) int64 {
	var bits int64
	for _, g := range m.layers {
		bits += m.sequenceBits(g, tokens, s)
	}
	return (bits + 7) / 8
}

// sequenceBits returns what a sequence of that many tokens has in a group of
// layers.
func (m *Model) sequenceBits(g layerGroup, tokens int, s Serving) int64 {
	if g.window > 0 {
		tokens = min(tokens, g.window)
	}
	state := int64(g.stateElements)*int64(m.stateBits) +
		int64(g.convElements)*int64(max(16, m.kvBits))
	return int64(g.count) * (int64(tokens)*m.tokenBits(g, s) + state/int64(max(1, s.TP)))
}

// BlockBytes returns the size of a block. Layers of bounded size are not
// counted.
func (m *Model) BlockBytes(blockSize int, s Serving) int64 {
	return int64(blockSize) * m.BytesPerToken(s)
}

// Blocks returns how many blocks of blockSize tokens fit into bytes; Unlimited
// if no layer of the model grows with the context.
func (m *Model) Blocks(bytes float64, blockSize int, s Serving) int {
	size := m.BlockBytes(blockSize, s)
	if size == 0 {
		return Unlimited
	}
	return int(min(max(0, bytes/float64(size)), maxBlocks))
}

// tokenBits returns what one token adds to each layer of a group.
func (m *Model) tokenBits(g layerGroup, s Serving) int64 {
	bits := s.KVBits
	if bits == 0 {
		bits = m.kvBits
	}
	heads := int64(1) // latent attention: every rank has the whole vector
	if g.kvHeads > 0 {
		tp := max(1, s.TP)
		heads = int64((g.kvHeads + tp - 1) / tp) // with fewer heads than ranks, each rank has one
	}
	return heads*int64(g.dim)*int64(bits) + 8*int64(g.indexBytes)
}

// add adds one layer to the group of its kind.
func (m *Model) add(g layerGroup) {
	g.count = 1
	for i := range m.layers {
		same := m.layers[i]
		same.count = 1
		if same == g {
			m.layers[i].count++
			return
		}
	}
	m.layers = append(m.layers, g)
}

// checkSize rejects sizes far beyond any model, so that every product stays
// within 64 bits. Today's largest models have fewer than 2²⁰ cache elements a
// token.
func (m *Model) checkSize() error {
	const maxPerToken, maxPerSequence = 16 << 20, 16 << 30
	for _, g := range m.layers {
		token := (float64(max(1, g.kvHeads))*float64(g.dim) +
			float64(g.indexBytes)) * float64(g.count)
		state := float64(g.stateElements) + float64(g.convElements)
		if token > maxPerToken || state > maxPerSequence {
			return fmt.Errorf("model config: %.0f cache elements a token and %.0f a sequence "+
				"are beyond any model", token, state)
		}
	}
	return nil
}
