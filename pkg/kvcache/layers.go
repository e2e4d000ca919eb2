package kvcache

import (
	"fmt"
	"slices"

	"github.com/tidwall/gjson"
)

// layerKind is what a layer keeps per token or per sequence.
type layerKind int

const (
	noCache layerKind = iota
	fullLayer
	slidingLayer
	chunkedLayer
	linearLayer
	bothLayer // full attention beside a state, as in Falcon-H1
)

// kindNames are the kinds of layers as layer_types and layers_block_type name
// them.
var kindNames = map[string]layerKind{
	"full_attention": fullLayer, "attention": fullLayer, "hybrid": bothLayer,
	"sliding_attention": slidingLayer, "sliding_window": slidingLayer,
	"chunked_attention": chunkedLayer,
	"linear_attention":  linearLayer, "mamba": linearLayer, "mamba2": linearLayer,
	"recurrent": linearLayer, "conv": linearLayer,
	"mlp": noCache, "moe": noCache,
}

// maxLayers bounds the work that a config can cause. The deepest models have a
// few hundred layers.
const maxLayers = 10_000

// kinds returns the kind of every layer that has a cache of its own.
func (c *modelConfig) kinds(layers int) ([]layerKind, error) {
	if layers > maxLayers {
		return nil, fmt.Errorf("model config: %d layers are beyond any model", layers)
	}
	kinds, err := c.allKinds(layers)
	if err != nil {
		return nil, err
	}
	// The last layers may read the cache of earlier ones.
	return kinds[:len(kinds)-min(len(kinds), c.number("num_kv_shared_layers"))], nil
}

// allKinds returns the kind of every layer. Configs state it in one of several
// ways.
func (c *modelConfig) allKinds(layers int) ([]layerKind, error) {
	if list := c.get("layer_types", "layers_block_type"); list.IsArray() {
		return namedKinds(list.Array(), layers)
	}
	if list := c.get("attn_type_list"); list.IsArray() { // MiniMax
		return numberedKinds(list.Array()), nil
	}
	if list := c.get("linear_attn_config.full_attn_layers"); list.IsArray() { // Kimi Linear
		return fullAt("full_attn_layers", list.Array(), 1, layers)
	}
	if list := c.get("attn_layer_indices"); list.IsArray() { // Bamba
		return fullAt("attn_layer_indices", list.Array(), 0, layers)
	}
	if pattern := c.text("hybrid_override_pattern"); pattern != "" { // Nemotron-H
		return patternKinds(pattern), nil
	}
	if c.kind == "falcon_h1" {
		return slices.Repeat([]layerKind{bothLayer}, layers), nil
	}
	return c.periodicKinds(layers), nil
}

// namedKinds reads a list with the name of each layer's kind.
func namedKinds(names []gjson.Result, layers int) ([]layerKind, error) {
	var kinds []layerKind
	for _, v := range names {
		kind, ok := kindNames[v.String()]
		if !ok {
			return nil, fmt.Errorf("model config: unknown layer type %q", v.String())
		}
		kinds = append(kinds, kind)
	}
	if len(kinds) != layers {
		return nil, fmt.Errorf("model config: %d layer types for %d layers", len(kinds), layers)
	}
	return kinds, nil
}

// numberedKinds reads a list in which 1 is full attention and 0 is linear.
func numberedKinds(list []gjson.Result) []layerKind {
	var kinds []layerKind
	for _, v := range list {
		if v.Num == 1 {
			kinds = append(kinds, fullLayer)
		} else {
			kinds = append(kinds, linearLayer)
		}
	}
	return kinds
}

// fullAt reads the numbers of the full-attention layers, counted from first; the
// others are linear.
func fullAt(name string, list []gjson.Result, first, layers int) ([]layerKind, error) {
	kinds := slices.Repeat([]layerKind{linearLayer}, layers)
	for _, v := range list {
		i := v.Num - float64(first)
		if i < 0 || i >= float64(layers) {
			return nil, fmt.Errorf("model config: %s names layer %v of %d", name, v.Num, layers)
		}
		kinds[int(i)] = fullLayer
	}
	return kinds, nil
}

// patternKinds reads a string with one character for each layer: * is
// attention, M is Mamba, others have no cache.
func patternKinds(pattern string) []layerKind {
	var kinds []layerKind
	for _, r := range pattern {
		switch r {
		case '*':
			kinds = append(kinds, fullLayer)
		case 'M':
			kinds = append(kinds, linearLayer)
		}
	}
	return kinds
}

// periodicKinds returns layers among which every n-th has full attention and
// the rest are of another kind.
func (c *modelConfig) periodicKinds(layers int) []layerKind {
	every, offset, rest := 1, -1, fullLayer // offset -1: the last of every n
	window := c.number("sliding_window", "sliding_window_size") > 0
	if v := c.get("use_sliding_window"); v.Exists() {
		window = window && v.Bool()
	}
	switch {
	case c.number("full_attention_interval") > 0:
		every, rest = c.number("full_attention_interval"), linearLayer
	case c.number("attn_layer_period") > 0:
		every, offset, rest = c.number("attn_layer_period"),
			c.number("attn_layer_offset"), linearLayer
	case c.number("attention_chunk_size") > 0 && c.number("no_rope_layer_interval") > 0:
		every, rest = c.number("no_rope_layer_interval"), chunkedLayer
	case window && c.number("sliding_window_pattern") > 0:
		every, rest = c.number("sliding_window_pattern"), slidingLayer
	case window && c.get("max_window_layers").Exists() && c.get("use_sliding_window").Exists():
		full := min(layers, c.number("max_window_layers"))
		return append(slices.Repeat([]layerKind{fullLayer}, full),
			slices.Repeat([]layerKind{slidingLayer}, layers-full)...)
	case window:
		return slices.Repeat([]layerKind{slidingLayer}, layers)
	}
	if offset < 0 {
		offset = every - 1
	}
	kinds := make([]layerKind, layers)
	for i := range kinds {
		kinds[i] = rest
		if i%every == offset {
			kinds[i] = fullLayer
		}
	}
	return kinds
}
