package kvcache

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// GiB is 2³⁰ bytes.
const GiB = 1 << 30

// Model is the part of a model that decides how large its KV cache is. See ParseModel and ModelByName.
type Model struct {
	Name   string
	Layers []LayerGroup
	// KVBits is the size of an element of the cache in bits, as the config says: 16, 32, or 8 for a quantised cache.
	KVBits int
	// StateBits is the size of an element of the recurrent state of linear-attention layers.
	StateBits int
	// Notes says what could not be counted.
	Notes []string
}

// LayerGroup is a number of layers of the same kind.
type LayerGroup struct {
	Count int
	// KVHeads heads keep Dim elements per token between key and value together. KVHeads 0 with Dim set is multi-head
	// latent attention: one vector of Dim elements for all heads, on every tensor-parallel rank.
	KVHeads, Dim int
	// Window is the number of tokens after which the layer stops growing; 0 = it never does.
	Window int
	// StateElements and ConvElements are the constant size of a linear-attention layer per sequence: recurrent state, at
	// StateBits each, and convolution, at the model's own precision.
	StateElements, ConvElements int
	// IndexBytes per token hold the 8-bit keys of a sparse-attention indexer and their scales.
	IndexBytes int
}

// Serving says how a model is served, as far as the size of its cache depends on it. The zero value is one GPU and the
// cache's precision as the model's config has it.
type Serving struct {
	KVBits int // bits of an element, in place of the model's; 0 = as the model says
	TP     int // tensor-parallel ranks; sizes are then those on one rank; 0 = 1
}

// ParseKVBits reads the name of a cache's type, as vLLM's --kv-cache-dtype has it, into bits: auto is 0, bfloat16 and
// float16 are 16, fp8 and its variants 8.
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
	return 0, fmt.Errorf("cache type %q is none of auto, bfloat16, float16, float32, fp8, int8", name)
}

// BytesPerToken is what every further token of a sequence costs: layers whose size is bounded are left out.
func (m *Model) BytesPerToken(s Serving) int64 {
	var bits int64
	for _, g := range m.Layers {
		if g.Window == 0 {
			bits += int64(g.Count) * m.tokenBits(g, s)
		}
	}
	return (bits + 7) / 8
}

// SequenceBytes is the size of a sequence of so many tokens, windows and constant states included.
func (m *Model) SequenceBytes(tokens int, s Serving) int64 {
	tp := int64(max(1, s.TP))
	var bits int64
	for _, g := range m.Layers {
		kept := tokens
		if g.Window > 0 {
			kept = min(kept, g.Window)
		}
		state := (int64(g.StateElements)*int64(m.StateBits) + int64(g.ConvElements)*int64(max(16, m.KVBits))) / tp
		bits += int64(g.Count) * (int64(kept)*m.tokenBits(g, s) + state)
	}
	return (bits + 7) / 8
}

// BlockBytes is the size of a block of so many tokens, bounded layers left out.
func (m *Model) BlockBytes(blockSize int, s Serving) int64 {
	return int64(blockSize) * m.BytesPerToken(s)
}

// Blocks is how many blocks of blockSize tokens fit into so many bytes; Unlimited if no layer of the model grows.
func (m *Model) Blocks(bytes float64, blockSize int, s Serving) int {
	size := m.BlockBytes(blockSize, s)
	if size == 0 {
		return Unlimited
	}
	return int(min(max(0, bytes/float64(size)), maxBlocks))
}

func (m *Model) tokenBits(g LayerGroup, s Serving) int64 {
	bits := s.KVBits
	if bits == 0 {
		bits = m.KVBits
	}
	heads := int64(1) // latent: every rank has the whole vector
	if g.KVHeads > 0 {
		tp := max(1, s.TP)
		heads = int64((g.KVHeads + tp - 1) / tp) // of fewer heads than ranks each rank has one
	}
	return heads*int64(g.Dim)*int64(bits) + 8*int64(g.IndexBytes)
}

// ParseModel reads a model's config.json as the Hugging Face hub has it. Grouped-query, multi-query and multi-head
// attention, an explicit head_dim or value size, multi-head latent attention, language models nested in multimodal ones,
// sliding windows and chunks, layers of several kinds, linear attention and Mamba-2 states, layers that share another's
// cache, and a cache quantised by the checkpoint are understood. Layers of speculative heads are not counted.
func ParseModel(config []byte) (*Model, error) {
	if !json.Valid(config) || !gjson.ParseBytes(config).IsObject() {
		return nil, errors.New("model config is not a JSON object")
	}
	c := newModelConfig(gjson.ParseBytes(config))
	m := &Model{Name: c.text("_name_or_path"), KVBits: 16}
	layers := c.need("num_hidden_layers", "n_layer", "n_layers", "num_layers")
	attention := c.attention()
	if c.err == nil && layers == 0 {
		c.err = errors.New("model config: num_hidden_layers is 0")
	}
	if c.err != nil {
		return nil, c.err
	}

	if bits, err := ParseKVBits(c.text("dtype", "torch_dtype")); err == nil && bits > 16 {
		m.KVBits = bits
	}
	if q := c.number("quantization_config.kv_cache_scheme.num_bits"); q > 0 {
		m.KVBits = q
	}
	m.StateBits = max(16, m.KVBits)
	if bits, err := ParseKVBits(c.text("mamba_ssm_dtype")); err == nil && bits > 0 {
		m.StateBits = bits
	}

	kinds, err := c.kinds(layers)
	if err != nil {
		return nil, err
	}
	unknown := 0
	for _, kind := range kinds {
		var g LayerGroup
		switch kind {
		case fullLayer:
			g = attention
			if heads, dim := c.number("num_global_key_value_heads"), c.number("global_head_dim"); g.KVHeads > 0 && heads+dim > 0 {
				if heads > 0 {
					g.KVHeads = heads
				}
				if dim > 0 {
					g.Dim = 2 * dim
				}
			}
		case slidingLayer:
			g = attention
			g.Window = c.number("sliding_window", "sliding_window_size")
		case chunkedLayer:
			g = attention
			g.Window = c.number("attention_chunk_size")
		case linearLayer:
			if g = c.linear(); g == (LayerGroup{}) {
				unknown++
			}
		default: // no cache at all
			continue
		}
		g.Count = 1
		m.add(g)
	}
	if c.err != nil {
		return nil, c.err
	}
	if unknown > 0 {
		m.Notes = append(m.Notes, fmt.Sprintf("the state of %d layers without attention is not known and not counted", unknown))
	}
	// Far beyond any model, and keeps every product within 64 bits.
	for _, g := range m.Layers {
		token := (float64(max(1, g.KVHeads))*float64(g.Dim) + float64(g.IndexBytes)) * float64(g.Count)
		if state := float64(g.StateElements) + float64(g.ConvElements); token > 16<<20 || state > 16<<30 {
			return nil, fmt.Errorf("model config: %.0f cache elements for a token and %.0f for a sequence cannot be", token, state)
		}
	}
	if m.BytesPerToken(Serving{}) == 0 {
		m.Notes = append(m.Notes, "no layer grows with the context")
	}
	return m, nil
}

func (m *Model) add(g LayerGroup) {
	for i := range m.Layers {
		same := m.Layers[i]
		same.Count = 1
		if same == g {
			m.Layers[i].Count++
			return
		}
	}
	m.Layers = append(m.Layers, g)
}

// modelConfig is a config.json and the object in it that describes the language model.
type modelConfig struct {
	levels []gjson.Result // the innermost first
	kind   string         // model_type
	err    error
}

func newModelConfig(top gjson.Result) *modelConfig {
	c := &modelConfig{levels: []gjson.Result{top}}
	for _, path := range []string{"thinker_config.text_config", "text_config", "llm_config", "language_config"} {
		if inner := top.Get(path); inner.IsObject() {
			c.levels = []gjson.Result{inner, top}
			break
		}
	}
	c.kind = c.text("model_type")
	return c
}

// get returns the first of the names that is there and not null.
func (c *modelConfig) get(names ...string) gjson.Result {
	for _, level := range c.levels {
		for _, name := range names {
			if v := level.Get(name); v.Exists() && v.Type != gjson.Null {
				return v
			}
		}
	}
	// Classes whose config files leave out what equals the default of transformers.
	for _, d := range classDefaults {
		if c.kind == "" || !strings.HasPrefix(c.kind, d.kind) {
			continue
		}
		for _, name := range names {
			if v, ok := d.values[name]; ok {
				return gjson.Result{Type: gjson.Number, Num: v}
			}
		}
	}
	return gjson.Result{}
}

var classDefaults = []struct {
	kind   string
	values map[string]float64
}{
	{"gemma2", map[string]float64{"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "sliding_window": 4096, "sliding_window_pattern": 2}},
	{"gemma3", map[string]float64{"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "sliding_window": 4096, "sliding_window_pattern": 6}},
	{"cohere2", map[string]float64{"sliding_window_pattern": 4}},
	{"gpt_oss", map[string]float64{"head_dim": 64, "sliding_window_pattern": 2}},
	{"llama4", map[string]float64{"num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128, "attention_chunk_size": 8192, "no_rope_layer_interval": 4}},
}

func (c *modelConfig) text(names ...string) string {
	if v := c.get(names...); v.Type == gjson.String {
		return v.Str
	}
	return ""
}

// number returns the first of the names that is there, 0 if none is.
func (c *modelConfig) number(names ...string) int {
	v := c.get(names...)
	if !v.Exists() {
		return 0
	}
	const most = 1 << 20 // any product of three is still a number
	if v.Type != gjson.Number || v.Num != math.Trunc(v.Num) || v.Num < 0 || v.Num > most {
		if c.err == nil {
			c.err = fmt.Errorf("model config: %s must be a whole number", names[0])
		}
		return 0
	}
	return int(v.Num)
}

func (c *modelConfig) need(names ...string) int {
	n := c.number(names...)
	if n == 0 && c.err == nil {
		c.err = fmt.Errorf("model config: %s is missing", names[0])
	}
	return n
}

// attention returns a full-attention layer.
func (c *modelConfig) attention() LayerGroup {
	if rank := c.number("kv_lora_rank"); rank > 0 {
		g := LayerGroup{Dim: rank + c.number("qk_rope_head_dim")}
		if n := c.number("index_head_dim"); n > 0 {
			g.IndexBytes = n + n/128*4 // a 32-bit scale for every 128 elements
		}
		return g
	}
	heads := c.need("num_attention_heads", "n_head", "n_heads")
	g := LayerGroup{KVHeads: c.number("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num")}
	if g.KVHeads == 0 {
		g.KVHeads = heads
		if c.get("multi_query").Bool() {
			g.KVHeads = 1
		}
	}
	dim := c.number("head_dim", "kv_channels", "attention_head_dim")
	if dim == 0 {
		dim = c.need("hidden_size", "n_embd", "d_model") / max(1, heads)
	}
	g.Dim = 2 * dim
	if v := c.number("v_head_dim"); v > 0 {
		g.Dim = dim + v
	}
	return g
}

// linear returns a layer of constant size: gated delta rule (Qwen3-Next) or Mamba-2; the zero value if it is neither.
func (c *modelConfig) linear() LayerGroup {
	var state, width, kernel int // width: channels of the convolution
	if values := c.number("linear_num_value_heads"); values > 0 {
		keys, kd, vd := c.number("linear_num_key_heads"), c.number("linear_key_head_dim"), c.number("linear_value_head_dim")
		state, width, kernel = values*kd*vd, 2*keys*kd+values*vd, c.number("linear_conv_kernel_dim")
	} else if heads := c.number("mamba_num_heads", "mamba_n_heads"); heads > 0 {
		dim, n := c.number("mamba_head_dim", "mamba_d_head"), c.number("ssm_state_size", "mamba_d_state")
		groups := c.number("n_groups", "mamba_n_groups")
		state, width, kernel = heads*dim*n, heads*dim+2*groups*n, c.number("conv_kernel", "mamba_d_conv")
	}
	return LayerGroup{StateElements: state, ConvElements: width * max(0, kernel-1)}
}

type layerKind int

const (
	noCache layerKind = iota
	fullLayer
	slidingLayer
	chunkedLayer
	linearLayer
)

// maxLayers bounds the work a config can ask for.
const maxLayers = 10_000

// kinds returns the kind of every layer that has a cache of its own.
func (c *modelConfig) kinds(layers int) ([]layerKind, error) {
	if layers > maxLayers {
		return nil, fmt.Errorf("model config: %d layers cannot be", layers)
	}
	kinds, err := c.allKinds(layers)
	if err != nil {
		return nil, err
	}
	// The last layers may read the cache of earlier ones.
	return kinds[:len(kinds)-min(len(kinds), c.number("num_kv_shared_layers"))], nil
}

func (c *modelConfig) allKinds(layers int) ([]layerKind, error) {
	if list := c.get("layer_types", "layers_block_type"); list.IsArray() {
		var kinds []layerKind
		for _, v := range list.Array() {
			kind, ok := kindNames[v.String()]
			if !ok {
				return nil, fmt.Errorf("model config: layer type %q is not known", v.String())
			}
			kinds = append(kinds, kind)
		}
		if len(kinds) != layers {
			return nil, fmt.Errorf("model config: %d layer types for %d layers", len(kinds), layers)
		}
		return kinds, nil
	}
	if list := c.get("attn_type_list"); list.IsArray() { // MiniMax: 1 is attention
		var kinds []layerKind
		for _, v := range list.Array() {
			if v.Num == 1 {
				kinds = append(kinds, fullLayer)
			} else {
				kinds = append(kinds, linearLayer)
			}
		}
		return kinds, nil
	}
	if list := c.get("linear_attn_config.full_attn_layers"); list.IsArray() { // Kimi Linear: counted from 1
		kinds := slices.Repeat([]layerKind{linearLayer}, layers)
		for _, v := range list.Array() {
			if v.Num < 1 || v.Num > float64(layers) {
				return nil, fmt.Errorf("model config: full_attn_layers names layer %v of %d", v.Num, layers)
			}
			kinds[int(v.Num)-1] = fullLayer
		}
		return kinds, nil
	}
	if pattern := c.text("hybrid_override_pattern"); pattern != "" {
		var kinds []layerKind
		for _, r := range pattern {
			switch r {
			case '*':
				kinds = append(kinds, fullLayer)
			case 'M':
				kinds = append(kinds, linearLayer)
			}
		}
		return kinds, nil
	}

	// What the layers are that are not the n-th, 2n-th, ... (or, with an offset, the offset-th, ...).
	every, offset, rest := 1, -1, fullLayer
	window := c.number("sliding_window", "sliding_window_size") > 0
	if v := c.get("use_sliding_window"); v.Exists() {
		window = window && v.Bool()
	}
	switch {
	case c.number("full_attention_interval") > 0:
		every, rest = c.number("full_attention_interval"), linearLayer
	case c.number("attn_layer_period") > 0:
		every, offset, rest = c.number("attn_layer_period"), c.number("attn_layer_offset"), linearLayer
	case c.number("attention_chunk_size") > 0 && c.number("no_rope_layer_interval") > 0:
		every, rest = c.number("no_rope_layer_interval"), chunkedLayer
	case window && c.number("sliding_window_pattern") > 0:
		every, rest = c.number("sliding_window_pattern"), slidingLayer
	case window && c.get("max_window_layers").Exists() && c.get("use_sliding_window").Exists():
		full := min(layers, c.number("max_window_layers"))
		return append(slices.Repeat([]layerKind{fullLayer}, full), slices.Repeat([]layerKind{slidingLayer}, layers-full)...), nil
	case window:
		return slices.Repeat([]layerKind{slidingLayer}, layers), nil
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
	return kinds, nil
}

var kindNames = map[string]layerKind{
	"full_attention": fullLayer, "attention": fullLayer, "hybrid": fullLayer,
	"sliding_attention": slidingLayer, "sliding_window": slidingLayer, "chunked_attention": chunkedLayer,
	"linear_attention": linearLayer, "mamba": linearLayer, "mamba2": linearLayer, "recurrent": linearLayer, "conv": linearLayer,
	"mlp": noCache, "moe": noCache,
}
